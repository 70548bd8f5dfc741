// What keyd answers to a proxy.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/lease_wire.h"
#include "keyd/wire/text.h"

namespace keypool::wire {
namespace {

std::uint32_t Milliseconds32(absl::Duration d) {
  constexpr std::int64_t max = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(absl::ToInt64Milliseconds(d), 0, max));
}

v1::Refused::Reason EncodeReason(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kNoKeys:
      return v1::Refused::REASON_NO_KEYS;
    case RefusalReason::kAllDisabled:
      return v1::Refused::REASON_ALL_DISABLED;
    case RefusalReason::kExhausted:
      return v1::Refused::REASON_EXHAUSTED;
    case RefusalReason::kAllExcluded:
      return v1::Refused::REASON_ALL_EXCLUDED;
    case RefusalReason::kNotRetryable:
      return v1::Refused::REASON_NOT_RETRYABLE;
    case RefusalReason::kLimitReached:
      return v1::Refused::REASON_LIMIT_REACHED;
    case RefusalReason::kModelOverloaded:
      return v1::Refused::REASON_MODEL_OVERLOADED;
    case RefusalReason::kSourceThrottled:
      return v1::Refused::REASON_SOURCE_THROTTLED;
    case RefusalReason::kTooLarge:
      return v1::Refused::REASON_TOO_LARGE;
    case RefusalReason::kResourcesApart:
      return v1::Refused::REASON_RESOURCES_APART;
    case RefusalReason::kOwnerUnavailable:
      return v1::Refused::REASON_OWNER_UNAVAILABLE;
    case RefusalReason::kNoMoreProjects:
      return v1::Refused::REASON_NO_MORE_PROJECTS;
    case RefusalReason::kUnauthenticated:
      return v1::Refused::REASON_UNAUTHENTICATED;
    case RefusalReason::kClientQuota:
      return v1::Refused::REASON_CLIENT_QUOTA;
    case RefusalReason::kModelNotAllowed:
      return v1::Refused::REASON_MODEL_NOT_ALLOWED;
    case RefusalReason::kNotOwner:
      return v1::Refused::REASON_NOT_OWNER;
  }
  return v1::Refused::REASON_UNSPECIFIED;
}

std::optional<RefusalReason> DecodeReason(v1::Refused::Reason reason) {
  switch (reason) {
    case v1::Refused::REASON_NO_KEYS:
      return RefusalReason::kNoKeys;
    case v1::Refused::REASON_ALL_DISABLED:
      return RefusalReason::kAllDisabled;
    case v1::Refused::REASON_EXHAUSTED:
      return RefusalReason::kExhausted;
    case v1::Refused::REASON_ALL_EXCLUDED:
      return RefusalReason::kAllExcluded;
    case v1::Refused::REASON_NOT_RETRYABLE:
      return RefusalReason::kNotRetryable;
    case v1::Refused::REASON_LIMIT_REACHED:
      return RefusalReason::kLimitReached;
    case v1::Refused::REASON_MODEL_OVERLOADED:
      return RefusalReason::kModelOverloaded;
    case v1::Refused::REASON_SOURCE_THROTTLED:
      return RefusalReason::kSourceThrottled;
    case v1::Refused::REASON_TOO_LARGE:
      return RefusalReason::kTooLarge;
    case v1::Refused::REASON_RESOURCES_APART:
      return RefusalReason::kResourcesApart;
    case v1::Refused::REASON_OWNER_UNAVAILABLE:
      return RefusalReason::kOwnerUnavailable;
    case v1::Refused::REASON_NO_MORE_PROJECTS:
      return RefusalReason::kNoMoreProjects;
    case v1::Refused::REASON_UNAUTHENTICATED:
      return RefusalReason::kUnauthenticated;
    case v1::Refused::REASON_CLIENT_QUOTA:
      return RefusalReason::kClientQuota;
    case v1::Refused::REASON_MODEL_NOT_ALLOWED:
      return RefusalReason::kModelNotAllowed;
    case v1::Refused::REASON_NOT_OWNER:
      return RefusalReason::kNotOwner;
    default:
      return std::nullopt;
  }
}

v1::Refused::Window EncodeWindow(QuotaWindow window) {
  switch (window) {
    case QuotaWindow::kRequestsPerMinute:
      return v1::Refused::WINDOW_REQUESTS_PER_MINUTE;
    case QuotaWindow::kInputTokensPerMinute:
      return v1::Refused::WINDOW_INPUT_TOKENS_PER_MINUTE;
    case QuotaWindow::kRequestsPerDay:
      return v1::Refused::WINDOW_REQUESTS_PER_DAY;
    case QuotaWindow::kInputTokensPerDay:
      return v1::Refused::WINDOW_INPUT_TOKENS_PER_DAY;
  }
  return v1::Refused::WINDOW_UNSPECIFIED;
}

QuotaWindow DecodeWindow(v1::Refused::Window window) {
  switch (window) {
    case v1::Refused::WINDOW_INPUT_TOKENS_PER_MINUTE:
      return QuotaWindow::kInputTokensPerMinute;
    case v1::Refused::WINDOW_REQUESTS_PER_DAY:
      return QuotaWindow::kRequestsPerDay;
    case v1::Refused::WINDOW_INPUT_TOKENS_PER_DAY:
      return QuotaWindow::kInputTokensPerDay;
    default:
      return QuotaWindow::kRequestsPerMinute;
  }
}

