#include "keyd/policy/event_log.h"

#include <gtest/gtest.h>

namespace keypool::policy {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();

PoolEvent Of(std::uint64_t key, EventKind kind = EventKind::kCooldown) {
  PoolEvent event;
  event.kind = kind;
  event.key = KeyId{key};
  return event;
}

TEST(EventLog, NumbersEventsAndKeepsTheNewest) {
  EventLog log(3);
  for (std::uint64_t key = 1; key <= 5; ++key) log.Add(Of(key), kStart);
  const std::vector<PoolEvent> all = log.After(0, 100);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all.front().number, 3u);
  EXPECT_EQ(all.back().number, 5u);
  EXPECT_EQ(all.back().key, KeyId{5});
}

TEST(EventLog, TellsTheNewestOfThoseAfterANumber) {
  EventLog log;
  for (std::uint64_t key = 1; key <= 5; ++key) log.Add(Of(key), kStart);
  ASSERT_EQ(log.After(3, 100).size(), 2u);
  EXPECT_EQ(log.After(3, 100).front().number, 4u);
  ASSERT_EQ(log.After(1, 2).size(), 2u);
  EXPECT_EQ(log.After(1, 2).front().number, 4u);
  EXPECT_TRUE(log.After(5, 100).empty());
  EXPECT_TRUE(log.After(77, 100).empty());
}

TEST(EventLog, TakesTheSameOfOneSubjectWithinASecondTogether) {
  EventLog log;
  log.Add(Of(1), kStart);
  log.Add(Of(2), kStart);
  PoolEvent again = Of(1);
  again.text = "the newest text";
  log.Add(again, kStart + absl::Milliseconds(999));
  log.Add(Of(1, EventKind::kKeyRests), kStart + absl::Milliseconds(999));
  log.Add(Of(1), kStart + absl::Seconds(1));
  const std::vector<PoolEvent> all = log.After(0, 100);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].count, 2);
  EXPECT_EQ(all[0].at, kStart);
  EXPECT_EQ(all[0].last_at, kStart + absl::Milliseconds(999));
  EXPECT_EQ(all[0].text, "the newest text");
  for (int i = 1; i < 4; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].count, 1);
}

TEST(EventLog, WallClockThatGoesBackMakesAnEventOfItsOwn) {
  EventLog log;
  log.Add(Of(1), kStart);
  log.Add(Of(1), kStart - absl::Hours(1));
  EXPECT_EQ(log.After(0, 100).size(), 2u);
}

}  // namespace
}  // namespace keypool::policy
