// Keys that are checked with a free call before real requests are risked on them.
#include <gtest/gtest.h>

#include "keyd/policy/blame.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

class Validate : public PoolTest {
 protected:
  Validate() {
    config.default_limits = {.requests_per_minute = 100, .requests_per_day = 1'000};
    Start();
  }
  static AcquireCommand Check() {
    AcquireCommand command;
    command.kind = Kind::kValidation;
    return command;
  }
  static AnswerFacts Invalid() {
    AnswerFacts facts = Status(400);
    facts.message = MessageClass::kKeyNotValid;
    return facts;
  }
  // The only key, which Google has refused; its rest is over. A proxy has asked all the time.
  KeyId Due() {
    const KeyId key = Add("bad-key-0001", "a");
    Report(Granted(), Invalid());
    AdvanceTo(*Key(key).retry_at - absl::Seconds(1));
    Refused(Check());
    Advance(absl::Seconds(1));
    TickUntilDone();
    return key;
  }
};

TEST_F(Validate, NothingToCheckIsRefusedWithTheTimeOfTheNext) {
  Add("bad-key-0001", "a");
  EXPECT_FALSE(Refused(Check()).retry_after.has_value());
  Report(Granted(), Invalid());
  EXPECT_EQ(Refused(Check()).retry_after, absl::Hours(1));
}

TEST_F(Validate, KeyComesBackOnlyWhenTheCheckSaysSo) {
  const KeyId key = Due();
  EXPECT_FALSE(Key(key).active);
  const Grant grant = Granted(Check());
  EXPECT_EQ(grant.key, key);
  Refused(Check());  // it is being checked
  Report(grant, Status(200));
  EXPECT_TRUE(Key(key).active);
  EXPECT_EQ(Bucket(key).per_day.used, 1);  // the check is not charged
}

TEST_F(Validate, KeyThatIsStillBadRestsTwiceAsLong) {
  const KeyId key = Due();
  Report(Granted(Check()), Invalid());
  EXPECT_FALSE(Key(key).active);
  EXPECT_EQ(Key(key).retry_at, wall + absl::Hours(2));
}

TEST_F(Validate, ACheckWithoutAResultIsDoneAgain) {
  const KeyId key = Due();
  Report(Granted(Check()), Status(500));
  EXPECT_FALSE(Key(key).active);
  Advance(absl::Seconds(30));
  EXPECT_EQ(Granted(Check()).key, key);
}

TEST_F(Validate, WithoutAProxyThatChecksARealRequestTries) {
  const KeyId key = Due();
  Advance(absl::Minutes(1));
  TickUntilDone();
  EXPECT_TRUE(Key(key).active);
}

TEST_F(Validate, EnabledKeyIsUsedAtOnceAndCheckedSoon) {
  const KeyId key = Add("some-key-001", "a");
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{key, ""}, now(), &mutations).ok());
  ASSERT_TRUE(pool->Apply(EnableKeyCommand{key}, now(), &mutations).ok());
  Commit();
  EXPECT_TRUE(Key(key).active);
  const Grant grant = Granted(Check());
  EXPECT_EQ(grant.key, key);
  Report(grant, Invalid());
  EXPECT_FALSE(Key(key).active);
  EXPECT_EQ(Key(key).disabled_reason, "Google says the key is not valid");
}

TEST_F(Validate, AnOperatorsWordDuringTheCheckCountsMore) {
  const KeyId key = Due();
  const Grant grant = Granted(Check());
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{key, "mine"}, now(), &mutations).ok());
  Commit();
  Report(grant, Status(200));
  EXPECT_FALSE(Key(key).active);
  EXPECT_EQ(Key(key).disabled_reason, "mine");
  ASSERT_TRUE(pool->Apply(RemoveKeyCommand{key}, now(), &mutations).ok());
  Commit();
}

TEST_F(Validate, KeyThatIsRemovedDuringTheCheckIsGone) {
  const KeyId key = Due();
  const Grant grant = Granted(Check());
  ASSERT_TRUE(pool->Apply(RemoveKeyCommand{key}, now(), &mutations).ok());
  Commit();
  Report(grant, Status(200));
  EXPECT_EQ(Summary().keys_total, 0);
}

TEST_F(Validate, UnsentCheckSaysNothing) {
  const KeyId key = Due();
  ReportUnsent(Granted(Check()));
  EXPECT_FALSE(Key(key).active);
}

}  // namespace
}  // namespace keypool::policy
