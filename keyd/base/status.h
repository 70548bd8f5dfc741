// absl::Status with the little that it lacks: context, early return, and std::string_view.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace keypool {

// Debian builds abseil with its own string_view: convert at the boundary.
inline absl::string_view ToAbsl(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view ToStd(absl::string_view s) { return {s.data(), s.size()}; }

// The same error with "context: " in front of its message.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace keypool

#define KP_RETURN_IF_ERROR(expr)                                            \
  do {                                                                      \
    if (absl::Status kp_status = (expr); !kp_status.ok()) return kp_status; \
  } while (false)
