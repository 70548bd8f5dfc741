// lease.proto ⇄ base/lease.h.
//
// Decoding validates what a peer may get wrong; the error names the field and its bound. Encoding
// makes what is always valid: text that only describes an upstream answer is clipped to its bound,
// and what must not be clipped is checked first with Check. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/lease.h"
#include "keypool/v1/lease.pb.h"

namespace keypool::wire {

// Bounds of lease.proto beyond those of base/lease.h.
inline constexpr std::size_t kStatusBytesMax = 64;
inline constexpr std::size_t kReasonBytesMax = 128;
inline constexpr std::size_t kViolationsMax = 16;
inline constexpr std::size_t kViolationTextBytesMax = 256;
inline constexpr std::size_t kRefusalMessageBytesMax = 512;
inline constexpr std::uint64_t kTokensMax = 1'000'000'000'000;  // more count as this
inline constexpr absl::Duration kRetryDelayMax = absl::Hours(24 * 366);
// Acquires and reports together in one SessionRequest. An answer to two of them still fits into
// kMessageBytesMax.
inline constexpr int kSessionElementsMax = 2048;
inline constexpr std::size_t kMessageBytesMax = 4 * 1024 * 1024;

// What keyd adds to every grant of its reign.
struct GrantTerms {
  Epoch epoch;
  absl::Duration send_by;
  absl::Duration time_to_live;
};

// A grant as it comes out of keyd.
struct Granted {
  Grant grant;
  Epoch epoch;
  absl::Duration send_by;
  absl::Duration time_to_live;
};
using AcquireAnswer = std::variant<Granted, Refusal>;

struct AcquireCall {
  AcquireCommand command;
  std::optional<ReportCommand> previous;
};

// What Decode of the encoded command would say.
absl::Status Check(const AcquireCommand& command);

// REQUIRES: Check(command).ok(). `out` is empty.
void Encode(const AcquireCommand& command, const std::optional<ReportCommand>& previous,
            v1::AcquireRequest* out);
// Errors: INVALID_ARGUMENT (the field is named).
absl::StatusOr<AcquireCall> Decode(const v1::AcquireRequest& in);

void Encode(const ReportCommand& command, v1::ReportRequest* out);
// Errors: INVALID_ARGUMENT (the field is named).
absl::StatusOr<ReportCommand> Decode(const v1::ReportRequest& in);

// More than Encode ever makes of it.
std::size_t EncodedBytesMax(const ReportCommand& command);
std::size_t EncodedBytesMax(const AcquireCommand& command,
                            const std::optional<ReportCommand>& previous);

void Encode(const AcquireReply& reply, const GrantTerms& terms, v1::AcquireResponse* out);
// Errors: INTERNAL (keyd said something that this version does not understand; the field is named).
absl::StatusOr<AcquireAnswer> Decode(const v1::AcquireResponse& in);

v1::ReportResponse::Settled Encode(Settled settled);
// Errors: INTERNAL.
absl::StatusOr<Settled> Decode(v1::ReportResponse::Settled in);

}  // namespace keypool::wire
