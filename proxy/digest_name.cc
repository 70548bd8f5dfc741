#include "proxy/digest_name.h"

#include <openssl/sha.h>

#include <array>

namespace keypool::proxy {

std::string DigestName(std::string_view kind, std::string_view secret) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr std::size_t kBytesUsed = 16;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
  std::string name(kind);
  name.push_back('/');
  for (std::size_t i = 0; i < kBytesUsed; ++i) {
    name.push_back(kDigits[digest[i] >> 4]);
    name.push_back(kDigits[digest[i] & 0x0f]);
  }
  return name;
}

}  // namespace keypool::proxy
