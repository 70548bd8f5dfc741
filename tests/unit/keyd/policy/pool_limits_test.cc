// Limits that change while the pool is in use.
#include <gmock/gmock.h>

#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::HasSubstr;

class Change : public PoolTest {
 protected:
  static LimitScopeName OfProject(std::string name) {
    return {LimitLevel::kProject, std::move(name), LimitModels::kEach, {}};
  }
  static LimitScopeName Together(std::string name) {
    return {LimitLevel::kProject, std::move(name), LimitModels::kTogether, {}};
  }
  void Set(LimitScopeName scope, LimitSet limits, std::string tier = "") {
    const SetLimitsCommand command{{std::move(scope), limits, std::move(tier)}};
    const auto said = pool->Apply(command, now(), &mutations);
    EXPECT_TRUE(said.ok()) << said.status();
    Commit();
  }
  void Unset(LimitScopeName scope) {
    UnsetLimitsCommand command;
    command.scope = std::move(scope);
    const auto left = pool->Apply(command, now(), &mutations);
    EXPECT_TRUE(left.ok()) << left.status();
    Commit();
  }
};

TEST_F(Change, HoldsForTheNextRequestOfABucketInUse) {
  const KeyId key = Add("secret-a", "a");
  Granted();
  Granted();
  Refused();  // two a minute
  Set({}, {.requests_per_minute = 3});
  Granted();
  EXPECT_EQ(Refused().limit, 3);
  EXPECT_EQ(Bucket(key).per_minute.source, LimitSource::kConfigured);
  Set(OfProject("a"), {.requests_per_minute = 1});
  EXPECT_EQ(Bucket(key).per_minute.limit, 1);
  Advance(absl::Minutes(2));
  Granted();
  Refused();
  Unset(OfProject("a"));
  EXPECT_EQ(Bucket(key).per_minute.limit, 3);
  Granted();
}

TEST_F(Change, MovesProjectsInTheOrderOfChoice) {
  const KeyId a = Add("secret-a", "a");
  const KeyId b = Add("secret-b", "b");
  EXPECT_EQ(Granted().key, a);
  EXPECT_EQ(Granted().key, b);
  Set(OfProject("b"), {.requests_per_minute = 100, .requests_per_day = 100});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Granted().key, b);
  Set(OfProject("b"), {.requests_per_day = 0});
  EXPECT_EQ(Granted().key, a);
}

TEST_F(Change, OfATierReachesItsProjectsOnly) {
  const KeyId a = Add("secret-a", "a");
  const KeyId b = Add("secret-b", "b");
  Granted();
  Granted();
  Set({LimitLevel::kTier, "paid", LimitModels::kOne, "m"}, {.requests_per_minute = 50});
  Set(OfProject("b"), {}, "paid");
  EXPECT_EQ(Bucket(a).per_minute.limit, 2);
  EXPECT_EQ(Bucket(b).per_minute.limit, 50);
}

TEST_F(Change, WhatGoogleHasToldStaysAndTheLowerHolds) {
  const KeyId key = Add("secret-a", "a");
  AnswerFacts facts = QuotaExceeded({"PerMinute"}, absl::Seconds(1));
  facts.violations[0].quota_value = 7;
  Report(Granted(), facts);
  EXPECT_EQ(Bucket(key).per_minute.limit, 7);
  Set({}, {.requests_per_minute = 20});
  EXPECT_EQ(Bucket(key).per_minute.limit, 7);
  EXPECT_EQ(Bucket(key).per_minute.source, LimitSource::kLearned);
  Set({}, {.requests_per_minute = 5});
  EXPECT_EQ(Bucket(key).per_minute.limit, 5);
  EXPECT_EQ(Bucket(key).per_minute.source, LimitSource::kConfigured);
}

TEST_F(Change, SurvivesARestartAndAnotherFile) {
  const KeyId key = Add("secret-a", "a");
  Set(OfProject("a"), {.requests_per_minute = 1});
  config.limits.projects["a"].own.all_models = {.requests_per_minute = 9, .requests_per_day = 8};
  Start();
  Granted();
  EXPECT_EQ(Bucket(key).per_minute.limit, 1);
  EXPECT_EQ(Bucket(key).per_day.limit, 8);
  Unset(OfProject("a"));
  EXPECT_EQ(Bucket(key).per_minute.limit, 9);
  Start();
  EXPECT_EQ(Bucket(key).per_minute.limit, 9);
  EXPECT_TRUE(stored_limits.empty());
}

