// `poolctl explain`: why a key is, or is not, given the next request of a model.
//
// With --json one object, whose "next" is null when a request would be refused:
//
//   {"now": "…", "model": "m", "next": {"key_id": "key_1", "project_id": "p"},
//    "refusal": null, "first_at": null, "keys": [KEY…]}
//
//   KEY: {"key_id": "key_1", "project_id": "p", "verdict": "next", "until": null,
//         "reason": "…", "row": null, "since": null}
//
// Verdicts are those of keyd/base/admin.h.
#pragma once

#include "cli/commands.h"

namespace keypool::cli {

ExitCode RunExplain(const Options& options, client::AdminClient& keyd, Console& console,
                    absl::TimeZone zone);

}  // namespace keypool::cli
