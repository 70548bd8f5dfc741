// What an operator says about limits, in LIMITS_FILE and at run time. Plain data.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keypool {

// As a limit: there is none.
inline constexpr std::int64_t kUnlimited = INT64_MAX;
// The largest number that a limit may have otherwise, of requests and of tokens.
inline constexpr std::int64_t kLimitMax = 1'000'000'000;
inline constexpr std::int64_t kTokenLimitMax = 1'000'000'000'000;
// Scopes of which something may be said at run time.
inline constexpr std::size_t kLimitScopesMax = 10'000;
inline constexpr std::size_t kLimitsTextBytesMax = 4'000'000;
inline constexpr std::size_t kTierBytesMax = 128;
inline constexpr std::size_t kLimitRowsMax = 1000;

// What one scope says; what it leaves open is for a wider one to say. 0 requests a day: no access.
struct LimitSet {
  std::optional<std::int64_t> requests_per_minute = std::nullopt;
  std::optional<std::int64_t> requests_per_day = std::nullopt;
  std::optional<std::int64_t> input_tokens_per_minute = std::nullopt;
  std::optional<std::int64_t> input_tokens_per_day = std::nullopt;
  friend bool operator==(const LimitSet&, const LimitSet&) = default;
};

// Its four numbers, with what they are called in TOML and by people, and their bounds.
struct LimitNumber {
  std::optional<std::int64_t> LimitSet::*number;
  std::string_view key;   // in LIMITS_FILE and in JSON
  std::string_view flag;  // of poolctl
  std::string_view text;
  std::int64_t least;
  std::int64_t most;
};
inline constexpr LimitNumber kLimitNumbers[] = {
    {&LimitSet::requests_per_minute, "requests_per_minute", "rpm", "requests a minute", 1,
     kLimitMax},
    {&LimitSet::requests_per_day, "requests_per_day", "rpd", "requests a day", 0, kLimitMax},
    {&LimitSet::input_tokens_per_minute, "input_tokens_per_minute", "tpm", "input tokens a minute",
     1, kTokenLimitMax},
    {&LimitSet::input_tokens_per_day, "input_tokens_per_day", "tpd", "input tokens a day", 1,
     kTokenLimitMax}};
// As LIMITS_FILE and poolctl write kUnlimited.
inline constexpr std::string_view kUnlimitedWord = "unlimited";
// "5 requests a minute, unlimited requests a day": what it says; empty when it says nothing.
std::string ToText(const LimitSet& limits);

// Where limits hold, from the widest to the narrowest.
enum class LimitLevel { kEverywhere, kTier, kProject };
enum class LimitModels { kEach, kOne, kTogether };
struct LimitScopeName {
  LimitLevel level = LimitLevel::kEverywhere;
  std::string name;  // of the tier or the project; empty: everywhere
  LimitModels models = LimitModels::kEach;
  std::string model;  // of kOne
  friend auto operator<=>(const LimitScopeName&, const LimitScopeName&) = default;
};
// "tier free, model gemini-2.5-pro", "project p, all models together", "every project".
std::string ToText(const LimitScopeName& scope);

// A project that an operator declares, or the own one of a key ("~key_7").
bool CanHaveLimits(std::string_view project);

struct ScopeLimits {
  LimitScopeName scope;
  LimitSet limits;
  std::string tier;  // of a project, said with kEach; empty: none is said
  friend bool operator==(const ScopeLimits&, const ScopeLimits&) = default;
};
// "project p: tier paid, 5 requests a minute", "tier free, model m: nothing is set".
std::string ToText(const ScopeLimits& said);
inline bool SaysNothing(const ScopeLimits& said) {
  return said.limits == LimitSet() && said.tier.empty();
}

// --- At run time

// What it leaves open stays as it is.
struct SetLimitsCommand {
  ScopeLimits said;
  std::string who = {};  // calls; for the audit, never on the wire
};
// Takes back what was said at run time.
struct UnsetLimitsCommand {
  LimitScopeName scope;
  // Only these; none of them: everything.
  bool requests_per_minute = false;
  bool requests_per_day = false;
  bool input_tokens_per_minute = false;
  bool input_tokens_per_day = false;
  bool tier = false;
  std::string who = {};
};
// In place of everything that was said at run time.
struct ImportLimitsCommand {
  std::vector<ScopeLimits> limits;
  bool dry_run = false;  // changes nothing
  std::string who = {};
};
struct ImportedLimits {
  std::int64_t scopes = 0;  // of which something is said now
  std::int64_t scopes_before = 0;
};
// The text of such a command, in the form of LIMITS_FILE.
struct ImportLimitsText {
  std::string text;
  std::string name;  // told in errors; empty: "limits"
  bool dry_run = false;
};

enum class LimitOrigin { kDefault, kFile, kOperator };  // a later one wins within its scope
struct LimitRow {
  struct Place {
    LimitScopeName scope;
    LimitOrigin origin = LimitOrigin::kDefault;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  LimitOrigin origin = LimitOrigin::kDefault;
  ScopeLimits said;
};
struct LimitsQuery {
  std::optional<LimitRow::Place> after = std::nullopt;  // rows after this one only
  std::size_t rows_max = kLimitRowsMax;
};
// In the order of their places.
struct LimitsPage {
  std::vector<LimitRow> rows;
  bool more = false;
};

}  // namespace keypool
