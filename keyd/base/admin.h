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
#include "keyd/base/operator_limits.h"
#include "keyd/base/secret.h"

namespace keypool {

struct AddKeyCommand {
  SecretPtr secret;
  std::optional<ProjectId> project;  // none: a project of its own
  // From the settings at the start, not from an operator: a key that was removed stays removed
  // (FAILED_PRECONDITION). Never set from the wire.
  bool imported = false;
  std::string who = {};  // calls; for the audit, never on the wire
};
struct RemoveKeyCommand {
  KeyId key;
  std::string who = {};  // as of AddKeyCommand
};
struct DisableKeyCommand {
  KeyId key;
  std::string reason;
  std::string who = {};
};
struct EnableKeyCommand {
  KeyId key;
  std::string who = {};
};
struct ResetCommand {
  std::optional<KeyId> key;  // none: every project
  std::string who = {};
};

// What a rotation of the master key has done.
struct RotatedMasterKey {
  std::int64_t secrets = 0;  // that were sealed
  std::string place;         // where the key is that seals now
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
  std::int64_t limit = 0;  // kUnlimited: only counted
  LimitSource source = LimitSource::kDefault;
  std::optional<absl::Time> learned_at = std::nullopt;  // when Google last said so
};

enum class BucketState { kReady, kExhausted, kCooling };

struct BucketStatus {
  std::string model;
  BucketState state = BucketState::kReady;
  std::optional<absl::Time> ready_at;
  std::string reason;
  WindowStatus per_minute;  // of requests
  WindowStatus per_day;
  WindowStatus tokens_per_minute = {.used = 0, .limit = kUnlimited};  // of input
  WindowStatus tokens_per_day = {.used = 0, .limit = kUnlimited};
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

// --- Usage: what went through the pool, for people. Statistics, not quota.

inline constexpr std::int64_t kUsageDaysMax = 90;  // kept, the present one included
inline constexpr std::size_t kUsageRowsMax = 1000;

// By what requests are told apart.
enum class UsageDimension { kKey, kProject, kModel, kClient };
inline constexpr std::size_t kUsageDimensions = 4;
constexpr std::string_view NameOf(UsageDimension dimension) {
  switch (dimension) {
    case UsageDimension::kKey:
      return "key";
    case UsageDimension::kProject:
      break;
    case UsageDimension::kModel:
      return "model";
    case UsageDimension::kClient:
      return "client";
  }
  return "project";
}

// Of the requests that were sent to Google.
struct UsageCounts {
  std::int64_t requests = 0;
  std::int64_t limited = 0;  // answered 429
  std::int64_t errors = 0;   // another status of 400 or more, or no answer at all
  std::int64_t input_tokens = 0;
  std::int64_t cached_tokens = 0;  // of the input
  std::int64_t output_tokens = 0;  // without thoughts
  std::int64_t thought_tokens = 0;

