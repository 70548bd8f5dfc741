// Marks, crashes and restarts.
#include <gmock/gmock.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::HasSubstr;

class Restore : public PoolTest {
 protected:
  absl::Status TryRestore(const Snapshot& snapshot) {
    return Pool::Restore(config, snapshot, now(), &mutations).status();
  }
  static KeyRecord KeyOf(std::uint64_t id, std::string secret, std::string project) {
    KeyRecord record;
    record.id = KeyId{id};
    record.secret = MakeSecret(secret);
    record.project = ProjectId{std::move(project)};
    return record;
  }
};

TEST_F(Restore, SmallLimitWritesEveryGrantAndIsRestoredExactly) {
  const KeyId key = Add("secret-a", "a");
  Granted();
  Granted();
  Start();
  EXPECT_EQ(Bucket(key).per_minute.used, 2);
  EXPECT_EQ(Bucket(key).per_day.used, 2);
}

TEST_F(Restore, LargeLimitWritesOncePerBlock) {
  config.default_limits = {.requests_per_minute = 1000, .requests_per_day = 5000};
  Start();
  const KeyId key = Add("secret-a", "a");
  const int before = committed;
  for (int i = 0; i < 100; ++i) Granted();
  EXPECT_EQ(committed - before, 10);
  Start();
  EXPECT_EQ(Bucket(key).per_day.used, 100);
  Granted();
  Start();
  EXPECT_EQ(Bucket(key).per_day.used, 110);
}

TEST_F(Restore, BlockIsNoLargerThanWhatIsLeft) {
  config.default_limits = {.requests_per_minute = 1000, .requests_per_day = 1005};
  Start();
  Add("secret-a", "a");
  for (int i = 0; i < 1000; ++i) Granted();
  Advance(absl::Minutes(2));
  Granted();
  EXPECT_EQ((stored[{"a", "m"}].ahead), 5);
  EXPECT_EQ((stored[{"a", "m"}].day_used), 1005);
}

