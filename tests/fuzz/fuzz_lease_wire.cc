// Whatever a peer sends: what is decoded is inside every bound, encodes into what decodes to the
// same, in no more bytes than foretold, and what is refused is refused with a reason.
#include <string>
#include <variant>

#include "keyd/wire/lease_wire.h"
#include "tests/fuzz/fuzz.h"

namespace keypool {
namespace {

template <class Message>
bool Parse(std::string_view bytes, Message* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') return true;
  }
  return false;
}

void CheckText(std::string_view text, std::size_t bytes_max) {
  FUZZ_CHECK(text.size() <= bytes_max && !HasControl(text));
}

void CheckTokens(std::int64_t tokens) {
  FUZZ_CHECK(tokens >= 0 && static_cast<std::uint64_t>(tokens) <= wire::kTokensMax);
}

void CheckReport(const ReportCommand& report) {
  FUZZ_CHECK(report.lease.value() != 0 && report.epoch.value() != 0);
  CheckText(report.model, kModelBytesMax);
  CheckText(report.model_version, kModelBytesMax);
  CheckText(report.client, kClientBytesMax);
  const AnswerFacts& facts = report.facts;
  FUZZ_CHECK(facts.http_status == 0 || (facts.http_status >= 100 && facts.http_status <= 599));
  FUZZ_CHECK(facts.violations.size() <= wire::kViolationsMax);
  FUZZ_CHECK(facts.status.size() <= wire::kStatusBytesMax);
  FUZZ_CHECK(facts.reason.size() <= wire::kReasonBytesMax);
  for (const QuotaViolation& violation : facts.violations) {
    FUZZ_CHECK(violation.quota_id.size() <= wire::kViolationTextBytesMax);
    FUZZ_CHECK(!violation.quota_value || *violation.quota_value >= 0);
  }
  if (facts.retry_delay) {
    FUZZ_CHECK(*facts.retry_delay >= absl::ZeroDuration());
    FUZZ_CHECK(*facts.retry_delay <= wire::kRetryDelayMax);
  }
  FUZZ_CHECK(facts.message >= MessageClass::kNone && facts.message <= kMessageClassLast);
  if (report.usage) {
    CheckTokens(report.usage->input);
    CheckTokens(report.usage->output);
    CheckTokens(report.usage->cached);
    CheckTokens(report.usage->thoughts);
  }
  FUZZ_CHECK(report.resources.size() <= kResourcesMax);
  for (const ResourceNote& note : report.resources) {
    CheckText(note.name, kResourceBytesMax);
    FUZZ_CHECK(note.time_to_live >= absl::ZeroDuration());
    FUZZ_CHECK(note.time_to_live <= kResourceTimeMax);
  }
}

void CheckAcquire(const AcquireCommand& command) {
  FUZZ_CHECK(wire::Check(command).ok());
  CheckText(command.model, kModelBytesMax);
  CheckText(command.client, kClientBytesMax);
  CheckTokens(command.input_tokens);
  FUZZ_CHECK(command.exclude_keys.size() <= kExcludedMax);
  FUZZ_CHECK(command.exclude_projects.size() <= kExcludedMax);
  FUZZ_CHECK(command.resources.size() <= kResourcesMax);
  for (const std::string& name : command.resources) CheckText(name, kResourceBytesMax);
  FUZZ_CHECK(command.wait_up_to >= absl::ZeroDuration() && command.wait_up_to <= kWaitMax);
}

void FuzzAcquire(std::string_view bytes) {
  v1::AcquireRequest in, out, again;
  if (!Parse(bytes, &in)) return;
  const auto call = wire::Decode(in);
  if (!call.ok()) {
    FUZZ_CHECK(absl::IsInvalidArgument(call.status()));
    return;
  }
  CheckAcquire(call->command);
  if (call->previous) CheckReport(*call->previous);
  wire::Encode(call->command, call->previous, &out);
  FUZZ_CHECK(out.ByteSizeLong() <= wire::EncodedBytesMax(call->command, call->previous));
  const auto back = wire::Decode(out);
  FUZZ_CHECK(back.ok());
  wire::Encode(back->command, back->previous, &again);
  FUZZ_CHECK(again.SerializeAsString() == out.SerializeAsString());
}

void FuzzReport(std::string_view bytes) {
  v1::ReportRequest in, out, again;
  if (!Parse(bytes, &in)) return;
  const auto report = wire::Decode(in);
  if (!report.ok()) {
    FUZZ_CHECK(absl::IsInvalidArgument(report.status()));
    return;
  }
  CheckReport(*report);
  wire::Encode(*report, &out);
  FUZZ_CHECK(out.ByteSizeLong() <= wire::EncodedBytesMax(*report));
  const auto back = wire::Decode(out);
  FUZZ_CHECK(back.ok());
  wire::Encode(*back, &again);
  FUZZ_CHECK(again.SerializeAsString() == out.SerializeAsString());
}

void FuzzAnswer(std::string_view bytes) {
  v1::AcquireResponse in, out;
  if (!Parse(bytes, &in)) return;
  const auto answer = wire::Decode(in);
  if (!answer.ok()) {
    FUZZ_CHECK(absl::IsInternal(answer.status()));
    return;
  }
  if (const Refusal* refusal = std::get_if<Refusal>(&*answer)) {
    FUZZ_CHECK(refusal->limit >= 0);
    if (refusal->retry_after) FUZZ_CHECK(*refusal->retry_after >= absl::ZeroDuration());
    wire::Encode(AcquireReply(*refusal), {}, &out);
    const auto back = wire::Decode(out);
    FUZZ_CHECK(back.ok() && std::get<Refusal>(*back).reason == refusal->reason);
    FUZZ_CHECK(std::get<Refusal>(*back).limit == refusal->limit);
    FUZZ_CHECK(std::get<Refusal>(*back).message.size() <= wire::kRefusalMessageBytesMax);
    return;
  }
  const wire::Granted& granted = std::get<wire::Granted>(*answer);
  FUZZ_CHECK(granted.grant.lease.value() != 0 && granted.epoch.value() != 0);
  FUZZ_CHECK(granted.grant.key != KeyId() && granted.grant.secret != nullptr);
  const wire::GrantTerms terms = {granted.epoch, granted.send_by, granted.time_to_live};
  wire::Encode(AcquireReply(granted.grant), terms, &out);
  const auto back = wire::Decode(out);
  FUZZ_CHECK(back.ok());
  const wire::Granted& same = std::get<wire::Granted>(*back);
  FUZZ_CHECK(same.grant.lease == granted.grant.lease && same.grant.key == granted.grant.key);
  FUZZ_CHECK(same.grant.secret->Reveal() == granted.grant.secret->Reveal());
  FUZZ_CHECK(same.send_by == granted.send_by && same.time_to_live == granted.time_to_live);
}

}  // namespace

void proxy::Fuzz(std::string_view bytes) {
  FuzzAcquire(bytes);
  FuzzReport(bytes);
  FuzzAnswer(bytes);
}

}  // namespace keypool
