// Which key is chosen, and what a refusal says.
#include <gmock/gmock.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::HasSubstr;
using testing::Not;

class Acquire : public PoolTest {
 protected:
  std::string ProjectOfNext(const AcquireCommand& command = Metered()) {
    return Granted(command).project.value();
  }
};

TEST_F(Acquire, FreshProjectsAreTouchedInTheOrderTheyCame) {
  for (const char* name : {"c", "a", "b"}) Add(absl::StrCat("secret-of-", name), name);
  EXPECT_EQ(ProjectOfNext(), "c");
  EXPECT_EQ(ProjectOfNext(), "a");
  EXPECT_EQ(ProjectOfNext(), "b");
}

TEST_F(Acquire, MostLeftTodayComesFirst) {
  const KeyId a = Add("secret-a", "a");
  Add("secret-b", "b");
  Granted();  // a
  Granted();  // b
  Granted();  // a: 3 left, b: 4 left
  Advance(absl::Minutes(2));
  EXPECT_EQ(ProjectOfNext(), "b");
  EXPECT_EQ(Bucket(a).per_day.used, 2);
}

TEST_F(Acquire, ThenMostLeftThisMinuteComesFirst) {
  config.default_limits = {.requests_per_minute = 10, .requests_per_day = 100};
  Start();
  Add("secret-a", "a");
  Add("secret-b", "b");
  Granted();                   // a at 0 s
  Advance(absl::Seconds(10));  //
  Granted();                   // b at 10 s: it is the one that was used last
  Advance(absl::Seconds(51));  // a's left the minute
  Granted();                   // a at 61 s (both had 99 left, a had its minute empty)
  Granted();                   // b at 61 s; a and b have 98 left; a: 1 in the minute, b: 2
  EXPECT_EQ(ProjectOfNext(), "a");
}

TEST_F(Acquire, ThenTheLeastRecentlyUsedComesFirst) {
  config.default_limits = {.requests_per_minute = 10, .requests_per_day = 100};
  Start();
  for (const char* name : {"a", "b", "c"}) Add(absl::StrCat("secret-of-", name), name);
  std::vector<std::string> order;
  for (int i = 0; i < 6; ++i) order.push_back(ProjectOfNext());
  EXPECT_THAT(order, testing::ElementsAre("a", "b", "c", "a", "b", "c"));
}

TEST_F(Acquire, KeysOfAProjectTakeTurnsAndShareItsQuota) {
  config.default_limits.requests_per_minute = 4;
  Start();
  const KeyId one = Add("secret-1", "p");
  const KeyId two = Add("secret-2", "p");
  EXPECT_EQ(Granted().key, one);
  EXPECT_EQ(Granted().key, two);
  EXPECT_EQ(Granted().key, one);
  EXPECT_EQ(Granted().key, two);
  EXPECT_EQ(Refused().reason, RefusalReason::kExhausted);
}

TEST_F(Acquire, ModelsHaveQuotaOfTheirOwn) {
  Add("secret-a", "a");
  Granted(Metered("x"));
  Granted(Metered("x"));
  Refused(Metered("x"));
  Granted(Metered("y"));
}

TEST_F(Acquire, GrantCarriesTheKeyItIsFor) {
  const KeyId id = Add("AIzaSecretA");
  const Grant grant = Granted();
  EXPECT_EQ(grant.key, id);
  EXPECT_EQ(grant.project, OwnProject(id));
  EXPECT_TRUE(*grant.secret == Secret("AIzaSecretA"));
  EXPECT_EQ(Key(id).last_used_at, wall);
}

