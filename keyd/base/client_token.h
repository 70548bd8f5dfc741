// What a client shows to be served: "gkp_" and 48 characters of base64url, which hold 256 random
// bits and a checksum. keyd keeps a digest only, and with 256 bits of chance in it nobody finds a
// token that has it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/base/secret.h"

namespace keypool {

inline constexpr std::string_view kClientTokenStart = "gkp_";
inline constexpr std::size_t kClientTokenBytes = 52;

// SHA-256 of the random bits, with what they are for.
using TokenDigest = std::array<std::uint8_t, 32>;

// A new one. Thread-safe. Errors: UNAVAILABLE (OpenSSL has no random bits).
absl::StatusOr<SecretPtr> MakeClientToken();

// True for text of the form of a token; its checksum is not looked at. Thread-safe.
bool LooksLikeClientToken(std::string_view text);

// Nothing: it is no token, or was mistyped. Thread-safe.
std::optional<TokenDigest> DigestOfClientToken(std::string_view text);
std::optional<TokenDigest> DigestOfClientToken(const Secret& text);
// Of one that MakeClientToken has made.
TokenDigest DigestOf(const Secret& token);

// For hash tables: where an entry is tells no more than the digest's first bytes, and entries are
// compared in constant time.
struct TokenDigestHash {
  std::size_t operator()(const TokenDigest& digest) const {
    std::size_t hash = 0;
    std::memcpy(&hash, digest.data(), sizeof(hash));
    return hash;
  }
};
struct TokenDigestEqual {
  bool operator()(const TokenDigest& a, const TokenDigest& b) const;
};

}  // namespace keypool
