#include "keyd/policy/breaker.h"

#include <gtest/gtest.h>

namespace keypool::policy {
namespace {

constexpr Breaker::Options kAtOnce = {.failures = 1,
                                      .first = absl::Seconds(1),
                                      .max = absl::Seconds(4),
                                      .probe_every = absl::Seconds(10)};

class BreakerTest : public testing::Test {
 protected:
  absl::Duration Wait() const {
    return breaker_.until() > now_ ? breaker_.until() - now_ : absl::ZeroDuration();
  }
  void Advance(absl::Duration d) { now_ = now_ + d; }
  MonoTime now_ = MonoTime::FromNanoseconds(1'000'000'000'000);
  Breaker breaker_;
};

TEST_F(BreakerTest, PausesTwiceAsLongEachTimeUpToTheMost) {
  for (const int seconds : {1, 2, 4, 4}) {
    EXPECT_TRUE(breaker_.Fails(kAtOnce, now_, now_));
    EXPECT_EQ(Wait(), absl::Seconds(seconds));
    Advance(Wait());
  }
}

TEST_F(BreakerTest, NeedsSoManyFailuresInARow) {
  Breaker::Options options = kAtOnce;
  options.failures = 3;
  breaker_.Fails(options, now_, now_);
  breaker_.Fails(options, now_, now_);
  breaker_.Works(now_);
  breaker_.Fails(options, now_, now_);
  breaker_.Fails(options, now_, now_);
  EXPECT_EQ(Wait(), absl::ZeroDuration());
  breaker_.Fails(options, now_, now_);
  EXPECT_EQ(Wait(), absl::Seconds(1));
}

TEST_F(BreakerTest, FailuresOfTheSameBurstCountOnce) {
  const MonoTime granted = now_;
  Advance(absl::Milliseconds(10));
  for (int i = 0; i < 30; ++i) breaker_.Fails(kAtOnce, granted, now_);
  EXPECT_EQ(Wait(), absl::Seconds(1));
}

TEST_F(BreakerTest, OneAtATimeUntilOneWorks) {
  breaker_.Fails(kAtOnce, now_, now_);
  Advance(absl::Seconds(1));
  EXPECT_EQ(Wait(), absl::ZeroDuration());
  breaker_.LetThrough(kAtOnce, now_);
  EXPECT_EQ(Wait(), absl::Seconds(10));
  const MonoTime probed = now_;
  Advance(absl::Seconds(3));
  breaker_.Works(probed);
  EXPECT_EQ(Wait(), absl::ZeroDuration());
  breaker_.LetThrough(kAtOnce, now_);
  EXPECT_EQ(Wait(), absl::ZeroDuration());
}

TEST_F(BreakerTest, SuccessOfARequestFromBeforeSaysNothing) {
  const MonoTime before = now_;
  Advance(absl::Milliseconds(10));
  breaker_.Fails(kAtOnce, now_, now_);
  breaker_.Works(before);
  EXPECT_EQ(Wait(), absl::Seconds(1));
}

TEST_F(BreakerTest, TellsWhenAPauseBeginsAndWhenItIsOver) {
  EXPECT_FALSE(breaker_.Works(now_));
  const MonoTime granted = now_;
  EXPECT_TRUE(breaker_.Fails(kAtOnce, granted, now_));
  Advance(absl::Milliseconds(1));
  EXPECT_FALSE(breaker_.Fails(kAtOnce, granted - absl::Seconds(1), now_)) << "of the same burst";
  EXPECT_TRUE(breaker_.Works(now_));
  EXPECT_FALSE(breaker_.Works(now_));
}

}  // namespace
}  // namespace keypool::policy
