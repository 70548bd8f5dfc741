#include "cli/status_json.h"

#include "cli/json_values.h"

namespace keypool::cli {
namespace {

namespace json = boost::json;

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
      return "cooling";
  }
  return "unknown";
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

}  // namespace

std::string StatusJson(const PoolSummary& summary, const std::vector<KeyStatus>& keys) {
  json::array shown;
  for (const KeyStatus& key : keys) shown.push_back(Key(key));
  return json::serialize(json::object{{"now", Time(summary.now)},
                                      {"epoch", summary.epoch.value()},
                                      {"keys_total", summary.keys_total},
                                      {"keys_active", summary.keys_active},
                                      {"keys_usable", summary.keys_usable},
                                      {"projects_total", summary.projects_total},
                                      {"leases_open", summary.leases_open},
                                      {"day_resets_at", Time(summary.day_resets_at)},
                                      {"advice", Text(summary.advice)},
                                      {"keys", std::move(shown)}});
}

std::string KeyJson(const KeyStatus& key) { return json::serialize(Key(key)); }

}  // namespace keypool::cli
