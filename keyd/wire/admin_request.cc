// What an operator asks.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "keyd/base/lease.h"
#include "keyd/base/status.h"
#include "keyd/wire/admin_wire.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/text.h"

namespace keypool::wire {
namespace {

// The text is not repeated: somebody may have pasted a secret where the id belongs.
absl::StatusOr<KeyId> DecodeKeyId(std::string_view text) {
  if (text.empty()) return Invalid("key_id", "missing");
  const std::optional<KeyId> key = ParseKeyId(text);
  if (!key) return absl::NotFoundError("key_id: no such key; ids look like key_7");
  return *key;
}

absl::Status CheckModelFilter(std::string_view model) {
  if (model.size() > kModelBytesMax) return Invalid("model", "at most 128 bytes");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSecretBytes(std::string_view bytes) {
  if (bytes.size() < kSecretBytesMin || bytes.size() > kSecretBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("an API key has 8 to 512 bytes, this has ", bytes.size()));
  }
  if (!std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > 0x20 && c < 0x7F; })) {
    return absl::InvalidArgumentError("an API key has printable ASCII only, and no spaces");
  }
  return absl::OkStatus();
}

void Encode(const StatusQuery& query, v1::StatusRequest* out) {
  out->set_model(ClipText(query.model, kModelBytesMax));
  out->set_page_size(
      static_cast<std::uint32_t>(std::clamp<std::size_t>(query.keys_max, 1, kStatusKeysMax)));
  if (query.after != KeyId()) out->set_page_token(ToString(query.after));
}

absl::StatusOr<StatusQuery> Decode(const v1::StatusRequest& in) {
  KP_RETURN_IF_ERROR(CheckModelFilter(in.model()));
  if (in.page_size() > kStatusKeysMax) return Invalid("page_size", "1 to 1000, or 0 for 1000");
  StatusQuery query{.model = in.model(), .after = KeyId(), .keys_max = in.page_size()};
  if (query.keys_max == 0) query.keys_max = kStatusKeysMax;
  if (!in.page_token().empty()) {
    const std::optional<KeyId> after = ParseKeyId(in.page_token());
    if (!after) return Invalid("page_token", "not a token of an earlier page");
    query.after = *after;
  }
  return query;
}

void Encode(const WatchQuery& query, v1::WatchRequest* out) {
  Encode(query.status, out->mutable_status());
  const absl::Duration interval =
      std::clamp(query.min_interval, kWatchIntervalMin, kWatchIntervalMax);
  out->set_min_interval_ms(static_cast<std::uint32_t>(absl::ToInt64Milliseconds(interval)));
}

absl::StatusOr<WatchQuery> Decode(const v1::WatchRequest& in) {
  absl::StatusOr<StatusQuery> status = Decode(in.status());
  if (!status.ok()) return Annotate(status.status(), "status");
  WatchQuery query{*std::move(status), absl::Milliseconds(in.min_interval_ms())};
  if (in.min_interval_ms() == 0) query.min_interval = absl::Seconds(1);
  if (query.min_interval < kWatchIntervalMin || query.min_interval > kWatchIntervalMax) {
    return Invalid("min_interval_ms", "100 to 60000, or 0 for 1000");
  }
  return query;
}

void Encode(const KeyQuery& query, v1::GetKeyRequest* out) {
  out->set_key_id(ToString(query.key));
  out->set_model(ClipText(query.model, kModelBytesMax));
}

absl::StatusOr<KeyQuery> Decode(const v1::GetKeyRequest& in) {
  absl::StatusOr<KeyId> key = DecodeKeyId(in.key_id());
  if (!key.ok()) return key.status();
  KP_RETURN_IF_ERROR(CheckModelFilter(in.model()));
  return KeyQuery{*key, in.model()};
}

void Encode(const ResetCommand& command, v1::ResetRequest* out) {
  if (command.key) out->set_key_id(ToString(*command.key));
}

absl::StatusOr<ResetCommand> Decode(const v1::ResetRequest& in) {
  if (in.key_id().empty()) return ResetCommand{};
  absl::StatusOr<KeyId> key = DecodeKeyId(in.key_id());
  if (!key.ok()) return key.status();
  return ResetCommand{*key};
}

void Encode(const AddKeyCommand& command, v1::AddKeyRequest* out) {
  const std::string_view secret = command.secret->Reveal();
  out->set_secret(secret.data(), secret.size());
  if (command.project) out->set_project_id(ClipText(command.project->value(), 4096));
}

absl::StatusOr<AddKeyCommand> Decode(const v1::AddKeyRequest& in) {
  if (absl::Status secret = CheckSecretBytes(in.secret()); !secret.ok()) {
    return Annotate(secret, "secret");
  }
  AddKeyCommand command{.secret = std::make_shared<const Secret>(in.secret()),
                        .project = std::nullopt};
  if (!in.project_id().empty()) {
    if (!IsDeclarableProject(in.project_id())) {
      return Invalid("project_id",
                     "1 to 128 of letters, digits and . _ : -, not starting with a dash");
    }
    command.project = ProjectId(in.project_id());
  }
  return command;
}

void Encode(const RemoveKeyCommand& command, v1::RemoveKeyRequest* out) {
  out->set_key_id(ToString(command.key));
}

absl::StatusOr<RemoveKeyCommand> Decode(const v1::RemoveKeyRequest& in) {
  absl::StatusOr<KeyId> key = DecodeKeyId(in.key_id());
  if (!key.ok()) return key.status();
  return RemoveKeyCommand{*key};
}

void Encode(const DisableKeyCommand& command, v1::DisableKeyRequest* out) {
  out->set_key_id(ToString(command.key));
  out->set_reason(ClipText(command.reason, 4096));
}

absl::StatusOr<DisableKeyCommand> Decode(const v1::DisableKeyRequest& in) {
  absl::StatusOr<KeyId> key = DecodeKeyId(in.key_id());
  if (!key.ok()) return key.status();
  if (in.reason().size() > kDisableReasonBytesMax) return Invalid("reason", "at most 200 bytes");
  if (HasControlByte(in.reason())) return Invalid("reason", "no control characters");
  return DisableKeyCommand{*key, in.reason().empty() ? "disabled by the operator" : in.reason()};
}

void Encode(const EnableKeyCommand& command, v1::EnableKeyRequest* out) {
  out->set_key_id(ToString(command.key));
}

absl::StatusOr<EnableKeyCommand> Decode(const v1::EnableKeyRequest& in) {
  absl::StatusOr<KeyId> key = DecodeKeyId(in.key_id());
  if (!key.ok()) return key.status();
  return EnableKeyCommand{*key};
}

}  // namespace keypool::wire
