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

TEST_F(Alias, UnmeteredCallsHaveNone) {
  Add("secret-a", "a");
  Told(Granted(Unmetered()), "", kCounted);
  Granted(Metered(kCounted));
}

}  // namespace
}  // namespace keypool::policy