void EncodeGrant(const Grant& grant, const GrantTerms& terms, v1::Granted* out) {
  out->set_lease_id(grant.lease.value());
  out->set_epoch(terms.epoch.value());
  out->set_key_id(ToString(grant.key));
  const std::string_view secret = grant.secret->Reveal();
  out->set_secret(secret.data(), secret.size());
  out->set_project_id(grant.project.value());
  out->set_send_by_ms(Milliseconds32(terms.send_by));
  if (grant.waited > absl::ZeroDuration()) out->set_waited_ms(Milliseconds32(grant.waited));
  out->set_time_to_live_ms(Milliseconds32(terms.time_to_live));
  out->set_owns(grant.owns);
  if (!grant.client.empty()) out->set_client(grant.client);
}

void EncodeRefusal(const Refusal& refusal, v1::Refused* out) {
  out->set_reason(EncodeReason(refusal.reason));
  if (refusal.retry_after) {
    // Rounded up: a proxy that comes back a moment too early is refused again.
    const absl::Duration wait = absl::Ceil(*refusal.retry_after, absl::Milliseconds(1));
    out->set_retry_after_ms(
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, absl::ToInt64Milliseconds(wait))));
  }
  out->set_spent_for_the_day(refusal.spent_for_the_day);
  out->set_limit(static_cast<std::uint64_t>(std::max<std::int64_t>(0, refusal.limit)));
  if (refusal.limit > 0) out->set_window(EncodeWindow(refusal.window));
  out->set_message(ClipText(refusal.message, kRefusalMessageBytesMax));
  out->mutable_foreign()->Add(refusal.foreign.begin(), refusal.foreign.end());
}

absl::StatusOr<Granted> DecodeGrant(const v1::Granted& in) {
  const std::optional<KeyId> key = ParseKeyId(in.key_id());
  if (!key) return NotUnderstood("granted.key_id");
  if (in.lease_id() == 0) return NotUnderstood("granted.lease_id");
  if (in.epoch() == 0) return NotUnderstood("granted.epoch");
  if (in.secret().empty()) return NotUnderstood("granted.secret");
  Granted granted;
  granted.grant = {LeaseId(in.lease_id()),
                   *key,
                   std::make_shared<const Secret>(in.secret()),
                   ProjectId(in.project_id()),
                   absl::Milliseconds(in.waited_ms()),
                   in.owns(),
                   in.client()};
  granted.epoch = Epoch(in.epoch());
  granted.send_by = absl::Milliseconds(in.send_by_ms());
  granted.time_to_live = absl::Milliseconds(in.time_to_live_ms());
  return granted;
}

absl::StatusOr<Refusal> DecodeRefusal(const v1::Refused& in) {
  const std::optional<RefusalReason> reason = DecodeReason(in.reason());
  if (!reason) return NotUnderstood("refused.reason");
  constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();
  Refusal refusal;
  refusal.reason = *reason;
  if (in.has_retry_after_ms()) {
    refusal.retry_after =
        absl::Milliseconds(static_cast<std::int64_t>(std::min(in.retry_after_ms(), max)));
  }
  refusal.spent_for_the_day = in.spent_for_the_day();
  refusal.limit = static_cast<std::int64_t>(std::min(in.limit(), max));
  refusal.window = DecodeWindow(in.window());
  refusal.message = in.message();
  refusal.foreign.assign(in.foreign().begin(), in.foreign().end());
  return refusal;
}

}  // namespace

void Encode(const AcquireReply& reply, const GrantTerms& terms, v1::AcquireResponse* out) {
  if (const Grant* grant = std::get_if<Grant>(&reply)) {
    EncodeGrant(*grant, terms, out->mutable_granted());
  } else if (const Refusal* refusal = std::get_if<Refusal>(&reply)) {
    EncodeRefusal(*refusal, out->mutable_refused());
  }
}

absl::StatusOr<AcquireAnswer> Decode(const v1::AcquireResponse& in) {
  switch (in.result_case()) {
    case v1::AcquireResponse::kGranted: {
      absl::StatusOr<Granted> granted = DecodeGrant(in.granted());
      if (!granted.ok()) return granted.status();
      return AcquireAnswer(*std::move(granted));
    }
    case v1::AcquireResponse::kRefused: {
      absl::StatusOr<Refusal> refusal = DecodeRefusal(in.refused());
      if (!refusal.ok()) return refusal.status();
      return AcquireAnswer(*std::move(refusal));
    }
    case v1::AcquireResponse::RESULT_NOT_SET:
      break;
  }
  return NotUnderstood("result");
}

v1::ReportResponse::Settled Encode(Settled settled) {
  switch (settled) {
    case Settled::kNow:
      return v1::ReportResponse::SETTLED_NOW;
    case Settled::kLate:
      return v1::ReportResponse::SETTLED_LATE;
    case Settled::kDuplicate:
      return v1::ReportResponse::SETTLED_DUPLICATE;
    case Settled::kOtherEpoch:
      return v1::ReportResponse::SETTLED_OTHER_EPOCH;
    case Settled::kGoesOn:
      return v1::ReportResponse::SETTLED_GOES_ON;
  }
  return v1::ReportResponse::SETTLED_UNSPECIFIED;
}

absl::StatusOr<Settled> Decode(v1::ReportResponse::Settled in) {
  switch (in) {
    case v1::ReportResponse::SETTLED_NOW:
      return Settled::kNow;
    case v1::ReportResponse::SETTLED_LATE:
      return Settled::kLate;
    case v1::ReportResponse::SETTLED_DUPLICATE:
      return Settled::kDuplicate;
    case v1::ReportResponse::SETTLED_OTHER_EPOCH:
      return Settled::kOtherEpoch;
    case v1::ReportResponse::SETTLED_GOES_ON:
      return Settled::kGoesOn;
    default:
      return NotUnderstood("settled");
  }
}

}  // namespace keypool::wire
