#include "keyd/policy/limits.h"

#include <gtest/gtest.h>

#include "keyd/policy/blame.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

constexpr Limits kDefaults = {.requests_per_minute = 10, .requests_per_day = 250};

TEST(LimitsFor, NarrowestScopeThatSaysItHolds) {
  LimitRules rules;
  const auto limits = [&rules] { return LimitsFor(rules, kDefaults, "p", "m").limits; };
  EXPECT_EQ(limits(), kDefaults);
  rules.everywhere.all_models.requests_per_minute = 11;
  EXPECT_EQ(limits().requests_per_minute, 11);
  rules.everywhere.models["m"].requests_per_minute = 12;
  EXPECT_EQ(limits().requests_per_minute, 12);
  rules.projects["p"].tier = "paid";
  rules.tiers["paid"].all_models.requests_per_minute = 13;
  EXPECT_EQ(limits().requests_per_minute, 13);
  rules.tiers["paid"].models["m"].requests_per_minute = 14;
  EXPECT_EQ(limits().requests_per_minute, 14);
  rules.projects["p"].own.all_models.requests_per_minute = 15;
  EXPECT_EQ(limits().requests_per_minute, 15);
  rules.projects["p"].own.models["m"].requests_per_minute = 16;
  EXPECT_EQ(limits().requests_per_minute, 16);
  EXPECT_EQ(limits().requests_per_day, 250);
}

TEST(LimitsFor, OthersAreLeftAlone) {
  LimitRules rules;
  rules.projects["p"].own.models["m"].requests_per_day = 1;
  EXPECT_EQ(LimitsFor(rules, kDefaults, "q", "m").limits, kDefaults);
  EXPECT_EQ(LimitsFor(rules, kDefaults, "p", "n").limits, kDefaults);
  EXPECT_EQ(LimitsFor(rules, kDefaults, "", "m").limits, kDefaults);
}

TEST(LimitsFor, SourceIsToldForEachWindow) {
  LimitRules rules;
  rules.everywhere.all_models.requests_per_day = 5;
  const ConfiguredLimits limits = LimitsFor(rules, kDefaults, "p", "m");
  EXPECT_EQ(limits.minute_source, LimitSource::kDefault);
  EXPECT_EQ(limits.day_source, LimitSource::kConfigured);
}

