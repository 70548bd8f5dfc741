// Hours, Pacific days, bounds, and what reaches the store.
#include "keyd/policy/usage_ledger.h"

#include <gmock/gmock.h>

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr UsageDimension kBy = UsageDimension::kModel;

class UsageLedgerTest : public testing::Test {
 protected:
  UsageLedgerTest() { Start(); }

  absl::Time At(int year, int month, int day, int hour, int minute = 0) const {
    return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, 0), options.pacific);
  }
  // A new reign on what was committed.
  void Start() {
    ledger = std::make_unique<UsageLedger>(options);
    for (const auto& [name, counts] : stored) {
      ASSERT_TRUE(ledger->Restore({name, counts}).ok());
    }
  }
  void Count(std::string_view name, int requests = 1, UsagePlace* place = nullptr) {
    ledger->Follow(wall);
    ledger->Add(kBy, name, {.requests = requests}, place);
  }
  // One hour after the other.
  void CountHours(std::string_view name, int hours) {
    for (int i = 0; i < hours; ++i, wall += absl::Hours(1)) Count(name);
  }
  // Time passes until nothing changes any more. Returns how often it took.
  int TickUntilQuiet() {
    for (int ticks = 1;; ++ticks) {
      mono = mono + absl::Seconds(1);
      ledger->Tick({wall, mono}, &mutations);
      if (mutations.empty()) return ticks;
      Commit();
    }
  }
  void Commit() {
    for (const Mutation& mutation : mutations) {
      if (const auto* r = std::get_if<UsageRecord>(&mutation)) stored[r->name] = r->counts;
      if (const auto* r = std::get_if<DeleteUsage>(&mutation)) stored.erase(r->name);
    }
    mutations.clear();
  }
  // "2026-06-10 m 3" for days, "2026-06-10 07h m 3" in UTC for hours.
  std::vector<std::string> Rows(const UsageQuery& query) const {
    std::vector<std::string> lines;
    for (const UsageRow& row : ledger->Rows(query, wall).rows) {
      const bool hour = row.place.hour >= 0;
      const auto zone = hour ? absl::UTCTimeZone() : options.pacific;
      lines.push_back(
          absl::StrCat(absl::FormatTime(hour ? "%Y-%m-%d %Hh" : "%Y-%m-%d", row.start, zone), " ",
                       row.place.name, " ", row.counts.requests));
    }
    return lines;
  }
  std::vector<std::string> Days(int days = 7) const { return Rows({.by = kBy, .days = days}); }
  std::vector<std::string> Hours(int days = 7) const {
    return Rows({.by = kBy, .days = days, .hourly = true});
  }
  // Of everything, wherever it is now.
  std::int64_t Total() const {
    std::int64_t total = 0;
    for (const UsageRow& row : ledger->Rows({.by = kBy, .days = 90}, wall).rows) {
      total += row.counts.requests;
    }
    return total;
  }

  UsageLedger::Options options = {.names_max = 100, .rows_max = 10'000, .pacific = Pacific()};
  absl::Time wall = absl::FromCivil(absl::CivilSecond(2026, 6, 10, 12, 5, 0), options.pacific);
  MonoTime mono = MonoTime::FromNanoseconds(1'000'000'000'000);
  std::unique_ptr<UsageLedger> ledger;
  Mutations mutations;
  std::map<UsageName, UsageCounts> stored;
};

TEST_F(UsageLedgerTest, CountsByHourAndByPacificDay) {
  wall = At(2026, 6, 10, 23, 59);
  Count("m", 2);
  wall = At(2026, 6, 11, 0, 0);
  Count("m", 3);
  Count("n", 1);
  EXPECT_THAT(Hours(),
              ElementsAre("2026-06-11 06h m 2", "2026-06-11 07h m 3", "2026-06-11 07h n 1"));
  EXPECT_THAT(Days(), ElementsAre("2026-06-10 m 2", "2026-06-11 m 3", "2026-06-11 n 1"));
  EXPECT_THAT(Days(1), ElementsAre("2026-06-11 m 3", "2026-06-11 n 1"));
}

TEST_F(UsageLedgerTest, DaysOf23And25HoursAreWhatTheyAre) {
  for (const auto& [month, day, hours] : {std::tuple(3, 8, 23), std::tuple(11, 1, 25)}) {
    stored.clear();
    Start();
    wall = At(2026, month, day, 0);
    CountHours("m", hours);
    EXPECT_EQ(wall, At(2026, month, day + 1, 0));
    wall -= absl::Seconds(1);
    const UsagePage page = ledger->Rows({.by = kBy, .days = 1}, wall);
    ASSERT_EQ(page.rows.size(), 1u);
    EXPECT_EQ(page.rows[0].counts.requests, hours);
    EXPECT_EQ(page.rows[0].end - page.rows[0].start, absl::Hours(hours));
    EXPECT_EQ(Hours(1).size(), static_cast<std::size_t>(hours));
  }
}

