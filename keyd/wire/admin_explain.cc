// What an operator asks to understand the pool: why a key is, or is not, given a request, and what
// has happened.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/lease.h"
#include "keyd/base/status.h"
#include "keyd/wire/admin_wire.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/text.h"
#include "keyd/wire/timestamp.h"

namespace keypool::wire {
namespace {

// Longer than any text that keyd makes for these fields.
constexpr std::size_t kTextBytesMax = 1024;

// The enums of the wire are those of base, one higher: 0 is UNSPECIFIED there.
template <class Wire, class Base>
Wire ToWire(Base value) {
  return static_cast<Wire>(static_cast<int>(value) + 1);
}
template <class Base>
std::optional<Base> FromWire(int value, Base last) {
  if (value < 1 || value > static_cast<int>(last) + 1) return std::nullopt;
  return static_cast<Base>(value - 1);
}
static_assert(static_cast<int>(kKeyVerdictLast) + 1 == v1::KeyExplanation::Verdict_MAX);
static_assert(static_cast<int>(KeyVerdict::kCooling) + 1 == v1::KeyExplanation::VERDICT_COOLING);
static_assert(static_cast<int>(kEventKindLast) + 1 == v1::PoolEvent::Kind_MAX);
static_assert(static_cast<int>(EventKind::kSourceWorks) + 1 == v1::PoolEvent::KIND_SOURCE_WORKS);

void EncodeKey(const KeyExplanation& key, v1::KeyExplanation* out) {
  out->set_key_id(ToString(key.key));
  out->set_project_id(key.project.value());
  out->set_verdict(ToWire<v1::KeyExplanation::Verdict>(key.verdict));
  if (key.until) EncodeTime(*key.until, out->mutable_until());
  out->set_reason(ClipText(key.reason, kTextBytesMax));
  out->set_row(key.row);
  if (key.since) EncodeTime(*key.since, out->mutable_since());
}

absl::StatusOr<KeyExplanation> DecodeKey(const v1::KeyExplanation& in) {
  const std::optional<KeyId> id = ParseKeyId(in.key_id());
  if (!id) return NotUnderstood("keys.key_id");
  const auto verdict = FromWire(in.verdict(), kKeyVerdictLast);
  if (!verdict) return NotUnderstood("keys.verdict");
  KeyExplanation key;
  key.key = *id;
  key.project = ProjectId(in.project_id());
  key.verdict = *verdict;
  if (in.has_until()) key.until = DecodeTime(in.until());
  key.reason = in.reason();
  key.row = in.row();
  if (in.has_since()) key.since = DecodeTime(in.since());
  return key;
}

void EncodeEvent(const PoolEvent& event, v1::PoolEvent* out) {
  out->set_number(event.number);
  out->set_kind(ToWire<v1::PoolEvent::Kind>(event.kind));
  EncodeTime(event.at, out->mutable_at());
  EncodeTime(event.last_at, out->mutable_last_at());
  out->set_count(static_cast<std::uint32_t>(std::clamp<std::int64_t>(event.count, 1, UINT32_MAX)));
  if (event.key) out->set_key_id(ToString(*event.key));
  out->set_project_id(event.project.value());
  out->set_model(ClipText(event.model, kTextBytesMax));
  out->set_row(event.row);
  out->set_text(ClipText(event.text, kTextBytesMax));
  if (event.until) EncodeTime(*event.until, out->mutable_until());
}

absl::StatusOr<PoolEvent> DecodeEvent(const v1::PoolEvent& in) {
  const auto kind = FromWire(in.kind(), kEventKindLast);
  if (!kind) return NotUnderstood("events.kind");
  PoolEvent event;
  event.number = in.number();
  event.kind = *kind;
  event.at = DecodeTime(in.at());
  event.last_at = DecodeTime(in.last_at());
  event.count = in.count();
  if (!in.key_id().empty()) {
    event.key = ParseKeyId(in.key_id());
    if (!event.key) return NotUnderstood("events.key_id");
  }
  event.project = ProjectId(in.project_id());
  event.model = in.model();
  event.row = in.row();
  event.text = in.text();
  if (in.has_until()) event.until = DecodeTime(in.until());
  return event;
}

}  // namespace

void Encode(const ExplainQuery& query, v1::ExplainRequest* out) {
  out->set_model(ClipText(query.model, kModelBytesMax));
  if (query.project) out->set_project_id(ClipText(query.project->value(), 4096));
  out->set_page_size(
      static_cast<std::uint32_t>(std::clamp<std::size_t>(query.keys_max, 1, kStatusKeysMax)));
  if (query.after != KeyId()) out->set_page_token(ToString(query.after));
}

absl::StatusOr<ExplainQuery> Decode(const v1::ExplainRequest& in) {
  if (in.model().empty() || in.model().size() > kModelBytesMax) {
    return Invalid("model", "1 to 128 bytes");
  }
  if (in.page_size() > kStatusKeysMax) return Invalid("page_size", "1 to 1000, or 0 for 1000");
  ExplainQuery query;
  query.model = in.model();
  if (!in.project_id().empty()) query.project = ProjectId(in.project_id());
  query.keys_max = in.page_size() == 0 ? kStatusKeysMax : in.page_size();
  if (!in.page_token().empty()) {
    const std::optional<KeyId> after = ParseKeyId(in.page_token());
    if (!after) return Invalid("page_token", "not a token of an earlier page");
    query.after = *after;
  }
  return query;
}

void Encode(const Explanation& explanation, v1::ExplainResponse* out) {
  EncodeTime(explanation.now, out->mutable_now());
  if (explanation.next_key) {
    out->set_next_key_id(ToString(*explanation.next_key));
    out->set_next_project_id(explanation.next_project.value());
  }
  out->set_refusal(ClipText(explanation.refusal, kTextBytesMax));
  if (explanation.first_at) EncodeTime(*explanation.first_at, out->mutable_first_at());
  for (const KeyExplanation& key : explanation.keys) EncodeKey(key, out->add_keys());
  if (explanation.more && !explanation.keys.empty()) {
    out->set_next_page_token(ToString(explanation.keys.back().key));
  }
}

absl::StatusOr<Explanation> Decode(const v1::ExplainResponse& in) {
  Explanation explanation;
  explanation.now = DecodeTime(in.now());
  if (!in.next_key_id().empty()) {
    explanation.next_key = ParseKeyId(in.next_key_id());
    if (!explanation.next_key) return NotUnderstood("next_key_id");
  }
  explanation.next_project = ProjectId(in.next_project_id());
  explanation.refusal = in.refusal();
  if (in.has_first_at()) explanation.first_at = DecodeTime(in.first_at());
  for (const v1::KeyExplanation& k : in.keys()) {
    absl::StatusOr<KeyExplanation> key = DecodeKey(k);
    if (!key.ok()) return key.status();
    explanation.keys.push_back(*std::move(key));
  }
  explanation.more = !in.next_page_token().empty();
  return explanation;
}

void Encode(const EventsQuery& query, v1::EventsRequest* out) {
  out->set_after(query.after);
  out->set_limit(
      static_cast<std::uint32_t>(std::clamp<std::size_t>(query.limit, 1, kEventsLimitMax)));
}

absl::StatusOr<EventsQuery> Decode(const v1::EventsRequest& in) {
  if (in.limit() > kEventsLimitMax) return Invalid("limit", "1 to 1000, or 0 for 1000");
  return EventsQuery{in.after(), in.limit() == 0 ? kEventsLimitMax : in.limit()};
}

void Encode(const PoolEvents& events, v1::EventsResponse* out) {
  out->set_epoch(events.epoch.value());
  for (const PoolEvent& event : events.events) EncodeEvent(event, out->add_events());
}

absl::StatusOr<PoolEvents> Decode(const v1::EventsResponse& in) {
  PoolEvents events;
  events.epoch = Epoch(in.epoch());
  for (const v1::PoolEvent& e : in.events()) {
    absl::StatusOr<PoolEvent> event = DecodeEvent(e);
    if (!event.ok()) return event.status();
    events.events.push_back(*std::move(event));
  }
  return events;
}

}  // namespace keypool::wire
