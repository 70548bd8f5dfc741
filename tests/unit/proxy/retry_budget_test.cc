#include "proxy/retry_budget.h"

#include <gtest/gtest.h>

namespace keypool::proxy {
namespace {

class RetryBudgetTest : public testing::Test {
 protected:
  int TakeAll() {
    int taken = 0;
    while (budget_.Take(now_)) ++taken;
    return taken;
  }
  void Requests(int count) {
    for (int i = 0; i < count; ++i) budget_.CountRequest(now_);
  }
  MonoTime now_ = MonoTime::FromNanoseconds(1'000'000'000'000'000);
  RetryBudget budget_;
};

TEST_F(RetryBudgetTest, FewRequestsMayAlwaysBeTriedAgain) {
  Requests(1);
  EXPECT_EQ(TakeAll(), RetryBudget::kAlways);
}

TEST_F(RetryBudgetTest, ManyRequestsAFifthOfThem) {
  Requests(1'000);
  EXPECT_EQ(TakeAll(), 200);
  now_ = now_ + absl::Seconds(5);
  EXPECT_EQ(TakeAll(), 0);
  Requests(100);
  EXPECT_EQ(TakeAll(), 20);
}

TEST_F(RetryBudgetTest, WhatIsTenSecondsOldCountsNoMore) {
  Requests(1'000);
  EXPECT_EQ(TakeAll(), 200);
  now_ = now_ + absl::Seconds(9);
  EXPECT_EQ(TakeAll(), 0);
  now_ = now_ + absl::Seconds(1);
  EXPECT_EQ(TakeAll(), RetryBudget::kAlways);
}

TEST_F(RetryBudgetTest, LongPauseForgetsEverything) {
  Requests(1'000);
  now_ = now_ + absl::Hours(1);
  EXPECT_EQ(TakeAll(), RetryBudget::kAlways);
}

}  // namespace
}  // namespace keypool::proxy
