// Limits from LIMITS_FILE, in TOML:
//
//   [default]                                       every project and model
//   requests_per_day = 500
//   [models."gemini-2.5-pro"]                       this model in every project
//   requests_per_minute = 5
//   [tiers.paid.models."gemini-2.5-pro"]            in projects of this tier
//   requests_per_minute = 150
//   [projects.my-project]
//   tier = "paid"
//   [projects.my-project.models."gemini-2.5-pro"]
//   requests_per_day = "unlimited"
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/policy/limits.h"

namespace keypool {

inline constexpr std::int64_t kLimitMax = 1'000'000'000;

// `name` is told in errors. Errors: INVALID_ARGUMENT (every mistake, a line each, with its place).
absl::StatusOr<policy::LimitRules> ParseLimits(std::string_view text, std::string_view name);

// No rules for no path. Errors: FAILED_PRECONDITION (the file cannot be read), those of
// ParseLimits.
absl::StatusOr<policy::LimitRules> ReadLimitsFile(const std::string& path);

}  // namespace keypool
