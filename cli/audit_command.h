// `poolctl audit`: who has done what, and whether that is still what was written.
//
// With --json one object {"records": [RECORD…], "more": false}, "more" when there are older ones:
//
//   RECORD: {"number": 7, "at": "…", "who": "uid 1000 (ada)", "what": "remove key",
//            "target": "key_3", "result": "ok", "chain": "64 hexadecimal digits"}
//   or, of one that cannot be read: {"number": 7, "damage": "…"}
//
// With --verify --json {"intact": true, "records": 7, "first": 1, "broken": null}, or
// "broken": {"number": 5, "why": "…"}.
#pragma once

#include "cli/commands.h"

namespace keypool::cli {

ExitCode RunAudit(const Options& options, client::AdminClient& keyd, Console& console,
                  const Clock& clock, absl::TimeZone zone);

}  // namespace keypool::cli
