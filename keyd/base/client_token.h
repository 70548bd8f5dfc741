// The tokens that clients show in place of an API key: "gkp_…".
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/base/secret.h"
#include "keyd/base/token.h"

namespace keypool {

inline constexpr TokenKind kClientToken = {"gkp_", "keypool client token"};

// See token.h.
inline absl::StatusOr<SecretPtr> MakeClientToken() { return MakeToken(kClientToken); }
inline bool LooksLikeClientToken(std::string_view text) {
  return LooksLikeToken(kClientToken, text);
}
inline std::optional<TokenDigest> DigestOfClientToken(std::string_view text) {
  return DigestOfToken(kClientToken, text);
}
inline std::optional<TokenDigest> DigestOfClientToken(const Secret& text) {
  return DigestOfToken(kClientToken, text);
}
// Of one that MakeClientToken has made.
inline TokenDigest DigestOf(const Secret& token) {
  return DigestOfToken(kClientToken, token).value_or(TokenDigest{});
}

}  // namespace keypool
