// What messages about clients and about admin tokens have in common: a name, an end, an overlap,
// and the tokens that are good. Private to this room.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/clients.h"
#include "keyd/base/token.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/timestamp.h"

namespace keypool::wire {

inline constexpr std::size_t kOwnerNameBytesMax = 64;

inline absl::Status CheckOwnerName(std::string_view name) {
  if (IsClientName(name)) return absl::OkStatus();
  return Invalid("name", "a letter, and up to 63 letters, digits and . _ - behind it");
}

inline std::uint64_t WholeSeconds(absl::Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, absl::ToInt64Seconds(duration)));
}

template <class Message>
void EncodeExpiry(const std::optional<absl::Duration>& expires_in, Message* out) {
  if (expires_in == absl::InfiniteDuration()) {
    out->set_never_expires(true);
  } else if (expires_in) {
    out->set_expires_in_seconds(WholeSeconds(*expires_in));
  }
}

// `field`: what expires_in_seconds is called in full. Errors: INVALID_ARGUMENT.
template <class Message>
absl::Status DecodeExpiry(const Message& in, std::string_view field,
                          std::optional<absl::Duration>* expires_in) {
  if (in.has_expires_in_seconds()) {
    const std::uint64_t most = WholeSeconds(kTokenExpiryMax);
    if (in.never_expires() || in.expires_in_seconds() < 1 || in.expires_in_seconds() > most) {
      return Invalid(field, "1 to 315360000, and absent with never_expires");
    }
    *expires_in = absl::Seconds(static_cast<std::int64_t>(in.expires_in_seconds()));
  } else if (in.never_expires()) {
    *expires_in = absl::InfiniteDuration();
  }
  return absl::OkStatus();
}

// What is absent stays. Errors: INVALID_ARGUMENT.
template <class Message>
absl::Status DecodeOverlap(const Message& in, absl::Duration* overlap) {
  if (!in.has_overlap_seconds()) return absl::OkStatus();
  if (in.overlap_seconds() > WholeSeconds(kTokenOverlapMax)) {
    return Invalid("overlap_seconds", "at most 7776000");
  }
  *overlap = absl::Seconds(static_cast<std::int64_t>(in.overlap_seconds()));
  return absl::OkStatus();
}

template <class Message>
void EncodeTokens(const std::vector<TokenStatus>& tokens, Message* out) {
  for (const TokenStatus& token : tokens) {
    auto* to = out->add_tokens();
    EncodeTime(token.made_at, to->mutable_made_at());
    if (token.valid_until) EncodeTime(*token.valid_until, to->mutable_valid_until());
  }
}

template <class Message>
std::vector<TokenStatus> DecodeTokens(const Message& in) {
  std::vector<TokenStatus> tokens;
  for (const auto& token : in.tokens()) {
    TokenStatus& to = tokens.emplace_back();
    to.made_at = DecodeTime(token.made_at());
    if (token.has_valid_until()) to.valid_until = DecodeTime(token.valid_until());
  }
  return tokens;
}

}  // namespace keypool::wire
