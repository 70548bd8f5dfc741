#include "keyd/base/secret.h"

#include <openssl/crypto.h>

namespace keypool {

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    v_ = std::move(other.v_);
  }
  return *this;
}

Secret::~Secret() { Wipe(); }

void Secret::Wipe() noexcept {
  if (!v_.empty()) OPENSSL_cleanse(v_.data(), v_.size());
}

std::string Secret::Masked() const {
  constexpr std::size_t kShown = 4;
  constexpr std::string_view kEllipsis = "\u2026";
  if (v_.size() < 4 * kShown) return std::string(kEllipsis);
  std::string masked(v_.begin(), v_.begin() + kShown);
  masked += kEllipsis;
  masked.append(v_.end() - kShown, v_.end());
  return masked;
}

bool operator==(const Secret& a, const Secret& b) {
  return a.v_.size() == b.v_.size() && CRYPTO_memcmp(a.v_.data(), b.v_.data(), a.v_.size()) == 0;
}

}  // namespace keypool
