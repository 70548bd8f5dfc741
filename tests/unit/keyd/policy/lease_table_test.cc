#include "keyd/policy/lease_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace keypool::policy {
namespace {

constexpr absl::Duration kTtl = absl::Minutes(10), kGrace = absl::Minutes(50);
const MonoTime kStart = MonoTime::FromNanoseconds(1'000'000'000);

LeaseTable MakeTable(std::size_t max = 100) {
  return LeaseTable({.time_to_live = kTtl, .late_grace = kGrace, .max = max});
}
Lease OnKey(std::uint64_t key) {
  Lease lease;
  lease.key = KeyId{key};
  return lease;
}

TEST(LeaseTable, IdsCountFromOne) {
  LeaseTable table = MakeTable();
  EXPECT_EQ(table.Grant(OnKey(1), kStart), LeaseId{1});
  EXPECT_EQ(table.Grant(OnKey(1), kStart), LeaseId{2});
}

TEST(LeaseTable, LeaseEndsOnce) {
  LeaseTable table = MakeTable();
  const LeaseId id = table.Grant(OnKey(7), kStart);
  const auto ended = table.End(id, kStart);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->lease.key, KeyId{7});
  EXPECT_FALSE(ended->late);
  EXPECT_FALSE(table.End(id, kStart));
  EXPECT_EQ(table.open(), 0u);
}

TEST(LeaseTable, UnknownLeaseEndsNothing) {
  LeaseTable table = MakeTable();
  EXPECT_FALSE(table.End(LeaseId{}, kStart));
  EXPECT_FALSE(table.End(LeaseId{99}, kStart));
}

TEST(LeaseTable, IsLateFromItsExpiryOnEvenBeforeTheExpiryWasNoticed) {
  LeaseTable table = MakeTable();
  const LeaseId in_time = table.Grant(OnKey(1), kStart);
  const LeaseId late = table.Grant(OnKey(1), kStart);
  EXPECT_FALSE(table.End(in_time, kStart + kTtl - absl::Nanoseconds(1))->late);
  EXPECT_TRUE(table.End(late, kStart + kTtl)->late);
}

TEST(LeaseTable, ExpiredLeaseIsKnownForTheGraceAndThenForgotten) {
  LeaseTable table = MakeTable();
  table.Grant(OnKey(1), kStart);
  EXPECT_FALSE(table.ExpireOne(kStart + kTtl - absl::Nanoseconds(1)).progressed);
  LeaseTable::Step step = table.ExpireOne(kStart + kTtl);
  EXPECT_TRUE(step.progressed);
  EXPECT_FALSE(step.forgotten);
  EXPECT_EQ(table.open(), 0u);
  EXPECT_EQ(table.late(), 1u);
  EXPECT_FALSE(table.ExpireOne(kStart + kTtl + kGrace - absl::Nanoseconds(1)).progressed);
  step = table.ExpireOne(kStart + kTtl + kGrace);
  ASSERT_TRUE(step.forgotten);
  EXPECT_EQ(step.forgotten->id, LeaseId{1});
  EXPECT_FALSE(table.End(LeaseId{1}, kStart + kTtl + kGrace));
}

TEST(LeaseTable, FullOfOpenLeasesHasNoRoom) {
  LeaseTable table = MakeTable(1);
  table.Grant(OnKey(1), kStart);
  std::optional<Lease> forgotten;
  EXPECT_FALSE(table.MakeRoom(&forgotten));
  EXPECT_FALSE(forgotten);
  EXPECT_EQ(table.NextExpiry(), kStart + kTtl);
}

TEST(LeaseTable, FullOfExpiredLeasesForgetsTheOldest) {
  LeaseTable table = MakeTable(2);
  table.Grant(OnKey(1), kStart);
  table.Grant(OnKey(2), kStart);
  table.ExpireOne(kStart + kTtl);
  std::optional<Lease> forgotten;
  ASSERT_TRUE(table.MakeRoom(&forgotten));
  ASSERT_TRUE(forgotten);
  EXPECT_EQ(forgotten->key, KeyId{1});
}

TEST(LeaseTable, EveryLeaseLeavesExactlyOnceInRandomOrder) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    LeaseTable table = MakeTable(50);
    std::map<std::uint64_t, int> gone;
    std::uint64_t granted = 0;
    MonoTime now = kStart;
    for (int i = 0; i < 5000; ++i) {
      now = now + absl::Seconds(static_cast<std::int64_t>(random() % 40));
      std::optional<Lease> forgotten;
      if (random() % 2 == 0 && table.MakeRoom(&forgotten)) {
        granted = table.Grant(OnKey(1), now).value();
      }
      if (forgotten) ++gone[forgotten->id.value()];
      const std::uint64_t id = granted ? 1 + random() % granted : 1;
      if (const auto ended = table.End(LeaseId{id}, now)) ++gone[ended->lease.id.value()];
      const LeaseTable::Step step = table.ExpireOne(now);
      if (step.forgotten) ++gone[step.forgotten->id.value()];
      ASSERT_LE(table.open() + table.late(), 50u);
    }
    for (const auto& [id, times] : gone) ASSERT_EQ(times, 1) << "lease " << id;
    ASSERT_EQ(gone.size() + table.open() + table.late(), granted);
  }
}

}  // namespace
}  // namespace keypool::policy
