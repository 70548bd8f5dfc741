// What each command of poolctl does with keyd.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/console.h"
#include "cli/options.h"
#include "keyd/base/clock.h"
#include "keyd/client/admin_client.h"

namespace keypool::cli {

enum ExitCode { kDone = 0, kRefused = 1, kUsage = 2, kUnreachable = 3 };

// Does what `options` ask, prints the result or one line that names problem and fix, and returns
// the exit code. With --watch and --follow it returns only on an error.
ExitCode RunCommand(const Options& options, client::AdminClient& keyd, Console& console,
                    const Clock& clock, absl::TimeZone zone);

}  // namespace keypool::cli