TEST_F(UsageLedgerTest, AllCountsAddUpAndStopAtTheLargestNumber) {
  ledger->Follow(wall);
  const UsageCounts once = {1, 2, 3, 4, 5, 6, INT64_MAX};
  ledger->Add(kBy, "m", once, nullptr);
  ledger->Add(kBy, "m", once, nullptr);
  const UsageCounts twice = {2, 4, 6, 8, 10, 12, INT64_MAX};
  EXPECT_EQ(ledger->Rows({.by = kBy}, wall).rows.at(0).counts, twice);
  EXPECT_TRUE(ledger->Rows({.by = UsageDimension::kKey}, wall).rows.empty());
}

TEST_F(UsageLedgerTest, PagesLeadOnWithoutGapOrRepetition) {
  for (int hour = 0; hour < 30; ++hour, wall += absl::Hours(1)) {
    for (int name = 0; name < 7; ++name) Count(absl::StrCat("m", name));
  }
  for (const bool hourly : {false, true}) {
    const std::vector<std::string> whole = Rows({.by = kBy, .hourly = hourly});
    for (const std::size_t size : {1u, 4u, 7u, 209u}) {
      UsageQuery query{.by = kBy, .hourly = hourly, .after = std::nullopt, .rows_max = size};
      std::vector<std::string> paged;
      bool more = true;
      while (more) {
        for (std::string& line : Rows(query)) paged.push_back(std::move(line));
        const UsagePage page = ledger->Rows(query, wall);
        more = page.more;
        query.after = page.rows.back().place;
      }
      EXPECT_EQ(paged, whole) << size << " rows a page";
    }
  }
}

TEST_F(UsageLedgerTest, NamesBeyondTheBoundCountTogetherUntilThereIsRoom) {
  options.names_max = 2;
  Start();
  UsagePlace a, c;
  Count("a", 1, &a);
  Count("b");
  Count("c", 1, &c);
  Count("d");
  Count("c", 1, &c);
  EXPECT_THAT(Days(), ElementsAre("2026-06-10 (other) 3", "2026-06-10 a 1", "2026-06-10 b 1"));
  wall += absl::Hours(24 * 89);
  Count("a", 1, &a);
  wall += absl::Hours(24);  // the first day is too old now, and with it "b"
  TickUntilQuiet();
  Count("a", 1, &a);
  Count("c", 1, &c);
  EXPECT_THAT(Days(1), ElementsAre("2026-09-08 a 1", "2026-09-08 c 1"));
}

TEST_F(UsageLedgerTest, PlaceOfANameThatIsGoneIsNotUsedForAnotherOne) {
  UsagePlace a, b;
  Count("a", 1, &a);
  wall += absl::Hours(24 * 90);
  TickUntilQuiet();
  EXPECT_EQ(ledger->row_count(), 0u);
  Count("b", 5, &b);
  Count("a", 1, &a);
  EXPECT_THAT(Days(), ElementsAre("2026-09-08 a 1", "2026-09-08 b 5"));
}

TEST_F(UsageLedgerTest, NinetyDaysAreKeptAndTheDayBeforeIsDroppedHereAndInTheStore) {
  Count("m");
  TickUntilQuiet();
  wall = At(2026, 9, 7, 23, 59);
  TickUntilQuiet();
  EXPECT_THAT(Days(90), ElementsAre("2026-06-10 m 1"));
  EXPECT_EQ(stored.size(), 1u);
  wall = At(2026, 9, 8, 0, 0);
  TickUntilQuiet();
  EXPECT_TRUE(Days(90).empty());
  EXPECT_TRUE(stored.empty());
}

TEST_F(UsageLedgerTest, OldestHoursBecomeTheirDayWhenRoomIsShort) {
  options.rows_max = 30;
  Start();
  wall = At(2026, 6, 8, 0);
  CountHours("m", 24 * 3);
  wall -= absl::Seconds(1);
  TickUntilQuiet();
  EXPECT_LE(ledger->row_count(), 30u);
  EXPECT_THAT(Days(), ElementsAre("2026-06-08 m 24", "2026-06-09 m 24", "2026-06-10 m 24"));
  const std::vector<std::string> hours = Hours();
  ASSERT_EQ(hours.size(), 26u);  // two folded days, and every hour of the last one
  EXPECT_EQ(hours[0], "2026-06-08 m 24");
  EXPECT_EQ(hours[1], "2026-06-09 m 24");
  EXPECT_EQ(hours[2], "2026-06-10 07h m 1");
  EXPECT_EQ(stored.size(), 26u);
  Start();
  EXPECT_EQ(Hours(), hours);
  EXPECT_EQ(Total(), 72);
}