TEST_F(Change, ALowerLimitLeavesNoBlockOfTheHigherOneInTheStore) {
  config.default_limits = {.requests_per_minute = 10'000, .requests_per_day = 10'000};
  Start();
  const KeyId key = Add("secret-a", "a");
  Granted();  // out of a block of 100
  Set(OfProject("a"), {.requests_per_minute = 10, .requests_per_day = 20});
  Start();
  EXPECT_LE(Bucket(key).per_day.used, 2);
  Granted();
}

TEST_F(Change, LargerRequestsFitOrDoNot) {
  Add("secret-a", "a");
  AcquireCommand large = Metered();
  large.input_tokens = 300'000;
  EXPECT_EQ(Refused(large).reason, RefusalReason::kTooLarge);
  Set(OfProject("a"), {.input_tokens_per_minute = 400'000});
  Granted(large);
  Unset(OfProject("a"));
  Advance(absl::Minutes(2));
  EXPECT_EQ(Refused(large).reason, RefusalReason::kTooLarge);
}

TEST_F(Change, WhoWaitsIsServedAtOnce) {
  Add("secret-a", "a");
  Granted();
  Granted();
  AcquireCommand command = Metered();
  command.wait_up_to = absl::Minutes(3);
  ASSERT_FALSE(pool->ApplyOrHold(command, 1, now(), random, &mutations).has_value());
  EXPECT_TRUE(pool->ServeWaiting(now(), random, &mutations).empty());
  Set({}, {.requests_per_minute = 3});
  const auto answers = pool->ServeWaiting(now(), random, &mutations);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<Grant>(answers[0].reply));
}

TEST_F(Change, ALimitOverAllModelsCountsWhatWasUsedBeforeIt) {
  const KeyId key = Add("secret-a", "a");
  const Grant first = Granted(Metered("m"));
  Advance(absl::Seconds(10));
  Granted(Metered("n"));
  Set(Together("a"), {.requests_per_minute = 2});
  for (const char* model : {"m", "n", "new"}) {
    const Refusal refusal = Refused(Metered(model));
    EXPECT_EQ(refusal.retry_after, absl::Milliseconds(50'500)) << model;
    EXPECT_EQ(refusal.limit, 2);
  }
  EXPECT_EQ(Bucket(key, "m").reason, "its project is out of requests this minute, over all models");
  ReportUnsent(first);  // is given back there too
  Granted(Metered("new"));
  Refused(Metered("m"));
  Set(Together("a"), {.requests_per_minute = 3});
  Granted(Metered("m"));
  Refused(Metered("m"));
  Unset(Together("a"));
  Granted(Metered("n"));
}

TEST_F(Change, OverAllModelsHoldsForAProjectWithoutABucketToo) {
  Add("secret-a", "a");
  Set(Together("a"), {.requests_per_minute = 1});
  Granted(Metered("m"));
  Refused(Metered("n"));
}

TEST_F(Change, AnImportIsOneChange) {
  const KeyId key = Add("secret-a", "a");
  Granted();
  Set({}, {.requests_per_minute = 50});
  const ImportLimitsCommand import{{{OfProject("a"), {.requests_per_day = 30}, ""}}, false};
  ASSERT_TRUE(pool->Apply(import, now(), &mutations).ok());
  Commit();
  EXPECT_EQ(Bucket(key).per_minute.limit, 2);
  EXPECT_EQ(Bucket(key).per_day.limit, 30);
  EXPECT_EQ(stored_limits.size(), 1u);
}

TEST_F(Change, IsAnEvent) {
  Set(OfProject("a"), {.requests_per_minute = 4, .input_tokens_per_day = kUnlimited});
  const PoolEvents events = pool->Events({});
  ASSERT_FALSE(events.events.empty());
  EXPECT_EQ(events.events.back().kind, EventKind::kLimitsChanged);
  EXPECT_EQ(events.events.back().project, ProjectId{"a"});
  EXPECT_THAT(events.events.back().text,
              HasSubstr("project a: 4 requests a minute, unlimited input tokens a day"));
}

}  // namespace
}  // namespace keypool::policy
