#include "proxy/guess_limit.h"

#include <gtest/gtest.h>

#include <string>

namespace keypool::proxy {
namespace {

class GuessLimitTest : public testing::Test {
 protected:
  void Guess(std::string_view address, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) limit.Count(address, now);
  }
  bool MayGuess(std::string_view address) {
    return limit.WaitOf(address, now) == absl::ZeroDuration();
  }
  GuessLimit limit;
  MonoTime now = MonoTime::FromNanoseconds(5);
};

TEST_F(GuessLimitTest, TenInAMinuteAreTheLastOfAnAddress) {
  Guess("10.0.0.1", GuessLimit::kGuessesMax - 1);
  EXPECT_TRUE(MayGuess("10.0.0.1"));
  now = now + absl::Seconds(20);
  Guess("10.0.0.1", 1);
  EXPECT_EQ(limit.WaitOf("10.0.0.1", now), absl::Seconds(40)) << "until the first is a minute old";
  EXPECT_TRUE(MayGuess("10.0.0.2"));
}

TEST_F(GuessLimitTest, AnyMinuteHoldsTen) {
  Guess("10.0.0.1", 5);
  now = now + absl::Seconds(30);
  Guess("10.0.0.1", 5);
  EXPECT_FALSE(MayGuess("10.0.0.1"));
  now = now + absl::Seconds(30);
  EXPECT_TRUE(MayGuess("10.0.0.1"));
  Guess("10.0.0.1", 5);
  EXPECT_EQ(limit.WaitOf("10.0.0.1", now), absl::Seconds(30));
}

TEST_F(GuessLimitTest, AnAddressCountsHoweverItIsWritten) {
  Guess("::ffff:10.0.0.1", 5);
  Guess("10.0.0.1", 5);
  EXPECT_FALSE(MayGuess("10.0.0.1"));
  Guess("2001:db8::1", 5);
  Guess("2001:db8::2", 5);
  EXPECT_FALSE(MayGuess("2001:db8::3")) << "one network";
  EXPECT_TRUE(MayGuess("2001:db8:0:1::1"));
}

TEST_F(GuessLimitTest, WhatIsOverIsForgotten) {
  Guess("10.0.0.1", 3);
  now = now + absl::Seconds(10);
  Guess("10.0.0.2", 3);
  EXPECT_EQ(limit.addresses(), 2u);
  now = now + absl::Seconds(50);
  EXPECT_TRUE(MayGuess("10.0.0.3"));
  EXPECT_EQ(limit.addresses(), 1u);
}

TEST_F(GuessLimitTest, WithTooManyAddressesTheOneThatGuessedLongestAgoIsForgotten) {
  Guess("10.0.0.1", GuessLimit::kGuessesMax);
  Guess("10.0.0.2", GuessLimit::kGuessesMax);
  for (std::size_t i = 0; i < GuessLimit::kAddressesMax - 2; ++i) {
    Guess("host-" + std::to_string(i), 1);
  }
  EXPECT_FALSE(MayGuess("10.0.0.1"));
  Guess("10.0.0.1", 1);  // now 10.0.0.2 is the one
  Guess("host-of-one-more", 1);
  EXPECT_EQ(limit.addresses(), GuessLimit::kAddressesMax);
  EXPECT_FALSE(MayGuess("10.0.0.1"));
  EXPECT_TRUE(MayGuess("10.0.0.2"));
}

}  // namespace
}  // namespace keypool::proxy
