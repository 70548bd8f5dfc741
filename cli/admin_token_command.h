// `poolctl admin-token`: who may use /admin over HTTP, shown and changed.
//
// add and rotate print the new token, alone, on standard output. With --json each prints one
// object: {"admin_token": {…}, "token": "gka_…"} for add and rotate, {"admin_tokens": [{…}]} for
// list, the admin token itself for revoke:
//
//   {"name": "ops", "state": "active", "added_at": "…", "expires_at": null,
//    "tokens": [{"made_at": "…", "valid_until": null}]}
//
// States are active and expired.
#pragma once

#include "cli/commands.h"

namespace keypool::cli {

ExitCode RunAdminToken(const Options& options, client::AdminClient& keyd, Console& console,
                       absl::TimeZone zone);

}  // namespace keypool::cli
