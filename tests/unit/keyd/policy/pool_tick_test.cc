// What happens by itself: the turn of the day, cleaning up, in bounded steps.
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

class Tick : public PoolTest {};

TEST_F(Tick, NothingToDoIsDoneAtOnce) {
  Add("secret-a", "a");
  Granted();
  EXPECT_FALSE(pool->Tick(now(), &mutations));
}

TEST_F(Tick, DayThatIsOverLeavesTheStore) {
  Add("secret-a", "a");
  Report(Granted(Metered("x")), Status(200));
  Report(Granted(Metered("made-up")), Status(200));
  EXPECT_EQ(stored.size(), 2u);
  AdvanceTo(At(2026, 6, 11, 0, 0, 1));
  TickUntilDone();
  EXPECT_TRUE(stored.empty());
}

TEST_F(Tick, MinuteThatReachesOverMidnightIsCleanedUpAfterIt) {
  AdvanceTo(At(2026, 6, 10, 23, 59, 55));
  const KeyId key = Add("secret-a", "a");
  Report(Granted(), Status(200));
  Advance(absl::Seconds(10));
  TickUntilDone();
  EXPECT_EQ(stored.size(), 1u);
  EXPECT_EQ(Bucket(key).per_minute.used, 1);
  Advance(absl::Minutes(3));
  TickUntilDone();
  EXPECT_TRUE(stored.empty());
}

TEST_F(Tick, MadeUpModelsCostNothingTheDayAfter) {
  config.models_max = 5;
  Start();
  Add("secret-a", "a");
  for (int day = 0; day < 3; ++day) {
    for (int i = 0; i < 5; ++i) {
      Report(Granted(Metered(absl::StrCat("made-up-", day, "-", i))), Status(200));
    }
    EXPECT_EQ(Refused(Metered("one-more")).reason, RefusalReason::kLimitReached);
    Advance(absl::Hours(24));
    TickUntilDone();
    EXPECT_TRUE(stored.empty());
  }
}

TEST_F(Tick, ModelWithALeaseStaysUntilTheLeaseIsForgotten) {
  config.models_max = 1;
  config.lease_time_to_live = absl::Hours(30);
  Start();
  Add("secret-a", "a");
  const Grant grant = Granted(Metered("x"));
  Advance(absl::Hours(25));
  TickUntilDone();
  EXPECT_EQ(Refused(Metered("y")).reason, RefusalReason::kLimitReached);
  EXPECT_EQ(Report(grant, Status(200)).settled, Settled::kNow);
  Granted(Metered("y"));
}

TEST_F(Tick, LargePoolTurnsTheDayInSteps) {
  config.default_limits = {.requests_per_minute = 100, .requests_per_day = 1};
  Start();
  for (int i = 0; i < 3000; ++i) Add(absl::StrCat("secret-of-", i));
  for (int i = 0; i < 3000; ++i) Report(Granted(), Status(200));
  EXPECT_TRUE(Refused().spent_for_the_day);
  AdvanceTo(At(2026, 6, 11, 0, 0));
  Granted();  // at once, without waiting for the turn of all
  int ticks = 1;
  for (; pool->Tick(now(), &mutations); ++ticks) {
    EXPECT_LE(mutations.size(), 600u);
    Commit();
  }
  EXPECT_GE(ticks, 5);
  for (int i = 1; i < 3000; ++i) Granted();
  EXPECT_TRUE(Refused().spent_for_the_day);
}

TEST_F(Tick, ReplaysOfTheSameCommandsGiveTheSameMutations) {
  const auto run = [this] {
    stored_keys.clear(), stored.clear(), stored_removed.clear(), stored_pool = {},
                                                                 stored_usage.clear();
    wall = At(2026, 6, 10, 12, 0);
    Start();
    for (int i = 0; i < 50; ++i) Add(absl::StrCat("secret-of-", i));
    for (int i = 0; i < 200; ++i) {
      Report(Granted(Metered(absl::StrCat("model-", i % 7))), Status(200));
    }
    Advance(absl::Hours(24));
    std::string names;
    while (pool->Tick(now(), &mutations)) {
    }
    for (const Mutation& mutation : mutations) {
      if (const auto* usage = std::get_if<UsageRecord>(&mutation)) {
        absl::StrAppend(&names, usage->name.place.name, "=", usage->counts.requests, " ");
        continue;
      }
      const BucketName& name = std::get<DeleteBucket>(mutation).name;
      absl::StrAppend(&names, name.project.value(), "/", name.model, " ");
    }
    Commit();
    return names;
  };
  const std::string first = run();
  EXPECT_NE(first, "");
  EXPECT_EQ(first, run());
}

}  // namespace
}  // namespace keypool::policy