  friend bool operator==(const UsageCounts&, const UsageCounts&) = default;
  // Stops at the largest number.
  UsageCounts& operator+=(const UsageCounts& other) {
    const auto add = [](std::int64_t* to, std::int64_t count) {
      if (__builtin_add_overflow(*to, count, to)) *to = INT64_MAX;
    };
    add(&requests, other.requests);
    add(&limited, other.limited);
    add(&errors, other.errors);
    add(&input_tokens, other.input_tokens);
    add(&cached_tokens, other.cached_tokens);
    add(&output_tokens, other.output_tokens);
    add(&thought_tokens, other.thought_tokens);
    return *this;
  }
};

// One name in one hour of UTC, or in one Pacific day. Rows are in the order of their places.
struct UsageRow {
  struct Place {
    std::int64_t day = 0;  // since 1970-01-01, of the Pacific calendar
    std::string name;
    std::int64_t hour = -1;  // since 1970 in UTC; -1: the whole day
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  Place place;
  absl::Time start, end;
  UsageCounts counts;
};

struct UsageQuery {
  UsageDimension by = UsageDimension::kProject;
  std::int64_t days = 7;  // Pacific days, the present one included; 1 to kUsageDaysMax
  // A row for each hour; hours that were folded into their day for want of room come as a day.
  bool hourly = false;
  std::optional<UsageRow::Place> after = std::nullopt;  // rows after this one only
  std::size_t rows_max = kUsageRowsMax;
};

struct UsagePage {
  std::vector<UsageRow> rows;
  bool more = false;
};

// --- Why a key is, or is not, given a request now

struct ExplainQuery {
  std::string model;
  std::optional<ProjectId> project = std::nullopt;  // only its keys
  KeyId after = {};                                 // keys with greater ids only
  std::size_t keys_max = 1000;
};

enum class KeyVerdict {
  kNext,             // the next request goes to it
  kReady,            // could take it, but another goes first
  kDisabled,         // by the operator
  kResting,          // because of Google's answers
  kMinuteFull,       // by our own count
  kDaySpent,         // by our own count
  kCooling,          // the project for this model, by Google's word
  kModelOverloaded,  // ready, but nothing is granted for the model
  kSourceThrottled,  // ready, but nothing is granted at all
};
inline constexpr KeyVerdict kKeyVerdictLast = KeyVerdict::kSourceThrottled;
// As it stands in JSON and in tables.
std::string_view NameOf(KeyVerdict verdict);

struct KeyExplanation {
  KeyId key;
  ProjectId project;
  KeyVerdict verdict = KeyVerdict::kReady;
  std::optional<absl::Time> until;  // it can take a request; nothing when it can, or nobody knows
  std::string reason;               // one phrase
  // The answer that it follows from: its row in keyd's table of answers, like "429_day", and when
  // it came. Empty when it follows from no answer, or from one before the restart.
  std::string row;
  std::optional<absl::Time> since;
};

struct Explanation {
  absl::Time now;
  // What an Acquire would be answered: granted on this key, or refused with this sentence.
  std::optional<KeyId> next_key;
  ProjectId next_project;
  std::string refusal;
  std::optional<absl::Time> first_at;  // refused: when the first project can take one
  std::vector<KeyExplanation> keys;
  bool more = false;
};

// --- What has happened to the pool

enum class EventKind {
  kCooldown,         // a project's quota for a model rests by Google's word
  kBucketWorks,      // it answers again after a growing cooldown
  kLimitLearned,     // Google has told a limit
  kKeyRests,         // or all keys of a project: Google refuses it
  kKeyTriedAgain,    // its rest is over
  kKeyWorks,         // and it answers
  kModelOverloaded,  // nothing is granted for the model for a while
  kModelWorks,
  kSourceThrottled,  // nothing is granted at all for a while
  kSourceWorks,
  // By the operator:
  kKeyAdded,
  kKeyRemoved,
  kKeyDisabled,
  kKeyEnabled,
  kReset,
  kLimitsChanged,
  kClientsChanged,
  kAdminTokensChanged,
};
inline constexpr EventKind kEventKindLast = EventKind::kAdminTokensChanged;
// As it stands in JSON and in tables.
std::string_view NameOf(EventKind kind);

struct PoolEvent {
  std::uint64_t number = 0;  // 1, 2, … in this reign
  EventKind kind = EventKind::kCooldown;
  absl::Time at;
  absl::Time last_at;      // when it happened last, of `count` times that were taken together
  std::int64_t count = 1;  // more: the same again within a second
  // What it is about, as far as it is about one.
  std::optional<KeyId> key;
  ProjectId project;
  std::string model;
  std::string row;  // as in KeyExplanation
  std::string text;
  std::optional<absl::Time> until;  // how long it lasts, where that is known
};

struct EventsQuery {
  std::uint64_t after = 0;   // greater numbers only
  std::size_t limit = 1000;  // the newest so many
};

struct PoolEvents {
  Epoch epoch;                    // numbers count from 1 in each
  std::vector<PoolEvent> events;  // oldest first
};

}  // namespace keypool
