// Limits as a file that LIMITS_FILE and `poolctl limits import` take.
#pragma once

#include <string>
#include <vector>

#include "keyd/base/operator_limits.h"

namespace keypool::cli {

// `said` is in the order of scopes, each once. Read back, it says the same.
std::string LimitsToml(const std::vector<ScopeLimits>& said);

}  // namespace keypool::cli
