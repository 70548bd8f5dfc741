// What an operator asks of keyd and what the pool looks like: the vocabulary of admin.proto in C++.
// Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/ids.h"
#include "keyd/base/secret.h"

namespace keypool {

struct AddKeyCommand {
  SecretPtr secret;
  std::optional<ProjectId> project;  // none: a project of its own
  // From the settings at the start, not from an operator: a key that was removed stays removed
  // (FAILED_PRECONDITION). Never set from the wire.
  bool imported = false;
};
struct RemoveKeyCommand {
  KeyId key;
};
struct DisableKeyCommand {
  KeyId key;
  std::string reason;
};
struct EnableKeyCommand {
  KeyId key;
};
struct ResetCommand {
  std::optional<KeyId> key;  // none: every project
};

// Where a limit comes from.
enum class LimitSource { kDefault, kConfigured, kLearned };
// As it stands in JSON.
constexpr std::string_view NameOf(LimitSource source) {
  switch (source) {
    case LimitSource::kConfigured:
      return "configured";
    case LimitSource::kLearned:
      return "learned";
    case LimitSource::kDefault:
      break;
  }
  return "default";
}

struct WindowStatus {
  std::int64_t used = 0;
  std::int64_t limit = 0;
  LimitSource source = LimitSource::kDefault;
  std::optional<absl::Time> learned_at = std::nullopt;  // when Google last said so
};

enum class BucketState { kReady, kExhausted, kCooling };

struct BucketStatus {
  std::string model;
  BucketState state = BucketState::kReady;
  std::optional<absl::Time> ready_at;
  std::string reason;
  WindowStatus per_minute;
  WindowStatus per_day;
};

struct KeyStatus {
  KeyId id;
  ProjectId project;
  std::string masked_secret;
  bool active = true;
  std::string disabled_reason;
  absl::Time disabled_at;
  std::optional<absl::Time> retry_at;  // disabled by Google's answers: when it is tried again
  absl::Time added_at;
  std::optional<absl::Time> last_used_at;
  std::vector<BucketStatus> buckets;  // in order of model
};

struct PoolSummary {
  absl::Time now;
  Epoch epoch;
  std::int64_t keys_total = 0;
  std::int64_t keys_active = 0;
  std::int64_t keys_usable = 0;
  std::int64_t projects_total = 0;
  std::int64_t leases_open = 0;
  absl::Time day_resets_at;
  std::string
      advice;  // what the operator should do next, if anything; filled by rpc, not by policy
};

struct StatusQuery {
  std::string model;  // only buckets of this model; all when empty
  KeyId after;        // keys with greater ids only
  std::size_t keys_max = 1000;
};

struct PoolStatus {
  PoolSummary summary;
  std::vector<KeyStatus> keys;
  bool more = false;
};

}  // namespace keypool
