#include "proxy/timer_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "proxy/task.h"

namespace keypool::proxy {
namespace {

constexpr MonoTime kStart = MonoTime::FromNanoseconds(1'000'000'000'000);

class TimerWheelTest : public testing::Test {
 protected:
  void Pass(absl::Duration time) {
    now_ = now_ + time;
    wheel_.Advance(now_);
  }
  MonoTime now_ = kStart;
  TimerWheel wheel_{kStart};
  Wakeup wakeup_;
};

TEST_F(TimerWheelTest, ExpiresNotBeforeItsTimeAndSoonAfter) {
  for (const double seconds : {0.0, 0.1, 0.25, 1.0, 75.0, 128.0, 600.0, 3600.0}) {
    Timer timer(&wakeup_);
    const absl::Duration after = absl::Seconds(seconds);
    const MonoTime armed = now_;
    wheel_.Arm(&timer, after);
    while (!timer.Expired()) {
      ASSERT_LT(now_ - armed, after + 3 * TimerWheel::kTick) << seconds;
      Pass(TimerWheel::kTick);
    }
    EXPECT_GE(now_ - armed, after) << seconds;
  }
}

TEST_F(TimerWheelTest, IsNeverEarlyWhereverInATickItIsArmed) {
  for (int ms = 0; ms < 250; ms += 10) {
    Pass(absl::Milliseconds(10));
    Timer timer(&wakeup_);
    const MonoTime armed = now_;
    wheel_.Arm(&timer, absl::Milliseconds(300));
    while (!timer.Expired()) Pass(absl::Milliseconds(1));
    EXPECT_GE(now_ - armed, absl::Milliseconds(300));
    EXPECT_LE(now_ - armed, absl::Milliseconds(300) + 2 * TimerWheel::kTick);
  }
}

TEST_F(TimerWheelTest, DisarmedTimerDoesNotExpire) {
  Timer timer(&wakeup_);
  wheel_.Arm(&timer, absl::Seconds(1));
  timer.Disarm();
  Pass(absl::Seconds(10));
  EXPECT_FALSE(timer.Expired());
}

TEST_F(TimerWheelTest, ArmingAgainMovesTheTimeAndForgetsTheExpiry) {
  Timer timer(&wakeup_);
  wheel_.Arm(&timer, absl::Seconds(1));
  Pass(absl::Milliseconds(500));
  wheel_.Arm(&timer, absl::Seconds(10));
  Pass(absl::Seconds(5));
  EXPECT_FALSE(timer.Expired());
  Pass(absl::Seconds(6));
  EXPECT_TRUE(timer.Expired());
  wheel_.Arm(&timer, absl::Seconds(1));
  EXPECT_FALSE(timer.Expired());
}

TEST_F(TimerWheelTest, LongStandstillIsMadeUpFor) {
  Timer timer(&wakeup_);
  wheel_.Arm(&timer, absl::Minutes(10));
  Pass(absl::Hours(3));
  EXPECT_TRUE(timer.Expired());
}

Task<void> RearmEveryTime(TimerWheel& wheel, Wakeup& wakeup, Timer& timer, int* times) {
  for (;;) {
    wheel.Arm(&timer, absl::Seconds(1));
    while (!timer.Expired()) co_await wakeup.Wait();
    ++*times;
  }
}

TEST_F(TimerWheelTest, WhoIsWokenMayArmAndDestroyTimers) {
  Timer timer(&wakeup_);
  int times = 0;
  Task<void> task = RearmEveryTime(wheel_, wakeup_, timer, &times);
  task.Start();
  for (int i = 0; i < 40; ++i) Pass(absl::Milliseconds(250));
  EXPECT_GE(times, 6);
  EXPECT_LE(times, 10);
}

TEST_F(TimerWheelTest, ManyTimersExpireEachInItsOwnTime) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  struct Entry {
    std::unique_ptr<Timer> timer;
    MonoTime due;
  };
  std::vector<Entry> entries;
  for (int step = 0; step < 2'000; ++step) {
    if (entries.size() < 200) {
      const absl::Duration after = absl::Milliseconds(random() % 200'000);
      entries.push_back({std::make_unique<Timer>(&wakeup_), now_ + after});
      wheel_.Arm(entries.back().timer.get(), after);
    }
    Pass(absl::Milliseconds(random() % 1'000));
    std::erase_if(entries, [this](const Entry& entry) {
      if (entry.timer->Expired()) {
        EXPECT_GE(now_, entry.due);
        return true;
      }
      EXPECT_LT(now_ - entry.due, 2 * TimerWheel::kTick);
      return false;
    });
  }
}

}  // namespace
}  // namespace keypool::proxy
