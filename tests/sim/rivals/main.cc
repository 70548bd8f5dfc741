// Prints how pools compare in the market, as the table in the README.
#include <cstdio>
#include <functional>
#include <memory>

#include "tests/sim/rivals/market.h"

namespace keypool::sim {
namespace {

int Main() {
  const Holdings holdings = MarketHoldings();
  const std::function<std::unique_ptr<Strategy>(const Now&)> kPools[] = {
      [&](const Now& now) { return OurPool(holdings, now, true); },
      [&](const Now& now) { return OurPool(holdings, now, false); },
      [&](const Now&) { return PerKeyCount(holdings); },
      [&](const Now&) { return CooldownOnly(holdings); },
      [&](const Now&) { return RoundRobinWithFailureCount(holdings); },
      [&](const Now&) { return RandomKey(holdings, 1); },
  };
  std::printf(
      "| pool | quota used | 429s of Google per 1,000 served | wait, median | wait, 99 of 100 |\n");
  std::printf("|---|---|---|---|---|\n");
  for (const auto& make : kPools) {
    const MarketResult result = RunMarket({}, holdings, make);
    std::printf("| %s | %.1f %% | %.1f | %.1f s | %.1f s |\n", result.pool.c_str(),
                100 * result.Share(), result.RefusedPerThousand(),
                absl::ToDoubleSeconds(result.wait_p50), absl::ToDoubleSeconds(result.wait_p99));
  }
  return 0;
}

}  // namespace
}  // namespace keypool::sim

int main() { return keypool::sim::Main(); }
