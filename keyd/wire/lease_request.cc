// What a proxy asks: Acquire and Report.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/wire/client_token_wire.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/lease_wire.h"
#include "keyd/wire/text.h"

namespace keypool::wire {
namespace {

// The numbers are the same on both sides.
static_assert(static_cast<int>(MessageClass::kHtmlPage) == v1::MESSAGE_CLASS_HTML_PAGE);
static_assert(static_cast<int>(MessageClass::kNoCredentials) == v1::MESSAGE_CLASS_NO_CREDENTIALS);
static_assert(static_cast<int>(kMessageClassLast) == v1::MESSAGE_CLASS_QUOTA_EXCEEDED);
static_assert(static_cast<int>(kMessageClassLast) == v1::MessageClass_MAX);

absl::Status CheckModel(std::string_view model, bool may_be_empty) {
  if (model.size() > kModelBytesMax) return Invalid("model", "at most 128 bytes");
  if (model.empty() && !may_be_empty) {
    return Invalid("model", "may be empty for KIND_UNMETERED and KIND_VALIDATION only");
  }
  if (HasControlByte(model)) return Invalid("model", "no control characters");
  return absl::OkStatus();
}

bool IsProject(std::string_view text) {
  if (IsDeclarableProject(text)) return true;
  return text.size() > 1 && text[0] == '~' && ParseKeyId(text.substr(1)).has_value();
}

// Nothing, or the id of a project.
absl::Status CheckProject(std::string_view field, std::string_view text) {
  if (text.empty() || IsProject(text)) return absl::OkStatus();
  return Invalid(field, "not a project id");
}

std::int64_t ToInt64(std::uint64_t v) {
  constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(v, max));
}

// Far beyond any request, and far from overflow when added up.
std::int64_t ToTokens(std::uint64_t v) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(v, kTokensMax));
}

std::uint64_t ToMilliseconds(absl::Duration d) {
  return static_cast<std::uint64_t>(
      absl::ToInt64Milliseconds(std::clamp(d, absl::ZeroDuration(), kRetryDelayMax)));
}

void EncodeFacts(const AnswerFacts& facts, v1::AnswerFacts* out) {
  out->set_http_status(static_cast<std::uint32_t>(facts.http_status));
  if (!facts.status.empty()) out->set_status(ClipText(facts.status, kStatusBytesMax));
  if (!facts.reason.empty()) out->set_reason(ClipText(facts.reason, kReasonBytesMax));
  for (const QuotaViolation& v : facts.violations) {
    if (out->violations_size() == static_cast<int>(kViolationsMax)) break;
    v1::QuotaViolation* violation = out->add_violations();
    violation->set_quota_id(ClipText(v.quota_id, kViolationTextBytesMax));
    violation->set_quota_metric(ClipText(v.quota_metric, kViolationTextBytesMax));
    violation->set_model(ClipText(v.model, kViolationTextBytesMax));
    if (v.quota_value) {
      violation->set_quota_value(
          static_cast<std::uint64_t>(std::max<std::int64_t>(0, *v.quota_value)));
    }
  }
  if (facts.retry_delay) out->set_retry_delay_ms(ToMilliseconds(*facts.retry_delay));
  out->set_message_class(static_cast<v1::MessageClass>(facts.message));
  out->set_key_as_bearer(facts.key_as_bearer);
  out->set_websocket_close_code(static_cast<std::uint32_t>(facts.websocket_close_code));
}

// One that this version does not know says nothing to it.
MessageClass DecodeMessageClass(v1::MessageClass in) {
  if (in < 0 || in > static_cast<int>(kMessageClassLast)) return MessageClass::kNone;
  return static_cast<MessageClass>(in);
}

v1::Kind EncodeKind(Kind kind) {
  switch (kind) {
    case Kind::kMetered:
      return v1::KIND_METERED;
    case Kind::kUnmetered:
      return v1::KIND_UNMETERED;
    case Kind::kValidation:
      return v1::KIND_VALIDATION;
    case Kind::kOwnership:
      return v1::KIND_OWNERSHIP;
  }
  return v1::KIND_UNSPECIFIED;
}

std::optional<Kind> DecodeKind(v1::Kind kind) {
  switch (kind) {
    case v1::KIND_METERED:
      return Kind::kMetered;
    case v1::KIND_UNMETERED:
      return Kind::kUnmetered;
    case v1::KIND_VALIDATION:
      return Kind::kValidation;
    case v1::KIND_OWNERSHIP:
      return Kind::kOwnership;
    default:
      return std::nullopt;
  }
}

