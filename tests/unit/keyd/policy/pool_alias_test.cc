// Models that Google counts under another name.
#include <gmock/gmock.h>

#include "keyd/policy/blame.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

constexpr char kAsked[] = "gemini-flash-latest";
constexpr char kCounted[] = "gemini-2.5-flash";

class Alias : public PoolTest {
 protected:
  // A 429 to a request for `asked`, about `named`.
  void Told(const Grant& grant, const std::string& asked, const std::string& named,
            const std::string& window = "PerMinute") {
    ReportCommand report = ReportOf(grant, QuotaExceeded({window}, absl::Seconds(20)));
    report.model = asked;
    report.facts.violations[0].model = named;
    Apply(report);
  }
  // An answer to a request for `asked` that says that `model` gave it.
  void Served(const Grant& grant, const std::string& asked, const std::string& model) {
    ReportCommand report = ReportOf(grant, Status(200));
    report.model = asked;
    report.model_version = model;
    Apply(report);
  }
  std::int64_t UsedToday(KeyId key, std::string_view model) const {
    return Bucket(key, model).per_day.used;
  }
};

TEST_F(Alias, FromThenOnBothNamesShareTheQuota) {
  const KeyId key = Add("secret-a", "a");
  Told(Granted(Metered(kAsked)), kAsked, kCounted);
  EXPECT_EQ(Bucket(key, kCounted).state, BucketState::kCooling);
  EXPECT_EQ(Bucket(key, kAsked).state, BucketState::kReady);
  Refused(Metered(kAsked));
  Refused(Metered(kCounted));
  Advance(absl::Seconds(21));
  Granted(Metered(kAsked));
  Granted(Metered(kCounted));
  EXPECT_EQ(UsedToday(key, kCounted), 2);
  Refused(Metered(kAsked));  // two a minute
}

TEST_F(Alias, IsOfEveryProject) {
  Add("secret-a", "a");
  const KeyId other = Add("secret-b", "b");
  Told(Granted(Metered(kAsked)), kAsked, kCounted, "PerDay");
  EXPECT_EQ(Granted(Metered(kAsked)).key, other);
  EXPECT_EQ(UsedToday(other, kCounted), 1);
}

TEST_F(Alias, SurvivesARestart) {
  const KeyId key = Add("secret-a", "a");
  Told(Granted(Metered(kAsked)), kAsked, kCounted);
  Advance(absl::Minutes(2));
  Start();
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, kCounted), 1);
}

TEST_F(Alias, IsForgottenWhenGoogleSaysOtherwise) {
  const KeyId key = Add("secret-a", "a");
  Told(Granted(Metered(kAsked)), kAsked, kCounted);
  Advance(absl::Minutes(2));
  Told(Granted(Metered(kAsked)), kAsked, kAsked);
  Advance(absl::Minutes(2));
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, kCounted), 1);
  EXPECT_EQ(UsedToday(key, kAsked), 2);
  Start();
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, kAsked), 3);
}

TEST_F(Alias, IsForgottenAfterAWeekWithoutBeingToldAgain) {
  const KeyId key = Add("secret-a", "a");
  Told(Granted(Metered(kAsked)), kAsked, kCounted);
  Advance(kLearnedFor);
  TickUntilDone();
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, kAsked), 1);
  EXPECT_EQ(UsedToday(key, kCounted), 0);
}

TEST_F(Alias, TwoNamesForEachOtherMakeNoCircle) {
  const KeyId key = Add("secret-a", "a");
  Told(Granted(Metered(kAsked)), kAsked, kCounted);
  Advance(absl::Minutes(2));
  Told(Granted(Metered(kCounted)), kCounted, kAsked);
  Advance(absl::Minutes(2));
  Granted(Metered(kAsked));
  Granted(Metered(kCounted));
  EXPECT_EQ(UsedToday(key, kAsked) + UsedToday(key, kCounted), 4);
}

TEST_F(Alias, TheNameWithItsCollectionInFrontIsTheSame) {
  const KeyId key = Add("secret-a", "a");
  Told(Granted(Metered(kAsked)), kAsked, "models/gemini-flash-latest");
  EXPECT_EQ(Bucket(key, kAsked).state, BucketState::kCooling);
}

TEST_F(Alias, OfANameForTheLatestIsWhatServesIt) {
  const KeyId key = Add("secret-a", "a");
  Served(Granted(Metered(kAsked)), kAsked, kCounted);
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, kCounted), 1);
  EXPECT_EQ(UsedToday(key, kAsked), 1);
  Start();
  Advance(absl::Minutes(2));
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, kCounted), 2);
}

TEST_F(Alias, OfANameForTheLatestFollowsIt) {
  const KeyId key = Add("secret-a", "a");
  Served(Granted(Metered(kAsked)), kAsked, kCounted);
  Served(Granted(Metered(kAsked)), kAsked, "gemini-3-flash");
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, "gemini-3-flash"), 1);
}

TEST_F(Alias, OfOtherNamesIsNotLearnedFromWhatServesThem) {
  const KeyId key = Add("secret-a", "a");
  Served(Granted(Metered(kCounted)), kCounted, "gemini-2.5-flash-001");
  Granted(Metered(kCounted));
  EXPECT_EQ(UsedToday(key, kCounted), 2);
}

TEST_F(Alias, WhatA429SaysIsOverWhatServes) {
  const KeyId key = Add("secret-a", "a");
  Told(Granted(Metered(kAsked)), kAsked, "gemini-flash-lite");
  Advance(absl::Minutes(2));
  Served(Granted(Metered(kAsked)), kAsked, kCounted);
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, "gemini-flash-lite"), 2);
  EXPECT_EQ(UsedToday(key, kCounted), 0);
}

TEST_F(Alias, A429ThatNamesTheLatestItselfIsRememberedToo) {
  const KeyId key = Add("secret-a", "a");
  Served(Granted(Metered(kAsked)), kAsked, kCounted);
  Told(Granted(Metered(kAsked)), kAsked, kAsked);
  Advance(absl::Minutes(2));
  Served(Granted(Metered(kAsked)), kAsked, kCounted);
  Start();
  Served(Granted(Metered(kAsked)), kAsked, kCounted);
  EXPECT_EQ(UsedToday(key, kAsked), 3);
  EXPECT_EQ(UsedToday(key, kCounted), 1);
}

TEST_F(Alias, ANameWithALimitOfItsOwnIsCountedByItself) {
  config.limits.everywhere.models[kAsked].requests_per_minute = 5;
  Start();
  const KeyId key = Add("secret-a", "a");
  Served(Granted(Metered(kAsked)), kAsked, kCounted);
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, kAsked), 2);
}

TEST_F(Alias, OfTheModelThatServesIsTakenInstead) {
  const KeyId key = Add("secret-a", "a");
  Told(Granted(Metered(kCounted)), kCounted, "gemini-flash");
  Advance(absl::Minutes(2));
  Served(Granted(Metered(kAsked)), kAsked, kCounted);
  Granted(Metered(kAsked));
  EXPECT_EQ(UsedToday(key, "gemini-flash"), 1);
}

TEST_F(Alias, UnmeteredCallsHaveNone) {
  Add("secret-a", "a");
  Told(Granted(Unmetered()), "", kCounted);
  Granted(Metered(kCounted));
}

}  // namespace
}  // namespace keypool::policy
