// What keyd shows to an operator.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/wire/admin_wire.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/text.h"
#include "keyd/wire/timestamp.h"

namespace keypool::wire {
namespace {

// Longer than any text that keyd makes for these fields.
constexpr std::size_t kTextBytesMax = 1024;

std::uint64_t NotNegative(std::int64_t v) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, v));
}

std::int64_t ToInt64(std::uint64_t v) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(v, INT64_MAX));
}

std::uint32_t ToUint32(std::int64_t v) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(v, 0, UINT32_MAX));
}

void EncodeWindow(const WindowStatus& window, v1::WindowStatus* out) {
  out->set_used(NotNegative(window.used));
  if (window.limit == kUnlimited) {
    out->set_unlimited(true);
  } else {
    out->set_limit(NotNegative(window.limit));
  }
  switch (window.source) {
    case LimitSource::kDefault:
      out->set_source(v1::WindowStatus::SOURCE_DEFAULT);
      break;
    case LimitSource::kConfigured:
      out->set_source(v1::WindowStatus::SOURCE_CONFIGURED);
      break;
    case LimitSource::kLearned:
      out->set_source(v1::WindowStatus::SOURCE_LEARNED);
      break;
  }
  if (window.learned_at) EncodeTime(*window.learned_at, out->mutable_learned_at());
}

WindowStatus DecodeWindow(const v1::WindowStatus& in) {
  WindowStatus window = {ToInt64(in.used()), in.unlimited() ? kUnlimited : ToInt64(in.limit())};
  if (in.source() == v1::WindowStatus::SOURCE_CONFIGURED) window.source = LimitSource::kConfigured;
  if (in.source() == v1::WindowStatus::SOURCE_LEARNED) window.source = LimitSource::kLearned;
  if (in.has_learned_at()) window.learned_at = DecodeTime(in.learned_at());
  return window;
}

v1::BucketStatus::State EncodeState(BucketState state) {
  switch (state) {
    case BucketState::kReady:
      return v1::BucketStatus::STATE_READY;
    case BucketState::kExhausted:
      return v1::BucketStatus::STATE_EXHAUSTED;
    case BucketState::kCooling:
      return v1::BucketStatus::STATE_COOLING;
  }
  return v1::BucketStatus::STATE_UNSPECIFIED;
}

std::optional<BucketState> DecodeState(v1::BucketStatus::State state) {
  switch (state) {
    case v1::BucketStatus::STATE_READY:
      return BucketState::kReady;
    case v1::BucketStatus::STATE_EXHAUSTED:
      return BucketState::kExhausted;
    case v1::BucketStatus::STATE_COOLING:
      return BucketState::kCooling;
    default:
      return std::nullopt;
  }
}

void EncodeBucket(const BucketStatus& bucket, v1::BucketStatus* out) {
  out->set_model(ClipText(bucket.model, kTextBytesMax));
  out->set_state(EncodeState(bucket.state));
  if (bucket.ready_at) EncodeTime(*bucket.ready_at, out->mutable_ready_at());
  out->set_reason(ClipText(bucket.reason, kTextBytesMax));
  EncodeWindow(bucket.per_minute, out->mutable_requests_per_minute());
  EncodeWindow(bucket.per_day, out->mutable_requests_per_day());
  EncodeWindow(bucket.tokens_per_minute, out->mutable_input_tokens_per_minute());
  EncodeWindow(bucket.tokens_per_day, out->mutable_input_tokens_per_day());
}

absl::StatusOr<BucketStatus> DecodeBucket(const v1::BucketStatus& in) {
  const std::optional<BucketState> state = DecodeState(in.state());
  if (!state) return NotUnderstood("buckets.state");
  BucketStatus bucket;
  bucket.model = in.model();
  bucket.state = *state;
  if (in.has_ready_at()) bucket.ready_at = DecodeTime(in.ready_at());
  bucket.reason = in.reason();
  bucket.per_minute = DecodeWindow(in.requests_per_minute());
  bucket.per_day = DecodeWindow(in.requests_per_day());
  // A keyd that does not count tokens says nothing of them.
  if (in.has_input_tokens_per_minute()) {
    bucket.tokens_per_minute = DecodeWindow(in.input_tokens_per_minute());
  }
  if (in.has_input_tokens_per_day()) {
    bucket.tokens_per_day = DecodeWindow(in.input_tokens_per_day());
  }
  return bucket;
}