void EncodeUsage(const TokenUsage& usage, v1::TokenUsage* out) {
  const auto count = [](std::int64_t n) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, n));
  };
  out->set_input_tokens(count(usage.input));
  out->set_cached_tokens(count(usage.cached));
  out->set_output_tokens(count(usage.output));
  out->set_thought_tokens(count(usage.thoughts));
}

TokenUsage DecodeUsage(const v1::TokenUsage& in) {
  return {ToTokens(in.input_tokens()), ToTokens(in.cached_tokens()), ToTokens(in.output_tokens()),
          ToTokens(in.thought_tokens())};
}

absl::Status CheckResource(std::string_view name) {
  if (name.empty() || name.size() > kResourceBytesMax) {
    return Invalid("resources", "names of 1 to 256 bytes");
  }
  if (HasControlByte(name)) return Invalid("resources", "no control characters");
  return absl::OkStatus();
}

absl::Status CheckClient(std::string_view client) {
  if (client.size() > kClientBytesMax) return Invalid("client", "at most 64 bytes");
  if (HasControlByte(client)) return Invalid("client", "no control characters");
  return absl::OkStatus();
}

absl::StatusOr<QuotaViolation> DecodeViolation(const v1::QuotaViolation& in) {
  if (std::max({in.quota_id().size(), in.quota_metric().size(), in.model().size()}) >
      kViolationTextBytesMax) {
    return Invalid("facts.violations", "strings of at most 256 bytes");
  }
  QuotaViolation v{in.quota_id(), in.quota_metric(), in.model(), std::nullopt};
  if (in.has_quota_value()) v.quota_value = ToInt64(in.quota_value());
  return v;
}

absl::StatusOr<AnswerFacts> DecodeFacts(const v1::AnswerFacts& in) {
  if (in.http_status() < 100 || in.http_status() > 599) {
    return Invalid("facts.http_status", "100 to 599");
  }
  if (in.status().size() > kStatusBytesMax) return Invalid("facts.status", "at most 64 bytes");
  if (in.reason().size() > kReasonBytesMax) return Invalid("facts.reason", "at most 128 bytes");
  if (in.violations_size() > static_cast<int>(kViolationsMax)) {
    return Invalid("facts.violations", "at most 16");
  }
  AnswerFacts facts;
  facts.http_status = static_cast<int>(in.http_status());
  facts.status = in.status();
  facts.reason = in.reason();
  for (const v1::QuotaViolation& v : in.violations()) {
    absl::StatusOr<QuotaViolation> violation = DecodeViolation(v);
    if (!violation.ok()) return violation.status();
    facts.violations.push_back(*std::move(violation));
  }
  facts.message = DecodeMessageClass(in.message_class());
  facts.key_as_bearer = in.key_as_bearer();
  if (in.websocket_close_code() > 4999) {
    return Invalid("facts.websocket_close_code", "0 to 4999");
  }
  facts.websocket_close_code = static_cast<int>(in.websocket_close_code());
  if (in.has_retry_delay_ms()) {
    facts.retry_delay = std::min(absl::Milliseconds(ToInt64(in.retry_delay_ms())), kRetryDelayMax);
  }
  return facts;
}

// Which project is to serve it.
absl::Status DecodePlace(const v1::AcquireRequest& in, AcquireCommand* command) {
  if (in.resources_size() > static_cast<int>(kResourcesMax)) {
    return Invalid("resources", "at most 64");
  }
  for (const std::string& name : in.resources()) {
    KP_RETURN_IF_ERROR(CheckResource(name));
    command->resources.push_back(name);
  }
  KP_RETURN_IF_ERROR(CheckProject("project_id", in.project_id()));
  command->project = ProjectId(in.project_id());
  if (in.has_after_project_id()) {
    KP_RETURN_IF_ERROR(CheckProject("after_project_id", in.after_project_id()));
    command->after_project.emplace(in.after_project_id());
  }
  return absl::OkStatus();
}

absl::Status DecodeNotes(const v1::ReportRequest& in, ReportCommand* command) {
  if (in.resources_size() > static_cast<int>(kResourcesMax)) {
    return Invalid("resources", "at most 64");
  }
  for (const v1::ResourceNote& note : in.resources()) {
    KP_RETURN_IF_ERROR(CheckResource(note.name()));
    command->resources.push_back(
        {note.name(),
         std::min(absl::Milliseconds(ToInt64(note.time_to_live_ms())), kResourceTimeMax)});
  }
  return absl::OkStatus();
}

