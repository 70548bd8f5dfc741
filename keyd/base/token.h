// What somebody shows to be let in: a start that tells its kind, and 48 characters of base64url,
// which hold 256 random bits and a checksum. keyd keeps a digest only, and with 256 bits of chance
// in it nobody finds a token that has it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/secret.h"

namespace keypool {

// What one kind of tokens is good for nothing else: the purpose is in the digest.
struct TokenKind {
  std::string_view start;    // kTokenStartBytes
  std::string_view purpose;  // at most 32 bytes
};

inline constexpr std::size_t kTokenStartBytes = 4;
inline constexpr std::size_t kTokenBytes = 52;

// SHA-256 of what it is for and the random bits.
using TokenDigest = std::array<std::uint8_t, 32>;

// How long the token before stays good beside a new one.
inline constexpr absl::Duration kTokenOverlap = absl::Hours(24);
inline constexpr absl::Duration kTokenOverlapMax = absl::Hours(24 * 90);
inline constexpr absl::Duration kTokenExpiryMax = absl::Hours(24 * 3650);

// A new one. Thread-safe. Errors: UNAVAILABLE (OpenSSL has no random bits).
absl::StatusOr<SecretPtr> MakeToken(const TokenKind& kind);

// True for text of the form of a token; its checksum is not looked at. Thread-safe.
bool LooksLikeToken(const TokenKind& kind, std::string_view text);

// Nothing: it is no token of this kind, or was mistyped. Thread-safe.
std::optional<TokenDigest> DigestOfToken(const TokenKind& kind, std::string_view text);
std::optional<TokenDigest> DigestOfToken(const TokenKind& kind, const Secret& token);

// What is told of a token that is good.
struct TokenStatus {
  absl::Time made_at;
  std::optional<absl::Time> valid_until = std::nullopt;  // nothing: as long as its owner
};

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
