#include "tests/fakes/gemini/digest.h"

#include <array>

#include "absl/strings/escaping.h"

namespace keypool::fake {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_, EVP_sha256(), nullptr);
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::Add(std::string_view data) { EVP_DigestUpdate(context_, data.data(), data.size()); }

std::string Sha256::Hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_, hash.data(), &size);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(hash.data()), size));
}

std::string Sha256Hex(std::string_view data) {
  Sha256 hash;
  hash.Add(data);
  return hash.Hex();
}

}  // namespace keypool::fake
