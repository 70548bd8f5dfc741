// `poolctl usage`.
#pragma once

#include "cli/commands.h"

namespace keypool::cli {

ExitCode RunUsage(const Options& options, client::AdminClient& keyd, Console& console);

}  // namespace keypool::cli
