// Limits from LIMITS_FILE, in TOML. Tables: default (every project and model), models.MODEL (in
// every project), tiers.TIER and projects.PROJECT, these two with .models.MODEL inside, and with
// .all_models for what a project may take over all its models together; a project names its tier.
// Each says any of requests_per_minute, requests_per_day, input_tokens_per_minute and
// input_tokens_per_day; deploy/limits has a sample.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "keyd/base/operator_limits.h"
#include "keyd/policy/limits.h"

namespace keypool {

// `name` is told in errors. Errors: INVALID_ARGUMENT (every mistake, a line each, with its place).
absl::StatusOr<policy::LimitRules> ParseLimits(std::string_view text, std::string_view name);

// The same as a list, for an import at run time.
absl::StatusOr<std::vector<ScopeLimits>> ParseLimitScopes(std::string_view text,
                                                          std::string_view name);

// No rules for no path. Errors: FAILED_PRECONDITION (the file cannot be read), those of
// ParseLimits.
absl::StatusOr<policy::LimitRules> ReadLimitsFile(const std::string& path);

}  // namespace keypool
