#include "tests/fakes/gemini/quota.h"

#include <gtest/gtest.h>

namespace keypool::fake {
namespace {

absl::TimeZone Pacific() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("America/Los_Angeles", &zone));
  return zone;
}

class QuotaTest : public testing::Test {
 protected:
  // One request of project "p" for model "m".
  bool Admits(Quota& quota, absl::Time at) { return quota.Charge("k", "p", "m", at).empty(); }

  QuotaOptions options_{.project_of_key = {{"k", "p"}}, .limit = {3, 5}};
  const absl::Time noon_ = absl::FromCivil(absl::CivilSecond(2026, 7, 1, 12, 0, 30), Pacific());
};

TEST_F(QuotaTest, SlidingMinuteFreesASlotSixtySecondsAfterItsRequest) {
  Quota quota(options_, Pacific());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Admits(quota, noon_ + absl::Seconds(i)));
  EXPECT_FALSE(Admits(quota, noon_ + absl::Seconds(59.9)));
  EXPECT_TRUE(Admits(quota, noon_ + absl::Seconds(60)));
  EXPECT_FALSE(Admits(quota, noon_ + absl::Seconds(60.9)));
}

TEST_F(QuotaTest, FixedMinuteFreesAllSlotsAtTheFullMinute) {
  options_.shape = MinuteShape::kFixed;
  Quota quota(options_, Pacific());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Admits(quota, noon_));
  EXPECT_FALSE(Admits(quota, noon_ + absl::Seconds(29)));
  EXPECT_TRUE(Admits(quota, noon_ + absl::Seconds(30)));
}

TEST_F(QuotaTest, DayEndsAtPacificMidnightAlsoOnADayOfTwentyThreeHours) {
  options_.limit = {100, 2};
  Quota quota(options_, Pacific());
  const absl::Time before = absl::FromCivil(absl::CivilSecond(2026, 3, 8, 0, 0, 1), Pacific());
  EXPECT_TRUE(Admits(quota, before));
  EXPECT_TRUE(Admits(quota, before));
  const auto violations = quota.Charge("k", "p", "m", before);
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].window, Window::kDay);
  EXPECT_EQ(violations[0].until_free, absl::Hours(23) - absl::Seconds(1));
  EXPECT_TRUE(Admits(quota, before + violations[0].until_free));
}

TEST_F(QuotaTest, TokensOfAnyMinuteAreLimited) {
  options_.limit = {.per_minute = 100, .per_day = 100, .tokens_per_minute = 1000};
  Quota quota(options_, Pacific());
  EXPECT_TRUE(quota.Charge("k", "p", "m", noon_, 900).empty());
  const auto violations = quota.Charge("k", "p", "m", noon_ + absl::Seconds(1), 101);
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].window, Window::kTokensMinute);
  EXPECT_EQ(violations[0].limit, 1000);
  EXPECT_TRUE(quota.Charge("k", "p", "m", noon_ + absl::Seconds(1), 100).empty());
  EXPECT_TRUE(quota.Charge("k", "p", "m", noon_ + absl::Seconds(60), 900).empty());
}

TEST_F(QuotaTest, KeysOfOneProjectShareAndModelsDoNot) {
  options_.project_of_key["k2"] = "p";
  Quota quota(options_, Pacific());
  EXPECT_TRUE(quota.Charge("k", "p", "m", noon_).empty());
  EXPECT_TRUE(quota.Charge("k2", "p", "m", noon_).empty());
  EXPECT_TRUE(quota.Charge("k", "p", "m", noon_).empty());
  EXPECT_FALSE(quota.Charge("k2", "p", "m", noon_).empty());
  EXPECT_TRUE(quota.Charge("k2", "p", "other", noon_).empty());
}

TEST_F(QuotaTest, OverrideOfProjectAndModelBeatsTheModelsOwn) {
  options_.overrides = {{"m", {1, 5}}, {"p/m", {2, 5}}};
  Quota quota(options_, Pacific());
  EXPECT_TRUE(Admits(quota, noon_));
  EXPECT_TRUE(Admits(quota, noon_));
  EXPECT_FALSE(Admits(quota, noon_));
  EXPECT_TRUE(quota.Charge("x", "q", "m", noon_).empty());
  EXPECT_FALSE(quota.Charge("x", "q", "m", noon_).empty());
}

TEST_F(QuotaTest, UnknownKeyHasNoProjectUnlessAnyKeyIsTaken) {
  EXPECT_EQ(Quota(options_, Pacific()).ProjectOf("new"), std::nullopt);
  options_.any_key = true;
  EXPECT_EQ(Quota(options_, Pacific()).ProjectOf("new"), "new");
}

}  // namespace
}  // namespace keypool::fake
