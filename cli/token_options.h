// What the commands about those who have a token read in the same way.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace keypool::cli {

// Flags by name, and whether they were given.
using GivenFlags = std::vector<std::pair<std::string_view, bool>>;

// `command`: "client", `action`: "rotate". Errors of all of them: INVALID_ARGUMENT, which name the
// flag and the fix.
absl::Status CheckFlags(std::string_view command, std::string_view action,
                        const std::vector<std::string_view>& allowed, const GivenFlags& given);
// Of every action but list, which takes no name. `what`: "client".
absl::Status CheckOwnerName(std::string_view command, std::string_view action,
                            std::string_view what, const std::string& name);
// "30d", or "never". Empty: stays as it is.
absl::Status ReadExpires(const std::string& text, std::optional<absl::Duration>* expires_in);
// "24h". Empty: stays as it is.
absl::Status ReadOverlap(const std::string& text, absl::Duration* overlap);

}  // namespace keypool::cli
