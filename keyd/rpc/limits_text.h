// How ImportLimits reads its text. The reader lives with LIMITS_FILE, in a room that this one must
// not use, so it is handed in.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "keyd/base/operator_limits.h"

namespace keypool::rpc {

// Limits in the form of LIMITS_FILE; `name` is told in errors. Errors: INVALID_ARGUMENT (every
// mistake, a line each). Thread-safe.
using ParseLimitsText = std::function<absl::StatusOr<std::vector<ScopeLimits>>(
    std::string_view text, std::string_view name)>;

}  // namespace keypool::rpc
