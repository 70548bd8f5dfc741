// SHA-256, so that long bodies can be compared by their name.
#pragma once

#include <openssl/evp.h>

#include <string>
#include <string_view>

namespace keypool::fake {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(std::string_view data);
  // Lower-case; nothing may be added after it.
  std::string Hex();

 private:
  EVP_MD_CTX* context_;
};

std::string Sha256Hex(std::string_view data);

}  // namespace keypool::fake
