// What an answer does beyond the bucket of its request: keys and projects that rest, models that
// are overloaded, an address that is throttled.
#include <gtest/gtest.h>

#include "keyd/policy/blame.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

class Rest : public PoolTest {
 protected:
  Rest() {
    config.default_limits = {.requests_per_minute = 1'000, .requests_per_day = 100'000};
    Start();
  }
  static AnswerFacts Says(int http_status, MessageClass message) {
    AnswerFacts facts = Status(http_status);
    facts.message = message;
    return facts;
  }
  static AnswerFacts Invalid() { return Says(400, MessageClass::kKeyNotValid); }
  Grant GrantOf(KeyId key) {
    for (int i = 0; i < 10; ++i) {
      const Grant grant = Granted();
      if (grant.key == key) return grant;
      PoolTest::Report(grant, Status(200));
    }
    ADD_FAILURE() << "never granted " << ToString(key);
    return {};
  }
  void Revive(KeyId key) {
    AdvanceTo(*Key(key).retry_at);
    TickUntilDone();
  }
};

TEST_F(Rest, InvalidKeyIsDisabledWithTheReasonAndTriedAgainInAnHour) {
  const KeyId bad = Add("bad-key-0001", "a");
  const KeyId good = Add("good-key-001", "b");
  const ReportReply reply = PoolTest::Report(GrantOf(bad), Invalid());
  EXPECT_TRUE(reply.retryable);
  EXPECT_FALSE(Key(bad).active);
  EXPECT_EQ(Key(bad).disabled_reason, "Google says the key is not valid");
  EXPECT_EQ(Key(bad).retry_at, wall + absl::Hours(1));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Granted().key, good);
  Revive(bad);
  EXPECT_TRUE(Key(bad).active);
  EXPECT_EQ(Key(bad).disabled_reason, "");
  EXPECT_FALSE(Key(bad).retry_at.has_value());
}

TEST_F(Rest, KeyThatFailsAgainRestsTwiceAsLongUpToADay) {
  const KeyId bad = Add("bad-key-0001");
  for (const int hours : {1, 2, 4, 8, 16, 24, 24}) {
    PoolTest::Report(Granted(), Invalid());
    EXPECT_EQ(Key(bad).retry_at, wall + absl::Hours(hours));
    Revive(bad);
  }
  PoolTest::Report(Granted(), Status(200));
  PoolTest::Report(Granted(), Invalid());
  EXPECT_EQ(Key(bad).retry_at, wall + absl::Hours(1));
}

TEST_F(Rest, OtherRequestsUnderWayOnTheSameKeyCountOnce) {
  const KeyId bad = Add("bad-key-0001");
  const Grant first = Granted(), second = Granted();
  PoolTest::Report(first, Invalid());
  PoolTest::Report(second, Invalid());
  EXPECT_EQ(Key(bad).retry_at, wall + absl::Hours(1));
}

TEST_F(Rest, RestSurvivesARestart) {
  const KeyId bad = Add("bad-key-0001");
  PoolTest::Report(Granted(), Invalid());
  Advance(absl::Minutes(10));
  Start();
  EXPECT_FALSE(Key(bad).active);
  EXPECT_EQ(Key(bad).retry_at, wall + absl::Minutes(50));
  Revive(bad);
  EXPECT_TRUE(Key(bad).active);
  Start();
  EXPECT_TRUE(Key(bad).active);
}

TEST_F(Rest, ReportOfAnotherReignDisablesTheKeyToo) {
  const KeyId bad = Add("bad-key-0001");
  const ReportCommand report = ReportOf(Granted(), Invalid());
  Start();
  EXPECT_EQ(Apply(report).settled, Settled::kOtherEpoch);
  EXPECT_FALSE(Key(bad).active);
}

TEST_F(Rest, OperatorsWordCountsMoreThanGoogles) {
  const KeyId key = Add("some-key-001");
  PoolTest::Report(Granted(), Invalid());
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{key, "mine"}, now(), &mutations).ok());
  Commit();
  EXPECT_FALSE(Key(key).retry_at.has_value());
  Advance(absl::Hours(48));
  TickUntilDone();
  EXPECT_FALSE(Key(key).active);
  ASSERT_TRUE(pool->Apply(EnableKeyCommand{key}, now(), &mutations).ok());
  Commit();
  EXPECT_TRUE(Key(key).active);
  // And a key that rests can be enabled, or removed, at once.
  PoolTest::Report(Granted(), Invalid());
  ASSERT_TRUE(pool->Apply(EnableKeyCommand{key}, now(), &mutations).ok());
  EXPECT_TRUE(Key(key).active);
  PoolTest::Report(Granted(), Invalid());
  ASSERT_TRUE(pool->Apply(RemoveKeyCommand{key}, now(), &mutations).ok());
  Commit();
  Advance(absl::Hours(48));
  TickUntilDone();
}

