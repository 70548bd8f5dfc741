// Which limits hold for a project and a model: what the operator says, from the narrowest scope to
// the widest, and what Google has said.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keyd/base/admin.h"
#include "keyd/base/operator_limits.h"

namespace keypool::policy {

// kUnlimited: no limit.
struct Limits {
  std::int64_t requests_per_minute = 10;
  std::int64_t requests_per_day = 250;
  std::int64_t input_tokens_per_minute = 250'000;
  std::int64_t input_tokens_per_day = kUnlimited;
  friend bool operator==(const Limits&, const Limits&) = default;
};
inline constexpr Limits kNoLimits = {.requests_per_minute = kUnlimited,
                                     .requests_per_day = kUnlimited,
                                     .input_tokens_per_minute = kUnlimited,
                                     .input_tokens_per_day = kUnlimited};

struct LimitScope {
  LimitSet all_models;  // of each model
  std::map<std::string, LimitSet, std::less<>> models;
  LimitSet together;  // of a project over all its models, beside those of each model
};
struct ProjectLimits {
  LimitScope own;
  std::string tier;  // empty: none
};
// The operator's word. By name of tier and of project.
struct LimitRules {
  LimitScope everywhere;
  std::map<std::string, LimitScope, std::less<>> tiers;
  std::map<std::string, ProjectLimits, std::less<>> projects;
};

// The scopes of which `rules` say something, in the order of their names.
std::vector<ScopeLimits> ScopesOf(const LimitRules& rules);
// Of its scope, what `said` says takes the place of what `rules` say; the rest stays.
void PutOver(const ScopeLimits& said, LimitRules* rules);

// Limits with where each comes from; never LimitSource::kLearned.
struct ConfiguredLimits {
  Limits limits;
  LimitSource minute_source = LimitSource::kDefault;  // of requests
  LimitSource day_source = LimitSource::kDefault;
  LimitSource tokens_minute_source = LimitSource::kDefault;
  LimitSource tokens_day_source = LimitSource::kDefault;
};

// Of these scopes the first that says it: the project's for the model, the project's, its tier's
// for the model, its tier's, everywhere for the model, everywhere; else `defaults`. An empty
// project is in no scope of its own.
ConfiguredLimits LimitsFor(const LimitRules& rules, const Limits& defaults,
                           std::string_view project, std::string_view model);

// Whether the operator says something of the model by its name: of that project, its tier, or
// everywhere.
bool NamesModel(const LimitRules& rules, std::string_view project, std::string_view model);

// Of the project over all its models: the project's word, else its tier's. Nothing when neither
// says any.
std::optional<Limits> LimitsTogether(const LimitRules& rules, std::string_view project);

// No project may take a request for the model with more input tokens than this, by the operator's
// word. O(rules).
std::int64_t LargestRequest(const LimitRules& rules, const Limits& defaults,
                            std::string_view model);

}  // namespace keypool::policy
