#include "proxy/admin_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <initializer_list>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "keyd/base/ids.h"
#include "keyd/base/secret.h"
#include "keyd/base/status.h"

namespace keypool::proxy {
namespace {

namespace json = boost::json;

constexpr std::size_t kSecretBytesMin = 8;
constexpr std::size_t kSecretBytesMax = 512;

json::value Time(absl::Time time) {
  return json::value(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()));
}
json::value Time(const std::optional<absl::Time>& time) {
  return time ? Time(*time) : json::value(nullptr);
}
json::value Text(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object Window(const WindowStatus& window) {
  const bool limited = window.limit != kUnlimited;
  return {{"used", window.used},
          {"limit", limited ? json::value(window.limit) : json::value(nullptr)},
          {"source", NameOf(window.source)},
          {"learned_at", Time(window.learned_at)}};
}

const char* StateName(BucketState state) {
  switch (state) {
    case BucketState::kReady:
      return "ready";
    case BucketState::kExhausted:
      return "exhausted";
    case BucketState::kCooling:
      break;
  }
  return "cooling";
}

json::object Bucket(const BucketStatus& bucket) {
  return {{"model", bucket.model},
          {"state", StateName(bucket.state)},
          {"ready_at", Time(bucket.ready_at)},
          {"reason", Text(bucket.reason)},
          {"requests_per_minute", Window(bucket.per_minute)},
          {"requests_per_day", Window(bucket.per_day)},
          {"input_tokens_per_minute", Window(bucket.tokens_per_minute)},
          {"input_tokens_per_day", Window(bucket.tokens_per_day)}};
}

json::object Key(const KeyStatus& key) {
  json::array buckets;
  for (const BucketStatus& bucket : key.buckets) buckets.push_back(Bucket(bucket));
  return {{"key_id", ToString(key.id)},
          {"project_id", key.project.value()},
          {"masked_secret", key.masked_secret},
          {"state", key.active ? "active" : "disabled"},
          {"disabled_reason", key.active ? json::value(nullptr) : Text(key.disabled_reason)},
          {"disabled_at", key.active ? json::value(nullptr) : Time(key.disabled_at)},
          {"retry_at", Time(key.retry_at)},
          {"added_at", Time(key.added_at)},
          {"last_used_at", Time(key.last_used_at)},
          {"buckets", std::move(buckets)}};
}

absl::Status Bad(std::string_view what) { return absl::InvalidArgumentError(ToAbsl(what)); }

// An object with none but these fields.
absl::StatusOr<json::object> ParseObject(std::string_view body,
                                         std::initializer_list<std::string_view> fields) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(body.data(), body.size()), error);
  if (error) return Bad("the body is not JSON");
  if (!value.is_object()) return Bad("the body is not a JSON object");
  for (const auto& member : value.get_object()) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::find(fields.begin(), fields.end(), name) == fields.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("field \"", ToAbsl(name.substr(0, 64)), "\" is not known"));
    }
  }
  return std::move(value.get_object());
}

// The text of a field; nothing when it is missing or null.
absl::StatusOr<std::optional<std::string_view>> TextField(const json::object& object,
                                                          std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_string()) {
    return absl::InvalidArgumentError(absl::StrCat("field \"", ToAbsl(name), "\" is not a string"));
  }
  const json::string& text = value->get_string();
  return std::string_view(text.data(), text.size());
}

bool IsSecretText(std::string_view text) {
  return text.size() >= kSecretBytesMin && text.size() <= kSecretBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

}  // namespace

std::string StatusJson(const PoolStatus& status) {
  const PoolSummary& summary = status.summary;
  json::array keys;
  for (const KeyStatus& key : status.keys) keys.push_back(Key(key));
  const json::value next = status.more && !status.keys.empty()
                               ? json::value(ToString(status.keys.back().id))
                               : json::value(nullptr);
  return json::serialize(json::object{{"now", Time(summary.now)},
                                      {"epoch", summary.epoch.value()},
                                      {"keys_total", summary.keys_total},
                                      {"keys_active", summary.keys_active},
                                      {"keys_usable", summary.keys_usable},
                                      {"projects_total", summary.projects_total},
                                      {"leases_open", summary.leases_open},
                                      {"day_resets_at", Time(summary.day_resets_at)},
                                      {"advice", Text(summary.advice)},
                                      {"keys", std::move(keys)},
                                      {"next_page_token", next}});
}

std::string KeyJson(const KeyStatus& key) { return json::serialize(Key(key)); }

std::string ResetJson(std::int64_t buckets) {
  return json::serialize(json::object{{"buckets_reset", buckets}});
}

std::string RemovedJson(KeyId key) {
  return json::serialize(json::object{{"key_id", ToString(key)}, {"removed", true}});
}

Health HealthOf(const absl::StatusOr<PoolStatus>& status) {
  if (!status.ok()) {
    const absl::string_view why = status.status().message();
    return {false, json::serialize(json::object{
                       {"status", "keyd_unreachable"},
                       {"message", json::string(json::string_view(why.data(), why.size()))}})};
  }
  const PoolSummary& summary = status->summary;
  const char* state = summary.keys_usable > 0  ? "ok"
                      : summary.keys_total > 0 ? "degraded"
                                               : "no_keys";
  return {summary.keys_usable > 0,
          json::serialize(json::object{{"status", state},
                                       {"keys_total", summary.keys_total},
                                       {"keys_active", summary.keys_active},
                                       {"keys_usable", summary.keys_usable},
                                       {"projects_total", summary.projects_total},
                                       {"message", Text(summary.advice)}})};
}

absl::StatusOr<AddKeyCommand> ParseAddKey(std::string_view body) {
  absl::StatusOr<json::object> object = ParseObject(body, {"key", "project_id"});
  if (!object.ok()) return object.status();
  const auto key = TextField(*object, "key");
  if (!key.ok()) return key.status();
  const auto project = TextField(*object, "project_id");
  if (!project.ok()) return project.status();
  if (!key->has_value()) return Bad("field \"key\" is missing");
  if (!IsSecretText(**key)) {
    return Bad("field \"key\" is not an API key: 8 to 512 printable ASCII characters, no spaces");
  }
  AddKeyCommand command;
  if (project->has_value()) {
    if (!IsDeclarableProject(**project)) {
      return Bad(
          "field \"project_id\" is not a project: 1 to 128 of a-z A-Z 0-9 . _ : -, no dash first");
    }
    command.project = ProjectId(std::string(**project));
  }
  command.secret = std::make_shared<const Secret>(**key);
  return command;
}

absl::StatusOr<ResetCommand> ParseReset(std::string_view body) {
  ResetCommand command;
  if (body.empty()) return command;
  absl::StatusOr<json::object> object = ParseObject(body, {"key_id"});
  if (!object.ok()) return object.status();
  const auto id = TextField(*object, "key_id");
  if (!id.ok()) return id.status();
  if (id->has_value()) {
    command.key = ParseKeyId(**id);
    if (!command.key.has_value()) return Bad("field \"key_id\" is not a key id, such as key_7");
  }
  return command;
}

}  // namespace keypool::proxy
