// How the pool looks.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::HasSubstr;

class Status : public PoolTest {};

TEST_F(Status, CountsKeysProjectsAndLeases) {
  Add("AIzaSecret1", "p");
  const KeyId two = Add("AIzaSecret2", "p");
  Add("AIzaSecret3");
  ASSERT_TRUE(pool->Apply(DisableKeyCommand{two, ""}, now(), &mutations).ok());
  Granted();
  const PoolSummary summary = Summary();
  EXPECT_EQ(summary.keys_total, 3);
  EXPECT_EQ(summary.keys_active, 2);
  EXPECT_EQ(summary.keys_usable, 2);
  EXPECT_EQ(summary.projects_total, 2);
  EXPECT_EQ(summary.leases_open, 1);
  EXPECT_EQ(summary.epoch, Epoch{epoch});
  EXPECT_EQ(summary.now, wall);
  EXPECT_EQ(summary.day_resets_at, At(2026, 6, 11, 0, 0));
}

TEST_F(Status, PagesInTheOrderOfIds) {
  for (int i = 0; i < 5; ++i) Add(absl::StrCat("AIzaSecret", i));
  StatusQuery query;
  query.keys_max = 2;
  std::vector<std::uint64_t> ids;
  bool more = true;
  while (more) {
    const PoolStatus page = pool->Status(query, now());
    for (const KeyStatus& key : page.keys) ids.push_back(key.id.value());
    more = page.more;
    query.after = page.keys.back().id;
  }
  EXPECT_THAT(ids, testing::ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(Status, ShowsSecretsMasked) {
  const KeyId key = Add("AIzaSyVerySecretKeyOfOurs");
  EXPECT_EQ(Key(key).masked_secret, "AIza…Ours");
}

TEST_F(Status, KeysOfAProjectShowTheSameBucketsByModel) {
  const KeyId one = Add("AIzaSecret1", "p");
  const KeyId two = Add("AIzaSecret2", "p");
  Granted(Metered("z"));
  Granted(Metered("a"));
  Granted(Metered("a"));
  for (const KeyId id : {one, two}) {
    const KeyStatus status = Key(id);
    ASSERT_EQ(status.buckets.size(), 2u);
    EXPECT_EQ(status.buckets[0].model, "a");
    EXPECT_EQ(status.buckets[0].per_minute.used, 2);
    EXPECT_EQ(status.buckets[0].per_minute.limit, 2);
    EXPECT_EQ(status.buckets[0].per_day.limit, 5);
    EXPECT_EQ(status.buckets[1].model, "z");
  }
  EXPECT_EQ(pool->Key(one, "z", now())->buckets.size(), 1u);
  StatusQuery query;
  query.model = "z";
  EXPECT_EQ(pool->Status(query, now()).keys[0].buckets.size(), 1u);
}

TEST_F(Status, BucketIsReadyExhaustedOrCoolingAndSaysUntilWhen) {
  const KeyId key = Add("AIzaSecret1", "p");
  const Grant grant = Granted();
  EXPECT_EQ(Bucket(key).state, BucketState::kReady);
  EXPECT_FALSE(Bucket(key).ready_at);
  Granted();
  EXPECT_EQ(Bucket(key).state, BucketState::kExhausted);
  EXPECT_EQ(Bucket(key).ready_at, wall + absl::Milliseconds(60'500));
  EXPECT_THAT(Bucket(key).reason, HasSubstr("minute"));
  Report(grant, QuotaExceeded({"PerMinute"}, absl::Seconds(99)));
  EXPECT_EQ(Bucket(key).state, BucketState::kCooling);
  EXPECT_EQ(Bucket(key).ready_at, wall + absl::Seconds(100));
  EXPECT_THAT(Bucket(key).reason, HasSubstr("Google"));
  Advance(absl::Seconds(100));
  EXPECT_EQ(Bucket(key).state, BucketState::kReady);
  EXPECT_EQ(Bucket(key).reason, "");
}

TEST_F(Status, SpentBucketIsReadyAtMidnight) {
  config.default_limits = {.requests_per_minute = 9, .requests_per_day = 1};
  Start();
  const KeyId key = Add("AIzaSecret1", "p");
  Granted();
  EXPECT_EQ(Bucket(key).state, BucketState::kExhausted);
  EXPECT_EQ(Bucket(key).ready_at, At(2026, 6, 11, 0, 0));
}

TEST_F(Status, LooksAheadOfTheTurnOfTheDayWithoutTurningIt) {
  const KeyId key = Add("AIzaSecret1", "p");
  Granted();
  AdvanceTo(At(2026, 6, 11, 8, 0));
  EXPECT_EQ(Bucket(key).per_day.used, 0);
  EXPECT_EQ(Summary().day_resets_at, At(2026, 6, 12, 0, 0));
}

TEST_F(Status, AskingChangesNothing) {
  Add("AIzaSecret1", "p");
  Granted();
  Advance(absl::Hours(30));
  pool->Status({}, now());
  Advance(-absl::Hours(30));  // not allowed of commands, but a question leaves no trace
  EXPECT_EQ(Bucket(KeyId{1}).per_day.used, 1);
  EXPECT_TRUE(mutations.empty());
}

}  // namespace
}  // namespace keypool::policy