TEST_F(Rest, SuspendedProjectRestsWithAllItsKeys) {
  const KeyId one = Add("key-one-0001", "a"), two = Add("key-two-0001", "a");
  const KeyId other = Add("key-other-01", "b");
  PoolTest::Report(GrantOf(one), Says(403, MessageClass::kConsumerSuspended));
  EXPECT_FALSE(Key(one).active);
  EXPECT_FALSE(Key(two).active);
  EXPECT_TRUE(Key(other).active);
}

TEST_F(Rest, RefusalSaysWhenTheFirstKeyIsTriedAgain) {
  Add("key-one-0001", "a");
  PoolTest::Report(Granted(), Says(429, MessageClass::kPrepaymentDepleted));
  Advance(absl::Minutes(4));
  const Refusal refusal = Refused();
  EXPECT_EQ(refusal.reason, RefusalReason::kAllDisabled);
  EXPECT_EQ(refusal.retry_after, absl::Minutes(6));
}

TEST_F(Rest, OneOverloadedAnswerHoldsNothingBack) {
  Add("key-one-0001");
  EXPECT_TRUE(PoolTest::Report(Granted(), Status(503)).retryable);
  PoolTest::Report(Granted(), Status(503));
  PoolTest::Report(Granted(), Status(200));
  PoolTest::Report(Granted(), Status(503));
  Granted();
}

TEST_F(Rest, ModelThatIsOverloadedAgainAndAgainPausesAlone) {
  const KeyId key = Add("key-one-0001");
  for (int i = 0; i < 3; ++i) PoolTest::Report(Granted(), Status(503));
  const Refusal refusal = Refused();
  EXPECT_EQ(refusal.reason, RefusalReason::kModelOverloaded);
  EXPECT_EQ(refusal.retry_after, absl::Seconds(1));
  EXPECT_TRUE(Key(key).active);
  Granted(Metered("another"));
  Granted(Unmetered());
  // Then one at a time, until one works.
  Advance(absl::Seconds(1));
  const Grant probe = Granted();
  EXPECT_EQ(Refused().reason, RefusalReason::kModelOverloaded);
  PoolTest::Report(probe, Status(200));
  Granted();
  Granted();
}

TEST_F(Rest, PageForAThrottledAddressStopsEverythingForAWhile) {
  Add("key-one-0001", "a");
  Add("key-two-0001", "b");
  EXPECT_FALSE(PoolTest::Report(Granted(), Says(429, MessageClass::kAutomatedQueries)).retryable);
  const Refusal refusal = Refused();
  EXPECT_EQ(refusal.reason, RefusalReason::kSourceThrottled);
  EXPECT_EQ(refusal.retry_after, absl::Seconds(10));
  EXPECT_EQ(Refused(Unmetered()).reason, RefusalReason::kSourceThrottled);
  Advance(absl::Seconds(10));
  const Grant probe = Granted();
  Refused();
  PoolTest::Report(probe, Says(429, MessageClass::kAutomatedQueries));
  EXPECT_EQ(Refused().retry_after, absl::Seconds(20));
  Advance(absl::Seconds(20));
  PoolTest::Report(Granted(), Status(200));
  Granted();
  Granted();
}

TEST_F(Rest, SeveralProjectsWithoutAReasonAreTheAddress) {
  for (const char* name : {"a", "b", "c", "d"}) Add(std::string("key-0000001-") + name, name);
  std::vector<Grant> grants;
  for (int i = 0; i < 3; ++i) grants.push_back(Granted());
  PoolTest::Report(grants[0], Status(429));
  PoolTest::Report(grants[1], Status(429));
  Granted();
  PoolTest::Report(grants[2], Status(429));
  EXPECT_EQ(Refused().reason, RefusalReason::kSourceThrottled);
}

TEST_F(Rest, ProjectsThatAreToldWithAReasonAreNotTheAddress) {
  for (const char* name : {"a", "b", "c", "d"}) Add(std::string("key-0000001-") + name, name);
  for (int i = 0; i < 3; ++i) PoolTest::Report(Granted(), QuotaExceeded({"PerMinute"}));
  Granted();
}

TEST_F(Rest, AfterABare429OneRequestAtATimeTries) {
  Add("key-one-0001");
  PoolTest::Report(Granted(), Status(429));
  EXPECT_EQ(Refused().retry_after, kGrowingFirst);
  Advance(kGrowingFirst);
  const Grant probe = Granted();
  EXPECT_EQ(Refused().retry_after, kProbeEvery);
  PoolTest::Report(probe, Status(200));
  Granted();
  Granted();
}

TEST_F(Rest, ProjectWithoutAccessToAModelIsLeftAloneForTheDay) {
  const KeyId key = Add("key-one-0001");
  AnswerFacts facts = QuotaExceeded({"PerMinute"}, absl::Seconds(3));
  facts.violations[0].quota_value = 0;
  PoolTest::Report(Granted(), facts);
  EXPECT_EQ(Bucket(key).reason, "Google says the project has no access to this model");
  Refused();
  Granted(Metered("another"));
  AdvanceTo(At(2026, 6, 11, 0, 0));
  Granted();
}

}  // namespace
}  // namespace keypool::policy