void EncodeNotes(const ReportCommand& command, v1::ReportRequest* out) {
  for (const ResourceNote& note : command.resources) {
    if (out->resources_size() == static_cast<int>(kResourcesMax)) break;
    // A name that is not whole would be another one.
    if (!IsUtf8(note.name) || !CheckResource(note.name).ok()) continue;
    v1::ResourceNote* to = out->add_resources();
    to->set_name(note.name);
    // Rounded up: 0 means that it is gone.
    const absl::Duration time =
        std::clamp(note.time_to_live, absl::ZeroDuration(), kResourceTimeMax);
    to->set_time_to_live_ms(static_cast<std::uint64_t>(
        absl::ToInt64Milliseconds(absl::Ceil(time, absl::Milliseconds(1)))));
  }
}

}  // namespace

absl::Status Check(const AcquireCommand& command) {
  if (!IsUtf8(command.model)) return Invalid("model", "must be UTF-8");
  KP_RETURN_IF_ERROR(CheckModel(command.model, command.kind != Kind::kMetered));
  if (command.exclude_keys.size() > kExcludedMax) return Invalid("exclude_key_ids", "at most 64");
  if (command.exclude_projects.size() > kExcludedMax) {
    return Invalid("exclude_project_ids", "at most 64");
  }
  for (KeyId key : command.exclude_keys) {
    if (key == KeyId()) return Invalid("exclude_key_ids", "key_0 is no key");
  }
  for (const ProjectId& project : command.exclude_projects) {
    if (!IsProject(project.value())) return Invalid("exclude_project_ids", "not a project id");
  }
  if (command.resources.size() > kResourcesMax) return Invalid("resources", "at most 64");
  for (const std::string& name : command.resources) {
    if (!IsUtf8(name)) return Invalid("resources", "must be UTF-8");
    KP_RETURN_IF_ERROR(CheckResource(name));
  }
  KP_RETURN_IF_ERROR(CheckProject("project_id", command.project.value()));
  if (command.after_project) {
    KP_RETURN_IF_ERROR(CheckProject("after_project_id", command.after_project->value()));
  }
  if (!IsUtf8(command.client)) return Invalid("client", "must be UTF-8");
  return CheckClient(command.client);
}

void Encode(const AcquireCommand& command, const std::optional<ReportCommand>& previous,
            v1::AcquireRequest* out) {
  out->set_kind(EncodeKind(command.kind));
  out->set_model(command.model);
  for (KeyId key : command.exclude_keys) out->add_exclude_key_ids(ToString(key));
  for (const ProjectId& project : command.exclude_projects) {
    out->add_exclude_project_ids(project.value());
  }
  if (previous) Encode(*previous, out->mutable_previous());
  if (command.wait_up_to > absl::ZeroDuration()) {
    out->set_wait_up_to_ms(static_cast<std::uint32_t>(
        absl::ToInt64Milliseconds(std::min(command.wait_up_to, kWaitMax))));
  }
  if (command.input_tokens > 0) {
    out->set_estimated_input_tokens(static_cast<std::uint64_t>(command.input_tokens));
  }
  if (!command.client.empty()) out->set_client(command.client);
  for (const std::string& name : command.resources) out->add_resources(name);
  if (!command.project.value().empty()) out->set_project_id(command.project.value());
  if (command.after_project) out->set_after_project_id(command.after_project->value());
  EncodeCredential(command, out);
}

absl::StatusOr<AcquireCall> Decode(const v1::AcquireRequest& in) {
  AcquireCall call;
  const std::optional<Kind> kind = DecodeKind(in.kind());
  if (!kind)
    return Invalid("kind", "KIND_METERED, KIND_UNMETERED, KIND_VALIDATION or KIND_OWNERSHIP");
  call.command.kind = *kind;
  KP_RETURN_IF_ERROR(CheckModel(in.model(), call.command.kind != Kind::kMetered));
  call.command.model = in.model();
  if (in.exclude_key_ids_size() > static_cast<int>(kExcludedMax)) {
    return Invalid("exclude_key_ids", "at most 64");
  }
  if (in.exclude_project_ids_size() > static_cast<int>(kExcludedMax)) {
    return Invalid("exclude_project_ids", "at most 64");
  }
  for (const std::string& text : in.exclude_key_ids()) {
    const std::optional<KeyId> key = ParseKeyId(text);
    if (!key) return Invalid("exclude_key_ids", "not a key id such as key_7");
    call.command.exclude_keys.push_back(*key);
  }
  for (const std::string& text : in.exclude_project_ids()) {
    if (!IsProject(text)) return Invalid("exclude_project_ids", "not a project id");
    call.command.exclude_projects.emplace_back(text);
  }
  if (in.wait_up_to_ms() > absl::ToInt64Milliseconds(kWaitMax)) {
    return Invalid("wait_up_to_ms", "at most 600000");
  }
  call.command.wait_up_to = absl::Milliseconds(in.wait_up_to_ms());
  call.command.input_tokens = ToTokens(in.estimated_input_tokens());
  KP_RETURN_IF_ERROR(CheckClient(in.client()));
  call.command.client = in.client();
  KP_RETURN_IF_ERROR(DecodePlace(in, &call.command));
  KP_RETURN_IF_ERROR(DecodeCredential(in, &call.command));
  if (in.has_previous()) {
    absl::StatusOr<ReportCommand> previous = Decode(in.previous());
    if (!previous.ok()) return Annotate(previous.status(), "previous");
    call.previous = *std::move(previous);
  }
  return call;
}