TEST_F(UsageLedgerTest, HoursOfTodayAreFoldedToButNeverTheOneUnderWay) {
  options.rows_max = 3;
  Start();
  wall = At(2026, 6, 10, 0);
  CountHours("m", 10);
  Count("m", 7);
  TickUntilQuiet();
  EXPECT_THAT(Hours(), ElementsAre("2026-06-10 m 10", "2026-06-10 17h m 7"));
  Count("m");  // the hour goes on where it was
  wall += absl::Hours(1);
  Count("m");
  EXPECT_THAT(Days(), ElementsAre("2026-06-10 m 19"));
}

TEST_F(UsageLedgerTest, OldestDaysGoWhenNothingIsLeftToFold) {
  options.rows_max = 5;
  Start();
  for (int day = 1; day <= 9; ++day) {
    wall = At(2026, 6, day, 8);
    CountHours("m", 3);
  }
  TickUntilQuiet();
  EXPECT_EQ(ledger->row_count(), 5u);
  EXPECT_THAT(Days(30), ElementsAre("2026-06-05 m 3", "2026-06-06 m 3", "2026-06-07 m 3",
                                    "2026-06-08 m 3", "2026-06-09 m 3"));
  EXPECT_EQ(stored.size(), 5u);
}

TEST_F(UsageLedgerTest, ReportOfAClockThatWasSetBackCountsOnTheFoldedDayToo) {
  options.rows_max = 2;
  Start();
  wall = At(2026, 6, 9, 8);
  CountHours("m", 3);
  wall = At(2026, 6, 10, 8);
  Count("m");
  TickUntilQuiet();
  wall = At(2026, 6, 9, 9);
  Count("m");
  EXPECT_THAT(Days(), ElementsAre("2026-06-09 m 4", "2026-06-10 m 1"));
}

TEST_F(UsageLedgerTest, ChangedRowIsWrittenOnceASecondHoweverOftenItChanges) {
  int written = 0;
  for (int i = 0; i < 300; ++i, mono = mono + absl::Milliseconds(10)) {
    Count("m");
    ledger->Tick({wall, mono}, &mutations);
    written += static_cast<int>(mutations.size());
    Commit();
  }
  EXPECT_EQ(written, 3);
  Start();
  EXPECT_GE(Total(), 201) << "more than a second is lost";
  EXPECT_LE(Total(), 300);
}

TEST_F(UsageLedgerTest, OneTickWritesABoundedNumberOfRows) {
  options.names_max = 10'000;
  Start();
  for (int i = 0; i < 2'000; ++i) Count(absl::StrCat("m", i));
  ledger->Tick({wall, mono}, &mutations);
  EXPECT_LE(mutations.size(), 512u);
  ledger->Tick({wall, mono}, &mutations);  // at the same time: nothing more
  EXPECT_LE(mutations.size(), 512u);
  Commit();
  TickUntilQuiet();
  EXPECT_EQ(stored.size(), 2'000u);
}

TEST_F(UsageLedgerTest, FlushWritesWhatIsLeftAndARestartTakesItUp) {
  Count("m", 3);
  TickUntilQuiet();
  Count("m", 4);
  Count("n", 1);
  ledger->Flush(&mutations);
  EXPECT_EQ(mutations.size(), 2u);
  Commit();
  ledger->Flush(&mutations);
  EXPECT_TRUE(mutations.empty());
  Start();
  Count("m", 10);
  EXPECT_THAT(Days(), ElementsAre("2026-06-10 m 17", "2026-06-10 n 1"));
  EXPECT_EQ(ledger->row_count(), 2u) << "the same hour goes on in the same row";
}

TEST_F(UsageLedgerTest, RecordsThatContradictAreNamed) {
  const UsageRecord record = {{kBy, {20'000, "m", 480'007}}, {.requests = 1}};
  EXPECT_TRUE(ledger->Restore(record).ok());
  EXPECT_THAT(ledger->Restore(record).ToString(), HasSubstr("model m on day 20000 is there twice"));
  UsageRecord negative = record;
  negative.name.place.name = "n";
  negative.counts.errors = -1;
  EXPECT_THAT(ledger->Restore(negative).ToString(), HasSubstr("negative"));
}

}  // namespace
}  // namespace keypool::policy