TEST(LimitsFor, TokensAreSaidAsRequestsAre) {
  LimitRules rules;
  rules.everywhere.models["m"].input_tokens_per_minute = 5;
  rules.projects["p"].own.all_models.input_tokens_per_day = 7;
  const ConfiguredLimits limits = LimitsFor(rules, kDefaults, "p", "m");
  EXPECT_EQ(limits.limits.input_tokens_per_minute, 5);
  EXPECT_EQ(limits.limits.input_tokens_per_day, 7);
  EXPECT_EQ(limits.tokens_minute_source, LimitSource::kConfigured);
  EXPECT_EQ(limits.minute_source, LimitSource::kDefault);
  EXPECT_EQ(LargestRequest(rules, kDefaults, "m"), 5);
  EXPECT_EQ(LargestRequest(rules, kDefaults, "n"), 250'000);
}

TEST(LimitsTogether, AreTheProjectsOwnThenItsTiers) {
  LimitRules rules;
  EXPECT_FALSE(LimitsTogether(rules, "p"));
  rules.projects["p"].tier = "paid";
  rules.tiers["paid"].together.requests_per_day = 9;
  rules.tiers["paid"].together.input_tokens_per_minute = 8;
  rules.projects["p"].own.together.requests_per_day = 3;
  const Limits limits = LimitsTogether(rules, "p").value();
  EXPECT_EQ(limits.requests_per_day, 3);
  EXPECT_EQ(limits.input_tokens_per_minute, 8);
  EXPECT_EQ(limits.requests_per_minute, kUnlimited);
  EXPECT_FALSE(LimitsTogether(rules, "q"));
}

class LimitsTest : public PoolTest {
 protected:
  LimitsTest() { config.default_limits = {.requests_per_minute = 10, .requests_per_day = 250}; }
  static AnswerFacts Told(const std::string& window, std::int64_t limit) {
    AnswerFacts facts = QuotaExceeded({window}, absl::Seconds(20));
    facts.violations[0].quota_value = limit;
    return facts;
  }
  // Grants until there are no more.
  int GrantAll(const std::string& model = "m") {
    int granted = 0;
    while (std::holds_alternative<Grant>(Acquire(Metered(model)))) ++granted;
    return granted;
  }
};

TEST_F(LimitsTest, EachProjectAndModelHasItsOwn) {
  config.limits.projects["big"].own.models["m"].requests_per_minute = 7;
  config.limits.everywhere.models["m"].requests_per_minute = 3;
  config.limits.everywhere.models["none"].requests_per_day = 0;
  Start();
  Add("key-small-01", "small");
  EXPECT_EQ(GrantAll(), 3);
  Add("key-big-0001", "big");
  EXPECT_EQ(GrantAll(), 7);
  EXPECT_EQ(GrantAll("other"), 20);
  EXPECT_EQ(GrantAll("none"), 0);
}

TEST_F(LimitsTest, LimitThatGoogleTellsReplacesADefault) {
  Start();
  const KeyId key = Add("key-one-0001");
  PoolTest::Report(Granted(), Told("PerMinute", 4));
  EXPECT_EQ(Bucket(key).per_minute.limit, 4);
  EXPECT_EQ(Bucket(key).per_minute.source, LimitSource::kLearned);
  EXPECT_EQ(Bucket(key).per_minute.learned_at, wall);
  EXPECT_EQ(Bucket(key).per_day.source, LimitSource::kDefault);
  Advance(absl::Minutes(2));
  EXPECT_EQ(GrantAll(), 4);
}

TEST_F(LimitsTest, HigherOneToo) {
  Start();
  Add("key-one-0001");
  PoolTest::Report(Granted(), Told("PerMinute", 100));
  Advance(absl::Minutes(2));
  EXPECT_EQ(GrantAll(), 100);
}

TEST_F(LimitsTest, OperatorsLowerLimitStays) {
  config.limits.everywhere.all_models.requests_per_minute = 5;
  Start();
  const KeyId key = Add("key-one-0001");
  PoolTest::Report(Granted(), Told("PerMinute", 100));
  EXPECT_EQ(Bucket(key).per_minute.limit, 5);
  EXPECT_EQ(Bucket(key).per_minute.source, LimitSource::kConfigured);
  Advance(absl::Minutes(2));
  PoolTest::Report(Granted(), Told("PerMinute", 3));
  EXPECT_EQ(Bucket(key).per_minute.limit, 3);
  EXPECT_EQ(Bucket(key).per_minute.source, LimitSource::kLearned);
}

TEST_F(LimitsTest, TheLastWordHolds) {
  Start();
  const KeyId key = Add("key-one-0001");
  const Grant first = Granted(), second = Granted();
  PoolTest::Report(first, Told("PerMinute", 4));
  PoolTest::Report(second, Told("PerMinute", 6));
  EXPECT_EQ(Bucket(key).per_minute.limit, 6);
}

TEST_F(LimitsTest, WhatWasLearnedSurvivesARestartAndTheNight) {
  Start();
  const KeyId key = Add("key-one-0001");
  PoolTest::Report(Granted(), Told("PerDay", 20));
  Start();
  EXPECT_EQ(Bucket(key).per_day.limit, 20);
  for (int day = 0; day < 3; ++day) {
    Advance(absl::Hours(24));
    TickUntilDone();
    EXPECT_EQ(Bucket(key).per_day.limit, 20);
  }
  Start();
  EXPECT_EQ(Bucket(key).per_day.limit, 20);
  EXPECT_EQ(Bucket(key).per_day.source, LimitSource::kLearned);
}

TEST_F(LimitsTest, WhatIsNotToldAgainForAWeekIsForgotten) {
  Start();
  const KeyId key = Add("key-one-0001");
  PoolTest::Report(Granted(), Told("PerDay", 20));
  Advance(kLearnedFor + absl::Hours(24));
  Granted();
  EXPECT_EQ(Bucket(key).per_day.limit, 250);
  EXPECT_EQ(Bucket(key).per_day.source, LimitSource::kDefault);
}

TEST_F(LimitsTest, WhatIsTooOldIsNotTakenUpByTheNextReign) {
  Start();
  const KeyId key = Add("key-one-0001");
  PoolTest::Report(Granted(), Told("PerMinute", 4));
  Advance(kLearnedFor);
  Start();
  Granted();
  EXPECT_EQ(Bucket(key).per_minute.limit, 10);
}

TEST_F(LimitsTest, ResetForgetsIt) {
  Start();
  const KeyId key = Add("key-one-0001");
  PoolTest::Report(Granted(), Told("PerMinute", 4));
  ASSERT_TRUE(pool->Apply(ResetCommand{}, now(), &mutations).ok());
  Commit();
  EXPECT_EQ(Bucket(key).per_minute.limit, 10);
  EXPECT_TRUE(stored.empty());
}

TEST_F(LimitsTest, LimitsOfTokensOfRegionsAndOfUsersTeachNothingAboutRequests) {
  Start();
  const KeyId key = Add("key-one-0001");
  for (const char* id : {"GenerateContentInputTokensPerModelPerMinute-FreeTier",
                         "GenerateContentRequestsPerMinutePerProjectPerRegion",
                         "EmbedContentRequestsPerDayPerUserPerProjectPerModel-FreeTier"}) {
    AnswerFacts facts = Told("PerMinute", 1);
    facts.violations[0].quota_id = id;
    PoolTest::Report(Granted(), facts);
    EXPECT_EQ(Bucket(key).per_minute.limit, 10) << id;
    EXPECT_EQ(Bucket(key).per_day.limit, 250) << id;
    ASSERT_TRUE(pool->Apply(ResetCommand{}, now(), &mutations).ok());
    Commit();
  }
}

TEST_F(LimitsTest, ProjectWithoutKeysIsForgottenWithWhatItLearned) {
  Start();
  const KeyId key = Add("key-one-0001", "p");
  PoolTest::Report(Granted(), Told("PerMinute", 4));
  ASSERT_TRUE(pool->Apply(RemoveKeyCommand{key}, now(), &mutations).ok());
  Commit();
  Advance(absl::Hours(24));
  TickUntilDone();
  EXPECT_TRUE(stored.empty());
}

}  // namespace
}  // namespace keypool::policy