TEST_F(Restore, BlockWeighsOnThePresentMinute) {
  config.default_limits = {.requests_per_minute = 300, .requests_per_day = 5000};
  Start();
  const KeyId key = Add("secret-a", "a");
  Granted();
  Advance(absl::Minutes(5));
  Start();
  EXPECT_EQ(Bucket(key).per_minute.used, 3);
  Advance(absl::Milliseconds(60'500));
  EXPECT_EQ(Bucket(key).per_minute.used, 0);
}

TEST_F(Restore, ChargesKeepTheirTimes) {
  Add("secret-a", "a");
  Granted();
  Advance(absl::Seconds(20));
  Granted();
  Advance(absl::Seconds(20));
  Start();
  EXPECT_EQ(Refused().retry_after, absl::Milliseconds(20'500));
}

TEST_F(Restore, RefundWithinTheBlockNeedsNoNewRecord) {
  config.default_limits = {.requests_per_minute = 1000, .requests_per_day = 5000};
  Start();
  const KeyId key = Add("secret-a", "a");
  ReportUnsent(Granted());
  const int before = committed;
  for (int i = 0; i < 10; ++i) Granted();
  EXPECT_EQ(committed, before);
  Start();
  EXPECT_EQ(Bucket(key).per_day.used, 10);
}

TEST_F(Restore, NothingIsWrittenAgainByARestart) {
  Add("secret-a", "a");
  Granted();
  const int before = committed;
  Start();
  EXPECT_EQ(committed, before);
}

TEST_F(Restore, YesterdaysRecordLeavesTheStore) {
  Add("secret-a", "a");
  Granted();
  AdvanceTo(At(2026, 6, 11, 9, 0));
  Start();
  EXPECT_TRUE(stored.empty());
}

TEST_F(Restore, CooldownsSurvive) {
  const KeyId a = Add("secret-a", "a");
  Add("secret-b", "b");
  Report(Granted(), QuotaExceeded({"PerDay"}));
  Report(Granted(), QuotaExceeded({"PerMinute"}, absl::Seconds(29)));
  Advance(absl::Seconds(10));
  Start();
  EXPECT_EQ(Refused().retry_after, absl::Seconds(20));
  EXPECT_EQ(Bucket(a).ready_at, At(2026, 6, 11, 0, 0));
  EXPECT_THAT(Bucket(a).reason, HasSubstr("day"));
}

TEST_F(Restore, ClockThatWentBackWhileDownGivesNothingBack) {
  AdvanceTo(At(2026, 6, 11, 0, 0, 10));
  const KeyId key = Add("secret-a", "a");
  Granted();
  wall = At(2026, 6, 10, 23, 59, 40);
  Start();
  EXPECT_EQ(Bucket(key).per_day.used, 1);  // the day that began stays
  EXPECT_EQ(Bucket(key).per_minute.used, 1);
  Advance(absl::Milliseconds(60'500));
  EXPECT_EQ(Bucket(key).per_minute.used, 0);
  EXPECT_EQ(Bucket(key).per_day.used, 1);
}

TEST_F(Restore, DayThatIsDaysAheadIsTakenBackWithItsCounts) {
  AdvanceTo(At(2026, 6, 20, 12, 0));
  const KeyId key = Add("secret-a", "a");
  Report(Granted(), QuotaExceeded({"PerDay"}));
  wall = At(2026, 6, 10, 12, 0);
  Start();
  EXPECT_EQ(Bucket(key).per_day.used, 1);
  EXPECT_EQ(Bucket(key).ready_at, At(2026, 6, 11, 0, 0));
  AdvanceTo(At(2026, 6, 11, 0, 0));
  Granted();
}

TEST_F(Restore, StepOfTheRunningClockLosesNoCharge) {
  const KeyId key = Add("secret-a", "a");
  Granted();
  Granted();
  wall += absl::Hours(1);  // the machine's clock is set
  EXPECT_EQ(Bucket(key).per_minute.used, 2);
  TickUntilDone();
  Start();
  EXPECT_EQ(Bucket(key).per_minute.used, 2);
  EXPECT_EQ(Bucket(key).per_day.used, 2);
}

TEST_F(Restore, StepOfTheClockDoesNotMoveAWait) {
  Add("secret-a", "a");
  Granted();
  Granted();
  for (const int hours : {-2, 1, 3}) {
    wall += absl::Hours(hours);
    EXPECT_EQ(Refused().retry_after, absl::Milliseconds(60'500)) << hours;
  }
}

TEST_F(Restore, RunningClockThatGoesBackOverMidnightGivesNothingBack) {
  AdvanceTo(At(2026, 6, 10, 23, 59, 50));
  config.default_limits = {.requests_per_minute = 100, .requests_per_day = 1};
  Start();
  Add("secret-a", "a");
  AdvanceTo(At(2026, 6, 11, 0, 0, 5));
  Granted();
  wall -= absl::Seconds(30);
  EXPECT_TRUE(Refused().spent_for_the_day);
  Advance(absl::Seconds(40));  // over midnight once more
  EXPECT_EQ(wall + *Refused().retry_after, At(2026, 6, 12, 0, 0));
}

TEST_F(Restore, ContradictionsAreToldByName) {
  Snapshot snapshot;
  snapshot.pool.next_key = KeyId{3};
  snapshot.keys = {KeyOf(3, "secret-3", "p")};
  EXPECT_THAT(TryRestore(snapshot).message(), HasSubstr("key_3"));
  snapshot.keys = {KeyOf(1, "secret-1", "p"), KeyOf(1, "secret-2", "p")};
  EXPECT_THAT(TryRestore(snapshot).message(), HasSubstr("key_1 is there twice"));
  snapshot.keys = {KeyOf(1, "secret-1", "p"), KeyOf(2, "secret-1", "p")};
  EXPECT_THAT(TryRestore(snapshot).message(), HasSubstr("key_2 has the secret of key_1"));
  snapshot.keys = {KeyOf(1, "secret-1", "~key_2")};
  EXPECT_EQ(TryRestore(snapshot).code(), absl::StatusCode::kDataLoss);
  snapshot.keys = {KeyOf(1, "secret-1", "p")};
  EXPECT_TRUE(TryRestore(snapshot).ok());
  BucketRecord bucket;
  bucket.project = ProjectId{"p"};
  bucket.model = "m";
  bucket.day = At(2026, 6, 10, 0, 0) > absl::UnixEpoch() ? 30'000 : 0;
  bucket.day_used = -1;
  snapshot.buckets = {bucket};
  EXPECT_THAT(TryRestore(snapshot).message(), HasSubstr("p/m"));
  snapshot.buckets[0].day_used = 1;
  snapshot.buckets.push_back(snapshot.buckets[0]);
  EXPECT_THAT(TryRestore(snapshot).message(), HasSubstr("p/m is there twice"));
}

TEST_F(Restore, ImpossibleLimitsAreRefused) {
  config.default_limits.requests_per_minute = 0;
  EXPECT_EQ(TryRestore({}).code(), absl::StatusCode::kInvalidArgument);
}

// Random grants and refunds, a crash at a random committed point, over limits with blocks of 1 to
// 20: what is restored is never less than what was granted and at most a block more.
TEST_F(Restore, CrashAnywhereForgetsNothingAndMakesUpAtMostABlock) {
  for (const std::int64_t limit : {1, 50, 100, 350, 2000}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(testing::Message() << "limit " << limit << " seed " << seed);
      random.seed(seed);
      config.default_limits = {.requests_per_minute = limit, .requests_per_day = 3 * limit};
      stored_keys.clear(), stored.clear(), stored_removed.clear(), stored_pool = {};
      Start();
      const KeyId key = Add("secret-a", "a");
      std::vector<Grant> open;
      std::int64_t granted = 0;
      const std::uint64_t steps = random() % static_cast<std::uint64_t>(2 * limit + 4);
      for (std::uint64_t i = 0; i < steps; ++i) {
        Advance(absl::Milliseconds(static_cast<std::int64_t>(random() % 100)));
        if (random() % 4 == 0 && !open.empty()) {
          std::swap(open[random() % open.size()], open.back());
          ReportUnsent(open.back());
          open.pop_back();
          --granted;
        } else if (const AcquireReply reply = Acquire(Metered());
                   const Grant* grant = std::get_if<Grant>(&reply)) {
          open.push_back(*grant);
          ++granted;
        }
      }
      const BucketStatus before = Bucket(key);
      Start();
      const BucketStatus after = Bucket(key);
      const std::int64_t block = std::max<std::int64_t>(1, limit / 100);
      ASSERT_EQ(before.per_day.used, granted);
      ASSERT_GE(after.per_day.used, granted);
      ASSERT_LE(after.per_day.used, granted + block);
      ASSERT_GE(after.per_minute.used, before.per_minute.used);
      ASSERT_LE(after.per_minute.used, before.per_minute.used + block);
    }
  }
}

}  // namespace
}  // namespace keypool::policy