TEST_F(Acquire, RefusalTellsTheFirstMomentOfTheWholePool) {
  Add("secret-a", "a");
  Add("secret-b", "b");
  Granted();
  Advance(absl::Seconds(5));
  for (int i = 0; i < 3; ++i) Granted();
  Advance(absl::Seconds(5));
  const Refusal refusal = Refused();
  EXPECT_EQ(refusal.reason, RefusalReason::kExhausted);
  EXPECT_EQ(refusal.retry_after, absl::Milliseconds(50'500));
  EXPECT_FALSE(refusal.spent_for_the_day);
  EXPECT_EQ(refusal.limit, 2);
  Advance(*refusal.retry_after - absl::Nanoseconds(1));
  Refused();
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(ProjectOfNext(), "a");
  Refused();
}

TEST_F(Acquire, SpentPoolWaitsForMidnightInLosAngeles) {
  AdvanceTo(At(2026, 3, 7, 23, 0));  // a 23 hour day follows
  Add("secret-a", "a");
  for (int day = 0; day < 2; ++day) {
    for (int i = 0; i < 5; ++i, Advance(absl::Seconds(40))) Granted();
    const Refusal refusal = Refused();
    EXPECT_EQ(refusal.reason, RefusalReason::kExhausted);
    EXPECT_TRUE(refusal.spent_for_the_day);
    EXPECT_EQ(refusal.limit, 5);
    EXPECT_EQ(wall + *refusal.retry_after, At(2026, 3, 8 + day, 0, 0));
    EXPECT_THAT(refusal.message, HasSubstr("midnight"));
    Advance(*refusal.retry_after - absl::Nanoseconds(1));
    Refused();
    Advance(absl::Nanoseconds(1));
  }
  EXPECT_EQ(wall - At(2026, 3, 8, 0, 0), absl::Hours(23));
  Granted();
}

TEST_F(Acquire, PoolIsNotSpentWhileOneProjectOnlyWaitsForItsMinute) {
  config.default_limits = {.requests_per_minute = 2, .requests_per_day = 2};
  Start();
  Add("secret-a", "a");
  Granted();
  Granted();
  EXPECT_TRUE(Refused().spent_for_the_day);
  Add("secret-b", "b");
  Report(Granted(), QuotaExceeded({"PerMinute"}, absl::Seconds(9)));
  const Refusal refusal = Refused();
  EXPECT_FALSE(refusal.spent_for_the_day);
  EXPECT_EQ(refusal.retry_after, absl::Seconds(10));
}

TEST_F(Acquire, FullMinuteOutlastsMidnight) {
  AdvanceTo(At(2026, 6, 10, 23, 59, 50));
  config.default_limits = {.requests_per_minute = 2, .requests_per_day = 2};
  Start();
  Add("secret-a", "a");
  Granted();
  Granted();
  EXPECT_EQ(Refused().retry_after, absl::Milliseconds(60'500));
  Advance(absl::Milliseconds(60'499));
  EXPECT_EQ(Refused().retry_after, absl::Milliseconds(1));
  Advance(absl::Milliseconds(1));
  Granted();
}

TEST_F(Acquire, RequestThatMayArriveAfterMidnightCountsOnBothDays) {
  config.default_limits = {.requests_per_minute = 100, .requests_per_day = 3};
  Start();
  const KeyId key = Add("secret-a", "a");
  AdvanceTo(At(2026, 6, 10, 23, 59, 59) + absl::Milliseconds(499));
  Granted();  // gone by midnight
  Advance(absl::Milliseconds(1));
  Granted();
  EXPECT_EQ(Bucket(key).per_day.used, 2);
  Advance(absl::Milliseconds(500));
  EXPECT_EQ(Bucket(key).per_day.used, 1);
  Start();  // and a restart knows it too
  EXPECT_EQ(Bucket(key).per_day.used, 1);
  Granted();
  Granted();
  EXPECT_TRUE(Refused().spent_for_the_day);
}

TEST_F(Acquire, NoKeyIsALegalPoolThatSaysWhatToDo) {
  const Refusal refusal = Refused();
  EXPECT_EQ(refusal.reason, RefusalReason::kNoKeys);
  EXPECT_FALSE(refusal.retry_after);
  EXPECT_THAT(refusal.message, HasSubstr("poolctl add"));
}

TEST_F(Acquire, OnlyDisabledKeysIsAReasonOfItsOwn) {
  const KeyId id = Add("secret-a");
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{id, ""}, now(), &mutations).ok());
  EXPECT_EQ(Refused().reason, RefusalReason::kAllDisabled);
  EXPECT_EQ(Refused(Unmetered()).reason, RefusalReason::kAllDisabled);
}

TEST_F(Acquire, ExcludedProjectIsNotChosenAndNotLost) {
  Add("secret-a", "a");
  Add("secret-b", "b");
  AcquireCommand without_a = Metered();
  without_a.exclude_projects = {ProjectId{"a"}, ProjectId{"unknown"}};
  EXPECT_EQ(ProjectOfNext(without_a), "b");
  EXPECT_EQ(ProjectOfNext(), "a");
}

TEST_F(Acquire, ExcludedKeyLeavesTheOtherKeysOfItsProject) {
  const KeyId one = Add("secret-1", "p");
  const KeyId two = Add("secret-2", "p");
  AcquireCommand command = Metered();
  command.exclude_keys = {one};
  EXPECT_EQ(Granted(command).key, two);
  command.exclude_keys = {one, two};
  const Refusal refusal = Refused(command);
  EXPECT_EQ(refusal.reason, RefusalReason::kAllExcluded);
  EXPECT_EQ(refusal.retry_after, absl::ZeroDuration());
}

TEST_F(Acquire, ExcludedAndExhaustedIsExhausted) {
  Add("secret-a", "a");
  Granted();
  Granted();
  AcquireCommand command = Metered();
  command.exclude_projects = {ProjectId{"a"}};
  const Refusal refusal = Refused(command);
  EXPECT_EQ(refusal.reason, RefusalReason::kExhausted);
  EXPECT_EQ(refusal.retry_after, absl::Milliseconds(60'500));
}

TEST_F(Acquire, UnmeteredRequestChargesNothingAndTakesTurns) {
  const KeyId a = Add("secret-a", "a");
  const KeyId b = Add("secret-b", "b");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Granted(Unmetered()).key, i % 2 ? b : a);
  EXPECT_TRUE(stored.empty());
  EXPECT_TRUE(Key(a).buckets.empty());
  EXPECT_EQ(Granted().key, a);  // quota is untouched
}

TEST_F(Acquire, UnmeteredBucketCoolsByItself) {
  const KeyId a = Add("secret-a", "a");
  Report(Granted(Unmetered()), QuotaExceeded({"PerMinute"}, absl::Seconds(9)));
  EXPECT_EQ(Refused(Unmetered()).retry_after, absl::Seconds(10));
  ASSERT_EQ(Key(a).buckets.size(), 1u);
  EXPECT_EQ(Key(a).buckets[0].model, "(unmetered)");
  Granted();  // metered requests go on
  Start();    // and the cooldown survives
  EXPECT_EQ(Refused(Unmetered()).retry_after, absl::Seconds(10));
  Advance(absl::Seconds(10));
  Granted(Unmetered());
}

TEST_F(Acquire, ProjectThatBecomesUsableServesModelsThatPassedItBy) {
  const KeyId a = Add("secret-a", "a");
  Add("secret-b", "b");
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{a, ""}, now(), &mutations).ok());
  EXPECT_EQ(ProjectOfNext(), "b");
  EXPECT_EQ(ProjectOfNext(), "b");
  Refused();
  ASSERT_TRUE(pool->Apply(EnableKeyCommand{a}, now(), &mutations).ok());
  EXPECT_EQ(ProjectOfNext(), "a");
}

TEST_F(Acquire, NewProjectIsUsedAtOnce) {
  Add("secret-a", "a");
  Granted();
  Granted();
  Refused();
  Add("secret-b", "b");
  EXPECT_EQ(ProjectOfNext(), "b");
}

TEST_F(Acquire, AsManyOpenLeasesAsAllowedIsALimit) {
  config.leases_max = 2;
  config.default_limits = {.requests_per_minute = 100, .requests_per_day = 100};
  Start();
  Add("secret-a", "a");
  const Grant first = Granted();
  Advance(absl::Minutes(1));
  Granted();
  const Refusal refusal = Refused();
  EXPECT_EQ(refusal.reason, RefusalReason::kLimitReached);
  EXPECT_EQ(refusal.retry_after, absl::Minutes(9));
  Report(first, Status(200));
  Granted();
}

TEST_F(Acquire, MadeUpModelsAreBoundedAndIdleOnesMakeRoom) {
  config.models_max = 2;
  Start();
  Add("secret-a", "a");
  Granted(Metered("x"));
  ReportUnsent(Granted(Metered("y")));
  EXPECT_EQ(Refused(Metered("z")).reason, RefusalReason::kLimitReached);
  Advance(absl::Milliseconds(60'500));
  Granted(Metered("z"));  // y holds nothing: its charge came back, its minute passed
  EXPECT_EQ(Refused(Metered("w")).reason, RefusalReason::kLimitReached);
  Granted(Metered("x"));
  EXPECT_FALSE(stored.contains({"a", "y"}));
}

TEST_F(Acquire, ThousandsOfProjectsAreEachUsedOnceBeforeAnyIsUsedTwice) {
  for (int i = 0; i < 2000; ++i) Add(absl::StrCat("secret-of-", i));
  std::set<KeyId> seen;
  for (int i = 0; i < 2000; ++i) {
    Advance(absl::Milliseconds(1));
    EXPECT_TRUE(seen.insert(Granted().key).second);
  }
}

TEST_F(Acquire, RefusalsNameNoKeyAndNoProject) {
  Add("AIzaVerySecret", "hidden-project");
  Granted();
  Granted();
  const Refusal refusal = Refused();
  EXPECT_THAT(refusal.message, Not(HasSubstr("AIza")));
  EXPECT_THAT(refusal.message, Not(HasSubstr("hidden")));
  EXPECT_THAT(refusal.message, Not(HasSubstr("key_")));
  EXPECT_EQ(Pool::NotRetryable().reason, RefusalReason::kNotRetryable);
  EXPECT_NE(Pool::NotRetryable().message, "");
}

}  // namespace
}  // namespace keypool::policy
