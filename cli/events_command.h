// `poolctl events`: what has happened to the pool in keyd's present reign.
//
// With --json one object {"epoch": 3, "events": [EVENT…]}, with --follow one EVENT in each line.
//
//   EVENT: {"number": 7, "event": "cooldown", "at": "…", "last_at": "…", "count": 1,
//           "key_id": "key_1", "project_id": "p", "model": "m", "row": "429_day", "text": "…",
//           "until": "…"}
//
// What is not known is null. Events are those of keyd/base/admin.h.
#pragma once

#include "cli/commands.h"

namespace keypool::cli {

// With --follow it returns only on an error.
ExitCode RunEvents(const Options& options, client::AdminClient& keyd, Console& console,
                   const Clock& clock, absl::TimeZone zone);

}  // namespace keypool::cli
