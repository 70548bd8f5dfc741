// The text of one log line. Not for other rooms: they call log::Write.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "keyd/base/log.h"

namespace keypool::log {

// Longer values are cut there, and end in "…".
inline constexpr std::size_t kValueBytesMax = 2048;

// Appends "2026-11-22T19:50:27.123Z INFO event key=value …\n".
void AppendLine(std::string* out, absl::Time wall, Level level, std::string_view event,
                Fields fields);

}  // namespace keypool::log