void EncodeSummary(const PoolSummary& summary, v1::PoolSummary* out) {
  EncodeTime(summary.now, out->mutable_now());
  out->set_epoch(summary.epoch.value());
  out->set_keys_total(ToUint32(summary.keys_total));
  out->set_keys_active(ToUint32(summary.keys_active));
  out->set_keys_usable(ToUint32(summary.keys_usable));
  out->set_projects_total(ToUint32(summary.projects_total));
  out->set_leases_open(NotNegative(summary.leases_open));
  EncodeTime(summary.day_resets_at, out->mutable_day_resets_at());
  out->set_advice(ClipText(summary.advice, kTextBytesMax));
}

PoolSummary DecodeSummary(const v1::PoolSummary& in) {
  PoolSummary summary;
  summary.now = DecodeTime(in.now());
  summary.epoch = Epoch(in.epoch());
  summary.keys_total = in.keys_total();
  summary.keys_active = in.keys_active();
  summary.keys_usable = in.keys_usable();
  summary.projects_total = in.projects_total();
  summary.leases_open = ToInt64(in.leases_open());
  summary.day_resets_at = DecodeTime(in.day_resets_at());
  summary.advice = in.advice();
  return summary;
}

}  // namespace

void Encode(const KeyStatus& key, v1::KeyStatus* out) {
  out->set_key_id(ToString(key.id));
  out->set_project_id(key.project.value());
  out->set_masked_secret(ClipText(key.masked_secret, kTextBytesMax));
  out->set_state(key.active ? v1::KeyStatus::STATE_ACTIVE : v1::KeyStatus::STATE_DISABLED);
  if (!key.active) {
    out->set_disabled_reason(ClipText(key.disabled_reason, kTextBytesMax));
    EncodeTime(key.disabled_at, out->mutable_disabled_at());
    if (key.retry_at) EncodeTime(*key.retry_at, out->mutable_retry_at());
  }
  EncodeTime(key.added_at, out->mutable_added_at());
  if (key.last_used_at) EncodeTime(*key.last_used_at, out->mutable_last_used_at());
  for (const BucketStatus& bucket : key.buckets) EncodeBucket(bucket, out->add_buckets());
}

absl::StatusOr<KeyStatus> Decode(const v1::KeyStatus& in) {
  const std::optional<KeyId> id = ParseKeyId(in.key_id());
  if (!id) return NotUnderstood("key_id");
  if (in.state() != v1::KeyStatus::STATE_ACTIVE && in.state() != v1::KeyStatus::STATE_DISABLED) {
    return NotUnderstood("state");
  }
  KeyStatus key;
  key.id = *id;
  key.project = ProjectId(in.project_id());
  key.masked_secret = in.masked_secret();
  key.active = in.state() == v1::KeyStatus::STATE_ACTIVE;
  key.disabled_reason = in.disabled_reason();
  if (in.has_disabled_at()) key.disabled_at = DecodeTime(in.disabled_at());
  if (in.has_retry_at()) key.retry_at = DecodeTime(in.retry_at());
  key.added_at = DecodeTime(in.added_at());
  if (in.has_last_used_at()) key.last_used_at = DecodeTime(in.last_used_at());
  for (const v1::BucketStatus& b : in.buckets()) {
    absl::StatusOr<BucketStatus> bucket = DecodeBucket(b);
    if (!bucket.ok()) return bucket.status();
    key.buckets.push_back(*std::move(bucket));
  }
  return key;
}

void Encode(const PoolStatus& status, v1::StatusResponse* out) {
  EncodeSummary(status.summary, out->mutable_summary());
  for (const KeyStatus& key : status.keys) Encode(key, out->add_keys());
  if (status.more && !status.keys.empty()) {
    out->set_next_page_token(ToString(status.keys.back().id));
  }
}

absl::StatusOr<PoolStatus> Decode(const v1::StatusResponse& in) {
  PoolStatus status;
  status.summary = DecodeSummary(in.summary());
  for (const v1::KeyStatus& k : in.keys()) {
    absl::StatusOr<KeyStatus> key = Decode(k);
    if (!key.ok()) return Annotate(key.status(), "keys");
    status.keys.push_back(*std::move(key));
  }
  status.more = !in.next_page_token().empty();
  return status;
}

}  // namespace keypool::wire
