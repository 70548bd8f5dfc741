#include "keyd/policy/pacific_day.h"

#include <gtest/gtest.h>

#include "absl/time/civil_time.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

absl::Time Local(int year, int month, int day, int hour, int minute = 0, int second = 0) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second), Pacific());
}

TEST(PacificDay, EndsAtTheNextMidnightOfLosAngeles) {
  const PacificDay day(Pacific(), Local(2026, 6, 10, 12));
  EXPECT_EQ(day.number(), absl::CivilDay(2026, 6, 10) - absl::CivilDay(1970, 1, 1));
  EXPECT_EQ(day.ends(), Local(2026, 6, 11, 0));
}

TEST(PacificDay, LastsTwentyThreeHoursWhenTheClocksGoForward) {
  const PacificDay day(Pacific(), Local(2026, 3, 8, 1));
  EXPECT_EQ(day.ends() - day.StartOf(day.number()), absl::Hours(23));
}

TEST(PacificDay, LastsTwentyFiveHoursWhenTheClocksGoBack) {
  PacificDay day(Pacific(), Local(2026, 11, 1, 0));
  EXPECT_EQ(day.ends() - day.StartOf(day.number()), absl::Hours(25));
  EXPECT_FALSE(day.Advance(Local(2026, 11, 1, 0) + absl::Hours(25) - absl::Nanoseconds(1)));
  EXPECT_TRUE(day.Advance(Local(2026, 11, 1, 0) + absl::Hours(25)));
}

TEST(PacificDay, TurnsExactlyAtMidnight) {
  PacificDay day(Pacific(), Local(2026, 6, 10, 12));
  const std::int64_t before = day.number();
  EXPECT_FALSE(day.Advance(Local(2026, 6, 11, 0) - absl::Nanoseconds(1)));
  EXPECT_TRUE(day.Advance(Local(2026, 6, 11, 0)));
  EXPECT_EQ(day.number(), before + 1);
}

TEST(PacificDay, ClockThatGoesBackOverMidnightKeepsTheLaterDay) {
  PacificDay day(Pacific(), Local(2026, 6, 10, 23, 59));
  day.Advance(Local(2026, 6, 11, 0, 0, 1));
  const std::int64_t later = day.number();
  EXPECT_FALSE(day.Advance(Local(2026, 6, 10, 23, 58)));
  EXPECT_EQ(day.number(), later);
  EXPECT_EQ(day.ends(), Local(2026, 6, 12, 0));
  EXPECT_FALSE(day.Advance(Local(2026, 6, 11, 0, 0, 2)));  // it was never given twice
}

TEST(PacificDay, DayThatWasDaysAheadIsTakenBack) {
  PacificDay day(Pacific(), Local(2026, 6, 15, 12));
  EXPECT_TRUE(day.Advance(Local(2026, 6, 10, 12)));
  EXPECT_EQ(day.ends(), Local(2026, 6, 11, 0));
}

TEST(PacificDay, RemembersADayOfItsRecordsOnlyWhenItIsTheNext) {
  PacificDay day(Pacific(), Local(2026, 6, 10, 23, 59));
  const std::int64_t today = day.number();
  day.Remember(today - 1);
  day.Remember(today + 2);
  EXPECT_EQ(day.number(), today);
  day.Remember(today + 1);
  EXPECT_EQ(day.number(), today + 1);
}

TEST(PacificDay, QuestionDoesNotTurnTheDay) {
  const PacificDay day(Pacific(), Local(2026, 6, 10, 12));
  EXPECT_EQ(day.NumberAt(Local(2026, 6, 11, 1)), day.number() + 1);
  EXPECT_EQ(day.NumberAt(Local(2026, 6, 9, 23)), day.number());
}

}  // namespace
}  // namespace keypool::policy
