// How long after a key has become free who waits for it is granted.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace keypool::bench {

// Each round lets all `projects` rest for a second, by reports of a 429, and waits for the first of
// them. Empty when something failed. Blocks for about a second a round.
std::vector<absl::Duration> MeasureWaits(const std::string& address, int projects, int rounds);

}  // namespace keypool::bench
