#include "keyd/policy/quota_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace keypool::policy {
namespace {

constexpr absl::Duration kSpan = absl::Milliseconds(60'500);
const MonoTime kStart = MonoTime::FromNanoseconds(5'000'000'000);

TEST(MinuteWindow, IsFullAtItsLimitUntilTheOldestChargeLeaves) {
  MinuteWindow window(2, kSpan);
  window.Charge(kStart);
  window.Charge(kStart + absl::Seconds(10));
  const MonoTime now = kStart + absl::Seconds(20);
  EXPECT_EQ(window.UsedAt(now), 2);
  EXPECT_EQ(window.ReadyAt(now), kStart + kSpan);
  EXPECT_EQ(window.NextLeave(), kStart + kSpan);
}

TEST(MinuteWindow, ChargeLeavesExactlyASpanAfterItsGrant) {
  MinuteWindow window(1, kSpan);
  window.Charge(kStart);
  EXPECT_EQ(window.UsedAt(kStart + kSpan - absl::Nanoseconds(1)), 1);
  EXPECT_EQ(window.UsedAt(kStart + kSpan), 0);
  EXPECT_EQ(window.ReadyAt(kStart + kSpan), kStart + kSpan);
  window.Expire(kStart + kSpan);
  EXPECT_TRUE(window.slots().empty());
  EXPECT_EQ(window.NextLeave(), MonoTime::Max());
}

TEST(MinuteWindow, ExpireForgetsOnlyWhatHasLeft) {
  MinuteWindow window(5, kSpan);
  window.Charge(kStart);
  window.Charge(kStart + absl::Seconds(1));
  window.Expire(kStart + kSpan);
  EXPECT_EQ(window.UsedAt(kStart + kSpan), 1);
  EXPECT_EQ(window.NextLeave(), kStart + kSpan + absl::Seconds(1));
}

TEST(MinuteWindow, RefundTakesBackTheChargeOfThatTimeOnce) {
  MinuteWindow window(5, kSpan);
  window.Charge(kStart);
  window.Charge(kStart + absl::Seconds(1));
  EXPECT_TRUE(window.Refund(kStart));
  EXPECT_FALSE(window.Refund(kStart));
  EXPECT_EQ(window.UsedAt(kStart + absl::Seconds(2)), 1);
  EXPECT_EQ(window.NextLeave(), kStart + absl::Seconds(1) + kSpan);
}

TEST(MinuteWindow, CorrectionHitsTheSlotOfItsCharge) {
  for (const std::int64_t limit : {50, 5000}) {
    MinuteWindow window(limit, kSpan);
    window.Charge(kStart, 20);
    window.Charge(kStart + absl::Seconds(1), 10);
    EXPECT_TRUE(window.Correct(kStart, 15));
    EXPECT_TRUE(window.Correct(kStart + absl::Seconds(1), -4));
    EXPECT_EQ(window.UsedAt(kStart + absl::Seconds(1)), 41);
    EXPECT_EQ(window.UsedAt(kStart + kSpan), 6);
    EXPECT_TRUE(window.Correct(kStart, -35));
    EXPECT_EQ(window.NextLeave(), kStart + absl::Seconds(1) + kSpan);
    EXPECT_FALSE(window.Correct(kStart, 5));
  }
}

TEST(MinuteWindow, SeveralAtOnceFitWhenEnoughHasLeft) {
  MinuteWindow window(1000, kSpan);
  window.Charge(kStart, 300);
  window.Charge(kStart + absl::Seconds(1), 600);
  const MonoTime now = kStart + absl::Seconds(2);
  EXPECT_EQ(window.ReadyAt(now, 100), now);
  EXPECT_EQ(window.ReadyAt(now, 101), kStart + kSpan);
  EXPECT_EQ(window.ReadyAt(now, 401), kStart + absl::Seconds(1) + kSpan);
  EXPECT_EQ(window.ReadyAt(now, 1000), kStart + absl::Seconds(1) + kSpan);
}

TEST(MinuteWindow, RefundOfAChargeThatLeftChangesNothing) {
  MinuteWindow window(5, kSpan);
  window.Charge(kStart);
  window.Charge(kStart + absl::Seconds(30));
  window.Expire(kStart + kSpan);
  EXPECT_FALSE(window.Refund(kStart));
  EXPECT_EQ(window.UsedAt(kStart + kSpan), 1);
}

TEST(MinuteWindow, TimeBeforeTheNewestChargeCountsAsTheNewest) {
  MinuteWindow window(5, kSpan);
  window.Charge(kStart);
  window.Charge(kStart - absl::Seconds(30));
  EXPECT_EQ(window.UsedAt(kStart + kSpan - absl::Nanoseconds(1)), 2);
}

TEST(MinuteWindow, OverItsLimitWaitsUntilEnoughHasLeft) {
  MinuteWindow window(2, kSpan);  // as after a restart with a lower limit
  window.Charge(kStart, 2);
  window.Charge(kStart + absl::Seconds(1), 1);
  window.Charge(kStart + absl::Seconds(2), 1);
  EXPECT_EQ(window.ReadyAt(kStart + absl::Seconds(3)), kStart + absl::Seconds(1) + kSpan);
}

TEST(MinuteWindow, LargeLimitKeepsFewSlotsWhateverIsCharged) {
  MinuteWindow window(1'000'000, kSpan);
  MonoTime now = kStart;
  for (int i = 0; i < 200'000; ++i) {
    now = now + absl::Milliseconds(1);
    window.Expire(now);
    window.Charge(now);
    ASSERT_LE(window.slots().size(), 123u);
  }
}

TEST(MinuteWindow, FilledFromOthersLeavesWhenTheyDo) {
  for (const std::int64_t limit : {10, 1000}) {
    MinuteWindow a(limit, kSpan), b(limit, kSpan), sum(limit, kSpan);
    std::vector<MinuteWindow::Slot> slots;
    for (int second = 0; second < 5; ++second) {
      a.Charge(kStart + absl::Seconds(2 * second));
      b.Charge(kStart + absl::Seconds(2 * second + 1), 2);
    }
    slots.insert(slots.end(), a.slots().begin(), a.slots().end());
    slots.insert(slots.end(), b.slots().begin(), b.slots().end());
    sum.Fill(slots);
    for (int second = 0; second <= 80; ++second) {
      const MonoTime t = kStart + absl::Seconds(second);
      EXPECT_EQ(sum.UsedAt(t), a.UsedAt(t) + b.UsedAt(t)) << limit << " at " << second;
    }
    EXPECT_TRUE(sum.Correct(kStart + absl::Seconds(3), 5));
    EXPECT_EQ(sum.UsedAt(kStart + absl::Seconds(9)), 20);
  }
}

// Against every charge with its own time: never less, and no charge kept for longer than a slot.
TEST(MinuteWindow, CountsAsAnExactListDoesOrLeavesASlotLater) {
  for (const std::int64_t limit : {1, 2, 10, 64, 65, 300, 5000}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(testing::Message() << "limit " << limit << " seed " << seed);
      std::mt19937_64 random(seed);
      MinuteWindow window(limit, kSpan);
      std::vector<MonoTime> exact;  // in the order of time
      MonoTime now = kStart;
      const auto count_since = [&](absl::Duration span) {
        return exact.end() - std::upper_bound(exact.begin(), exact.end(), now - span);
      };
      for (int i = 0; i < 2000; ++i) {
        now = now + absl::Microseconds(static_cast<std::int64_t>(
                        random() % static_cast<std::uint64_t>(120'000'000 / limit)));
        if (random() % 4 == 0) window.Expire(now);
        const std::int64_t used = window.UsedAt(now);
        const bool is_exact = limit <= MinuteWindow::kExactLimitMax;
        ASSERT_GE(used, count_since(kSpan));
        ASSERT_LE(used, count_since(is_exact ? kSpan : kSpan + MinuteWindow::kSlotWidth));
        ASSERT_EQ(window.ReadyAt(now) == now, used < limit);
        if (random() % 10 == 0 && !exact.empty()) {
          const std::size_t at = random() % exact.size();
          const bool counted = window.Refund(exact[at]);
          if (exact[at] + kSpan > now) {
            ASSERT_TRUE(counted);
          }
          exact.erase(exact.begin() + static_cast<std::ptrdiff_t>(at));
        } else if (used < limit) {
          window.Charge(now);
          exact.push_back(now);
        }
      }
    }
  }
}

}  // namespace
}  // namespace keypool::policy
