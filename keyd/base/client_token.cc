#include "keyd/base/client_token.h"

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
static_assert(kClientTokenStart.size() + kPayloadBytes / 3 * 4 == kClientTokenBytes &&
              kPayloadBytes % 3 == 0);

using Payload = std::array<std::uint8_t, kPayloadBytes>;

TokenDigest DigestOfBits(const std::uint8_t* random) {
  constexpr std::string_view kPurpose = "keypool client token";
  std::array<std::uint8_t, kPurpose.size() + kRandomBytes> input;
  std::copy(kPurpose.begin(), kPurpose.end(), input.begin());
  std::copy_n(random, kRandomBytes, input.begin() + kPurpose.size());
  TokenDigest digest;
  SHA256(input.data(), input.size(), digest.data());
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
  for (std::size_t i = kClientTokenStart.size(); i < kClientTokenBytes; i += 4) {
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

absl::StatusOr<SecretPtr> MakeClientToken() {
  Payload payload;
  if (RAND_priv_bytes(payload.data(), kRandomBytes) != 1) {
    return absl::UnavailableError("the machine has no random bits for a token; try again");
  }
  const TokenDigest digest = DigestOfBits(payload.data());
  std::copy_n(digest.end() - kChecksumBytes, kChecksumBytes, payload.begin() + kRandomBytes);
  std::string text = absl::WebSafeBase64Escape(
      absl::string_view(reinterpret_cast<const char*>(payload.data()), payload.size()));
  text.insert(0, kClientTokenStart);
  auto token = std::make_shared<const Secret>(text);
  OPENSSL_cleanse(payload.data(), payload.size());
  OPENSSL_cleanse(text.data(), text.size());
  return token;
}

bool LooksLikeClientToken(std::string_view text) {
  return text.size() == kClientTokenBytes && text.starts_with(kClientTokenStart) &&
         std::all_of(text.begin() + kClientTokenStart.size(), text.end(),
                     [](char c) { return ValueOf(c) >= 0; });
}

std::optional<TokenDigest> DigestOfClientToken(std::string_view text) {
  if (!LooksLikeClientToken(text)) return std::nullopt;
  Payload payload = Decode(text);
  const TokenDigest digest = DigestOfBits(payload.data());
  const bool whole = CRYPTO_memcmp(payload.data() + kRandomBytes, digest.end() - kChecksumBytes,
                                   kChecksumBytes) == 0;
  OPENSSL_cleanse(payload.data(), payload.size());
  if (!whole) return std::nullopt;
  return digest;
}

std::optional<TokenDigest> DigestOfClientToken(const Secret& text) {
  return DigestOfClientToken(text.Reveal());
}

TokenDigest DigestOf(const Secret& token) {
  return DigestOfClientToken(token.Reveal()).value_or(TokenDigest{});
}

bool TokenDigestEqual::operator()(const TokenDigest& a, const TokenDigest& b) const {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace keypool
