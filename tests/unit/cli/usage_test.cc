// `poolctl usage`: what it asks and how it shows the answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/commands.h"
#include "cli/usage_text.h"
#include "tests/fakes/cli/fake_admin_client.h"
#include "tests/fakes/cli/fake_console.h"

namespace keypool::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kDay = 20'780;  // 2026-11-23

UsageRow Day(std::string name, std::int64_t requests, std::int64_t day = kDay) {
  UsageRow row;
  row.place = {day, std::move(name), -1};
  row.start = absl::FromUnixSeconds(day * 86'400 + 8 * 3'600);
  row.end = row.start + absl::Hours(24);
  row.counts = {requests, 1, 2, requests * 1000, 10, 20, 30};
  return row;
}

UsageRow Hour(std::string name, std::int64_t requests, std::int64_t hour) {
  UsageRow row = Day(std::move(name), requests);
  row.place.hour = kDay * 24 + hour;
  row.start = absl::FromUnixSeconds(row.place.hour * 3'600);
  row.end = row.start + absl::Hours(1);
  return row;
}

class UsageTest : public testing::Test {
 protected:
  UsageTest() { options.command = Command::kUsage; }
  ExitCode Run() { return RunCommand(options, keyd, console, SystemClock(), absl::UTCTimeZone()); }
  Options options;
  FakeAdminClient keyd;
  FakeConsole console;
};

TEST_F(UsageTest, TotalsAreByNameWithTheBusiestFirstAndTheSumLast) {
  keyd.usage = {Day("a", 1), Day("b", 5), Day("~key_1", 3), Day("a", 1, kDay + 1)};
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(console.out,
            "PROJECT         REQUESTS  429  ERRORS  INPUT  CACHED  OUTPUT  THOUGHTS\n"
            "b                      5    1       2   5000      10      20        30\n"
            "(own of key_1)         3    1       2   3000      10      20        30\n"
            "a                      2    2       4   2000      20      40        60\n"
            "total                 10    4       8  10000      40      80       120\n");
  EXPECT_THAT(keyd.calls, ElementsAre("usage by project of 7 days"));
}

TEST_F(UsageTest, EveryPageIsRead) {
  keyd.usage = {Day("a", 1), Day("b", 1), Day("c", 1)};
  keyd.page_max = 1;
  options.by = UsageDimension::kClient;
  options.days = 30;
  EXPECT_EQ(Run(), kDone);
  EXPECT_THAT(keyd.calls,
              ElementsAre("usage by client of 30 days", "usage by client of 30 days after a",
                          "usage by client of 30 days after b"));
  EXPECT_THAT(console.out, AllOf(HasSubstr("CLIENT"), HasSubstr("total          3")));
}

TEST_F(UsageTest, DaysAreShownAsPacificDates) {
  keyd.usage = {Day("a", 1), Day("b", 2), Day("a", 3, kDay + 1)};
  options.daily = true;
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(console.out,
            "DAY         PROJECT  REQUESTS  429  ERRORS  INPUT  CACHED  OUTPUT  THOUGHTS\n"
            "2026-11-23  a               1    1       2   1000      10      20        30\n"
            "2026-11-23  b               2    1       2   2000      10      20        30\n"
            "2026-11-24  a               3    1       2   3000      10      20        30\n"
            "total                       6    3       6   6000      30      60        90\n");
}

TEST_F(UsageTest, HoursAreInTheOrderOfTimeAndFoldedOnesAreDays) {
  keyd.usage = {Hour("a", 1, 9), Hour("a", 1, 11), Day("b", 4), Hour("b", 2, 9)};
  options.hourly = true;
  options.days = 1;
  EXPECT_EQ(Run(), kDone);
  EXPECT_THAT(keyd.calls, ElementsAre("usage by project of 1 days, hourly"));
  std::vector<std::string> first_words;
  for (std::size_t at = 0; at < console.out.size(); at = console.out.find('\n', at) + 1) {
    const std::string line = console.out.substr(at, console.out.find('\n', at) - at);
    first_words.push_back(line.substr(0, line.find(' ')));
  }
  EXPECT_THAT(first_words, ElementsAre("HOUR", "2026-11-23", "2026-11-23T09:00:00Z",
                                       "2026-11-23T09:00:00Z", "2026-11-23T11:00:00Z", "total"));
}

TEST_F(UsageTest, NothingIsSaidInWordsAndInBothForms) {
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(console.out, "Nothing was sent to Google in the last 7 days.\n");
  console.out.clear();
  options.json = true;
  EXPECT_EQ(Run(), kDone);
  EXPECT_THAT(console.out, HasSubstr("\"rows\":[]"));
}

TEST_F(UsageTest, JsonHasStableNamesAndARowForEachPeriod) {
  keyd.usage = {Day("a", 1)};
  options.json = true;
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(
      console.out,
      "{\"by\":\"project\",\"days\":7,\"total\":{\"requests\":1,\"limited\":1,\"errors\":2,"
      "\"input_tokens\":1000,\"cached_tokens\":10,\"output_tokens\":20,\"thought_tokens\":30},"
      "\"rows\":[{\"name\":\"a\",\"pacific_date\":\"2026-11-23\","
      "\"start\":\"2026-11-23T08:00:00Z\",\"end\":\"2026-11-24T08:00:00Z\",\"requests\":1,"
      "\"limited\":1,\"errors\":2,\"input_tokens\":1000,\"cached_tokens\":10,"
      "\"output_tokens\":20,\"thought_tokens\":30}]}\n");
}

TEST_F(UsageTest, CsvIsQuotedAsRfc4180Wants) {
  keyd.usage = {Day("plain", 1), Day("with, \"both\"", 2)};
  options.csv = true;
  options.by = UsageDimension::kModel;
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(
      console.out,
      "model,pacific_date,start,end,requests,limited,errors,input_tokens,cached_tokens,"
      "output_tokens,thought_tokens\r\n"
      "plain,2026-11-23,2026-11-23T08:00:00Z,2026-11-24T08:00:00Z,1,1,2,1000,10,20,30\r\n"
      "\"with, \"\"both\"\"\",2026-11-23,2026-11-23T08:00:00Z,2026-11-24T08:00:00Z,2,1,2,2000,"
      "10,20,30\r\n");
}

TEST_F(UsageTest, NamesCannotCommandTheTerminal) {
  keyd.usage = {Day("a\x1b[31m", 1)};
  EXPECT_EQ(Run(), kDone);
  EXPECT_THAT(console.out, AllOf(HasSubstr("a?[31m"), Not(HasSubstr("\x1b"))));
}

TEST_F(UsageTest, ErrorsEndAsThoseOfOtherCommands) {
  keyd.error = absl::UnavailableError("cannot reach keyd");
  EXPECT_EQ(Run(), kUnreachable);
  EXPECT_THAT(console.err, HasSubstr("start keyd"));
  keyd.error = absl::UnimplementedError("an older keyd");
  EXPECT_EQ(Run(), kRefused);
}

}  // namespace
}  // namespace keypool::cli
