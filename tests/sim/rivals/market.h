// A week of clients that ask for more than there is, through one pool, against Google's true
// limits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "tests/sim/rivals/strategy.h"

namespace keypool::sim {

struct MarketOptions {
  absl::CivilDay first_day{2026, 6, 1};  // Pacific days, whole ones
  int days = 7;
  int clients = 64;
  std::uint64_t seed = 1;
};

struct MarketResult {
  std::string pool;
  std::int64_t quota = 0;  // that Google would have served: the days' limits of all projects
  std::int64_t served = 0;
  std::int64_t refused = 0;  // 429s of Google
  std::int64_t refused_after_first_day = 0;
  // From a request's beginning to its key that worked, of those that were served.
  absl::Duration wait_p50, wait_p99;

  double Share() const { return static_cast<double>(served) / static_cast<double>(quota); }
  double RefusedPerThousand() const {
    return 1000.0 * static_cast<double>(refused) /
           static_cast<double>(std::max<std::int64_t>(1, served));
  }
};

// Six projects of different size, two keys each.
Holdings MarketHoldings();

// A client sends one request after the other. A request goes upstream at most four times in a row,
// each time on another key; then, or when the pool has none, the client comes again: when the pool
// said, else after a second, doubling up to a minute. After a minute in all it gives up and begins
// another one.
MarketResult RunMarket(const MarketOptions& options, const Holdings& holdings,
                       const std::function<std::unique_ptr<Strategy>(const Now&)>& make);

}  // namespace keypool::sim
