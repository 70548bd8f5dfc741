#include "keyd/base/token.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "keyd/base/status.h"

namespace keypool {
namespace {

constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kChecksumBytes = 4;  // the digest's last
constexpr std::size_t kPayloadBytes = kRandomBytes + kChecksumBytes;
static_assert(kTokenStartBytes + kPayloadBytes / 3 * 4 == kTokenBytes && kPayloadBytes % 3 == 0);

using Payload = std::array<std::uint8_t, kPayloadBytes>;

TokenDigest DigestOfBits(const TokenKind& kind, const std::uint8_t* random) {
  constexpr std::size_t kPurposeBytesMax = 32;
  std::array<std::uint8_t, kPurposeBytesMax + kRandomBytes> input;
  const std::string_view purpose = kind.purpose.substr(0, kPurposeBytesMax);
  const auto end = std::copy(purpose.begin(), purpose.end(), input.begin());
  std::copy_n(random, kRandomBytes, end);
  TokenDigest digest;
  SHA256(input.data(), purpose.size() + kRandomBytes, digest.data());
  OPENSSL_cleanse(input.data(), input.size());
  return digest;
}

// -1: none of base64url.
int ValueOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

// Of text that looks like a token.
Payload Decode(std::string_view text) {
  Payload payload;
  auto out = payload.begin();
  for (std::size_t i = kTokenStartBytes; i < kTokenBytes; i += 4) {
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      word = (word << 6) | static_cast<std::uint32_t>(ValueOf(text[i + j]));
    }
    *out++ = static_cast<std::uint8_t>(word >> 16);
    *out++ = static_cast<std::uint8_t>(word >> 8);
    *out++ = static_cast<std::uint8_t>(word);
  }
  return payload;
}

}  // namespace

absl::StatusOr<SecretPtr> MakeToken(const TokenKind& kind) {
  Payload payload;
  if (RAND_priv_bytes(payload.data(), kRandomBytes) != 1) {
    return absl::UnavailableError("the machine has no random bits for a token; try again");
  }
  const TokenDigest digest = DigestOfBits(kind, payload.data());
  std::copy_n(digest.end() - kChecksumBytes, kChecksumBytes, payload.begin() + kRandomBytes);
  std::string text = absl::WebSafeBase64Escape(
      absl::string_view(reinterpret_cast<const char*>(payload.data()), payload.size()));
  text.insert(0, kind.start);
  auto token = std::make_shared<const Secret>(text);
  OPENSSL_cleanse(payload.data(), payload.size());
  OPENSSL_cleanse(text.data(), text.size());
  return token;
}

bool LooksLikeToken(const TokenKind& kind, std::string_view text) {
  return text.size() == kTokenBytes && text.starts_with(kind.start) &&
         std::all_of(text.begin() + kTokenStartBytes, text.end(),
                     [](char c) { return ValueOf(c) >= 0; });
}

std::optional<TokenDigest> DigestOfToken(const TokenKind& kind, std::string_view text) {
  if (!LooksLikeToken(kind, text)) return std::nullopt;
  Payload payload = Decode(text);
  const TokenDigest digest = DigestOfBits(kind, payload.data());
  const bool whole = CRYPTO_memcmp(payload.data() + kRandomBytes, digest.end() - kChecksumBytes,
                                   kChecksumBytes) == 0;
  OPENSSL_cleanse(payload.data(), payload.size());
  if (!whole) return std::nullopt;
  return digest;
}

std::optional<TokenDigest> DigestOfToken(const TokenKind& kind, const Secret& token) {
  return DigestOfToken(kind, token.Reveal());
}

bool TokenDigestEqual::operator()(const TokenDigest& a, const TokenDigest& b) const {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace keypool