void Encode(const ReportCommand& command, v1::ReportRequest* out) {
  out->set_lease_id(command.lease.value());
  out->set_epoch(command.epoch.value());
  out->set_sent(command.sent);
  if (command.facts.http_status != 0) EncodeFacts(command.facts, out->mutable_facts());
  if (command.key.value() != 0) out->set_key_id(ToString(command.key));
  if (!HasControlByte(command.model)) out->set_model(ClipText(command.model, kModelBytesMax));
  if (command.usage) EncodeUsage(*command.usage, out->mutable_usage());
  if (!command.model_version.empty() && !HasControlByte(command.model_version)) {
    out->set_model_version(ClipText(command.model_version, kModelBytesMax));
  }
  if (!command.client.empty() && !HasControlByte(command.client)) {
    out->set_client(ClipText(command.client, kClientBytesMax));
  }
  EncodeNotes(command, out);
  out->set_goes_on(command.goes_on);
}

absl::StatusOr<ReportCommand> Decode(const v1::ReportRequest& in) {
  ReportCommand command;
  if (in.lease_id() == 0) return Invalid("lease_id", "missing");
  if (in.epoch() == 0) return Invalid("epoch", "missing");
  command.lease = LeaseId(in.lease_id());
  command.epoch = Epoch(in.epoch());
  command.sent = in.sent();
  if (in.has_facts()) {
    absl::StatusOr<AnswerFacts> facts = DecodeFacts(in.facts());
    if (!facts.ok()) return facts.status();
    command.facts = *std::move(facts);
  }
  if (!in.key_id().empty()) {
    const std::optional<KeyId> key = ParseKeyId(in.key_id());
    if (!key) return Invalid("key_id", "not a key id such as key_7");
    command.key = *key;
  }
  KP_RETURN_IF_ERROR(CheckModel(in.model(), /*may_be_empty=*/true));
  command.model = in.model();
  if (in.has_usage()) command.usage = DecodeUsage(in.usage());
  // Of Google's making: what does not fit tells nothing, and must not cost the report.
  if (in.model_version().size() <= kModelBytesMax && !HasControlByte(in.model_version())) {
    command.model_version = in.model_version();
  }
  KP_RETURN_IF_ERROR(CheckClient(in.client()));
  command.client = in.client();
  KP_RETURN_IF_ERROR(DecodeNotes(in, &command));
  command.goes_on = in.goes_on();
  return command;
}

std::size_t EncodedBytesMax(const ReportCommand& command) {
  // Ids and numbers, status, reason, models, client, with tags and lengths.
  constexpr std::size_t kFlat =
      160 + kStatusBytesMax + kReasonBytesMax + 2 * kModelBytesMax + kClientBytesMax;
  constexpr std::size_t kViolation = 32 + 3 * kViolationTextBytesMax;
  constexpr std::size_t kNote = 24 + kResourceBytesMax;
  return kFlat + kViolation * std::min(command.facts.violations.size(), kViolationsMax) +
         kNote * std::min(command.resources.size(), kResourcesMax);
}

std::size_t EncodedBytesMax(const AcquireCommand& command,
                            const std::optional<ReportCommand>& previous) {
  constexpr std::size_t kKey = 32;
  constexpr std::size_t kProject = 8 + kProjectIdBytesMax;
  constexpr std::size_t kFlat =
      100 + kModelBytesMax + kClientBytesMax + kClientTokenBytesMax + 2 * kProject;
  constexpr std::size_t kResource = 8 + kResourceBytesMax;
  return kFlat + kKey * command.exclude_keys.size() + kProject * command.exclude_projects.size() +
         kResource * command.resources.size() + (previous ? 8 + EncodedBytesMax(*previous) : 0);
}

}  // namespace keypool::wire
