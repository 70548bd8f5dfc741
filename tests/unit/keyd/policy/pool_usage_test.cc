// Which reports count in the accounts, and under which names.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum UsageDimension;

class PoolUsage : public PoolTest {
 protected:
  PoolUsage() {
    config.default_limits = {.requests_per_minute = 100, .requests_per_day = 1000};
    Start();
    key = Add("secret-a", "a");
  }
  ReportCommand Told(const Grant& grant, int http_status) const {
    ReportCommand report = ReportOf(grant, Status(http_status));
    report.client = "team-x";
    report.usage = TokenUsage{.input = 100, .cached = 40, .output = 7, .thoughts = 3};
    return report;
  }
  void Serve(int http_status = 200) { Apply(Told(Granted(), http_status)); }
  // "name requests/429s/errors input/cached/output/thoughts".
  std::vector<std::string> Usage(UsageDimension by) const {
    std::vector<std::string> lines;
    for (const UsageRow& row : pool->Usage({.by = by}, now()).rows) {
      const UsageCounts& c = row.counts;
      lines.push_back(absl::StrCat(row.place.name, " ", c.requests, "/", c.limited, "/", c.errors,
                                   " ", c.input_tokens, "/", c.cached_tokens, "/", c.output_tokens,
                                   "/", c.thought_tokens));
    }
    return lines;
  }
  KeyId key;
};

TEST_F(PoolUsage, SettledReportCountsByKeyProjectModelAndClient) {
  Serve();
  Serve();
  EXPECT_THAT(Usage(kKey), ElementsAre("key_1 2/0/0 200/80/14/6"));
  EXPECT_THAT(Usage(kProject), ElementsAre("a 2/0/0 200/80/14/6"));
  EXPECT_THAT(Usage(kModel), ElementsAre("m 2/0/0 200/80/14/6"));
  EXPECT_THAT(Usage(kClient), ElementsAre("team-x 2/0/0 200/80/14/6"));
}

TEST_F(PoolUsage, RefusalsAndErrorsAreToldApart) {
  std::vector<Grant> grants;
  for (int i = 0; i < 8; ++i) grants.push_back(Granted());
  for (const int status : {200, 301, 399, 429, 400, 404, 500, 0}) {
    Apply(Told(grants.back(), status));
    grants.pop_back();
  }
  EXPECT_THAT(Usage(kProject), ElementsAre("a 8/1/4 800/320/56/24"));
}

TEST_F(PoolUsage, ReportThatSaysLessCountsWhatItSays) {
  Apply(ReportOf(Granted(), Status(200)));
  EXPECT_THAT(Usage(kClient), ElementsAre("(unknown) 1/0/0 0/0/0/0"));
  ReportCommand odd = Told(Granted(), 200);
  odd.usage = TokenUsage{.input = -5, .cached = 0, .output = 1, .thoughts = 0};
  Apply(odd);
  EXPECT_THAT(Usage(kModel), ElementsAre("m 2/0/0 0/0/1/0"));
}

TEST_F(PoolUsage, UnmeteredCallsCountUnderANameOfTheirOwn) {
  Apply(Told(Granted(Unmetered()), 200));
  EXPECT_THAT(Usage(kModel), ElementsAre("(unmetered) 1/0/0 100/40/7/3"));
}

TEST_F(PoolUsage, NamesThatCallersMakeUpTakeNoPlace) {
  for (const char* name : {"made-up-1", "made-up-2"}) {
    ReportCommand report = Told(Granted(Metered(name)), 404);
    report.facts.message = MessageClass::kModelNotFound;
    Apply(report);
  }
  EXPECT_THAT(Usage(kModel), ElementsAre("(not found) 2/0/2 200/80/14/6"));
}

TEST_F(PoolUsage, UnsentAndRepeatedReportsCountNothing) {
  ReportUnsent(Granted());
  EXPECT_THAT(Usage(kKey), IsEmpty());
  const Grant grant = Granted();
  Apply(Told(grant, 200));
  Apply(Told(grant, 200));
  EXPECT_THAT(Usage(kKey), ElementsAre("key_1 1/0/0 100/40/7/3"));
}

TEST_F(PoolUsage, LateReportCountsInTheHourInWhichItComes) {
  const Grant grant = Granted();
  Advance(config.lease_time_to_live + absl::Seconds(1));
  TickUntilDone();
  EXPECT_EQ(Apply(Told(grant, 200)).settled, Settled::kLate);
  EXPECT_THAT(Usage(kKey), ElementsAre("key_1 1/0/0 100/40/7/3"));
}

TEST_F(PoolUsage, ReportOfAnotherReignCountsByWhatItCarries) {
  ReportCommand report = Told(Granted(), 200);
  ReportCommand of_removed = Told(Granted(), 500);
  of_removed.key = KeyId{77};
  of_removed.model.clear();
  ReportCommand without_key = Told(Granted(), 200);
  without_key.key = KeyId{};
  ReportCommand unsent = Told(Granted(), 200);
  unsent.sent = false;
  Start();
  for (const ReportCommand& command : {report, of_removed, without_key, unsent}) {
    EXPECT_EQ(Apply(command).settled, Settled::kOtherEpoch);
  }
  EXPECT_THAT(Usage(kKey), ElementsAre("key_1 1/0/0 100/40/7/3", "key_77 1/0/1 100/40/7/3"));
  EXPECT_THAT(Usage(kProject), ElementsAre("(unknown) 1/0/1 100/40/7/3", "a 1/0/0 100/40/7/3"));
  EXPECT_THAT(Usage(kModel), ElementsAre("(unmetered) 1/0/1 100/40/7/3", "m 1/0/0 100/40/7/3"));
}

TEST_F(PoolUsage, RemovedKeyStaysInTheAccounts) {
  const Grant grant = Granted();
  Serve();
  ASSERT_TRUE(pool->Apply(RemoveKeyCommand{key}, now(), &mutations).ok());
  Apply(Told(grant, 200));
  EXPECT_THAT(Usage(kKey), ElementsAre("key_1 2/0/0 200/80/14/6"));
  EXPECT_THAT(Usage(kProject), ElementsAre("a 2/0/0 200/80/14/6"));
}

TEST_F(PoolUsage, ProjectAndModelKeepTheirAccountsApartHoweverTheyTakeTurns) {
  Add("secret-b", "b");
  for (int i = 0; i < 10; ++i) {
    Grant grant = Granted(Metered(i % 2 == 0 ? "m" : "n"));
    Apply(Told(grant, 200));
  }
  std::int64_t requests = 0;
  for (const UsageRow& row : pool->Usage({.by = kProject}, now()).rows) {
    requests += row.counts.requests;
  }
  EXPECT_EQ(requests, 10);
  EXPECT_THAT(Usage(kModel), ElementsAre("m 5/0/0 500/200/35/15", "n 5/0/0 500/200/35/15"));
}

TEST_F(PoolUsage, CrashLosesWhatTickHadNotWrittenAndAnOrderlyStopNothing) {
  Serve();
  TickUntilDone();
  Serve();
  Start();
  EXPECT_THAT(Usage(kKey), ElementsAre("key_1 1/0/0 100/40/7/3"));
  Serve();
  pool->FlushUsage(&mutations);
  Commit();
  Start();
  EXPECT_THAT(Usage(kKey), ElementsAre("key_1 2/0/0 200/80/14/6"));
  Serve();
  EXPECT_THAT(Usage(kModel), ElementsAre("m 3/0/0 300/120/21/9"));
}

}  // namespace
}  // namespace keypool::policy
