// The promises of the whole pool at saturation: nothing wasted, nothing asked for in vain.
#include "tests/sim/rivals/market.h"

#include <gtest/gtest.h>

namespace keypool::sim {
namespace {

struct Week {
  const char* name;
  absl::CivilDay first_day;
};
class MarketWeek : public testing::TestWithParam<Week> {
 protected:
  MarketResult Run(bool knows_limits) const {
    MarketOptions options;
    options.first_day = GetParam().first_day;
    return RunMarket(options, holdings_,
                     [&](const Now& now) { return OurPool(holdings_, now, knows_limits); });
  }
  const Holdings holdings_ = MarketHoldings();
};

TEST_P(MarketWeek, WithLimitsConfiguredNothingIsRefusedAndTheQuotaIsUsed) {
  const MarketResult result = Run(true);
  EXPECT_EQ(result.refused, 0);
  EXPECT_GE(result.Share(), 0.98);
  EXPECT_LE(result.Share(), 1.0);
}

TEST_P(MarketWeek, WithLimitsUnknownEachIsLearnedFromOne429AndThoseUnderWay) {
  const MarketResult result = Run(false);
  // Two windows of each project, and no more under way than there are clients.
  const auto once = static_cast<std::int64_t>(2 * holdings_.limits.size());
  EXPECT_LE(result.refused, once + 2 * 64);
  EXPECT_EQ(result.refused_after_first_day, 0);
  EXPECT_GE(result.Share(), 0.98);
}

INSTANTIATE_TEST_SUITE_P(Weeks, MarketWeek,
                         testing::Values(Week{"Summer", absl::CivilDay(2026, 6, 1)},
                                         Week{"DayOf23Hours", absl::CivilDay(2026, 3, 5)},
                                         Week{"DayOf25Hours", absl::CivilDay(2026, 10, 29)}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace keypool::sim
