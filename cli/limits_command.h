// `poolctl limits`: what the operator says about limits, shown and changed.
//
// With --json, list prints one object, in which a number is null where a row leaves it open, and
// "unlimited" where there is no limit:
//
//   {"limits": [{"source": "operator", "project_id": "p", "tier": null, "model": "m",
//                "all_models": false, "requests_per_minute": 5, "requests_per_day": null,
//                "input_tokens_per_minute": "unlimited", "input_tokens_per_day": null,
//                "project_tier": null}]}
//
// Sources are default, file (LIMITS_FILE) and operator (set at run time).
#pragma once

#include "cli/commands.h"

namespace keypool::cli {

ExitCode RunLimits(const Options& options, client::AdminClient& keyd, Console& console);

}  // namespace keypool::cli
