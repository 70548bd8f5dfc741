// `poolctl client`: who may use the pool, shown and changed.
//
// add and rotate print the new token, alone, on standard output. With --json each prints one
// object:
// {"client": {…}, "token": "gkp_…"} for add and rotate, {"clients": [{…}]} for list, the client
// itself for the others:
//
//   {"name": "team-a", "state": "active", "requests_per_minute": 20, "requests_per_day": null,
//    "input_tokens_per_day": null, "models": ["gemini-2.5-*"], "weight": 1, "added_at": "…",
//    "expires_at": null, "revoked_at": null,
//    "tokens": [{"made_at": "…", "valid_until": null}],
//    "used_this_minute": 3, "used_today": 17, "input_tokens_today": 5120}
//
// States are active, expired and revoked; a limit that is null is none.
#pragma once

#include "cli/commands.h"

namespace keypool::cli {

ExitCode RunClient(const Options& options, client::AdminClient& keyd, Console& console,
                   absl::TimeZone zone);

}  // namespace keypool::cli
