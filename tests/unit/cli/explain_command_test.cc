#include "cli/explain_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/cli/fake_admin_client.h"
#include "tests/fakes/cli/fake_console.h"
#include "tests/fakes/cli/sample_pool.h"

namespace keypool::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

KeyExplanation Of(std::uint64_t id, KeyVerdict verdict, std::string reason) {
  KeyExplanation key;
  key.key = KeyId{id};
  key.project = ProjectId{"team-a"};
  key.verdict = verdict;
  key.reason = std::move(reason);
  return key;
}

class ExplainCommand : public testing::Test {
 protected:
  ExplainCommand() {
    options.command = Command::kExplain;
    options.model = "gemini-2.5-flash";
    keyd.explanation.now = SampleNow();
    KeyExplanation spent = Of(2, KeyVerdict::kCooling, "Google says the day is spent");
    spent.row = "429_day";
    spent.since = SampleNow() - absl::Seconds(10);
    spent.until = SampleNow() + absl::Hours(3);
    keyd.explanation.keys = {Of(1, KeyVerdict::kNext, "the next request goes to it"), spent,
                             Of(3, KeyVerdict::kDisabled, "billing")};
    keyd.explanation.next_key = KeyId{1};
    keyd.explanation.next_project = ProjectId{"team-a"};
  }
  ExitCode Run() { return RunCommand(options, keyd, console, SystemClock(), absl::UTCTimeZone()); }
  Options options;
  FakeAdminClient keyd;
  FakeConsole console;
};

TEST_F(ExplainCommand, ShowsWhoIsNextAndEveryKeyOfEveryPage) {
  keyd.page_max = 1;
  options.project = "team-a";
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(console.out,
            "A request for gemini-2.5-flash would be granted key_1 of project team-a now.\n"
            "\n"
            "KEY    PROJECT  STATE     UNTIL                      WHY\n"
            "key_1  team-a   next                                 the next request goes to it\n"
            "key_2  team-a   cooling   16:00:00 UTC (in 3 h 0 m)  Google says the day is spent "
            "(429_day, since 12:59:50 UTC)\n"
            "key_3  team-a   disabled  until enabled              billing\n");
  EXPECT_THAT(keyd.calls, ElementsAre("explain gemini-2.5-flash after key_0 of team-a",
                                      "explain gemini-2.5-flash after key_1 of team-a",
                                      "explain gemini-2.5-flash after key_2 of team-a"));
}

TEST_F(ExplainCommand, ShowsARefusalWithItsEnd) {
  keyd.explanation.next_key.reset();
  keyd.explanation.refusal = "Every project is out of requests.";
  keyd.explanation.first_at = SampleNow() + absl::Seconds(35);
  keyd.explanation.keys[1].row.clear();
  keyd.explanation.keys[1].since.reset();
  EXPECT_EQ(Run(), kDone);
  EXPECT_THAT(console.out,
              AllOf(HasSubstr("would be refused now: Every project is out of requests.\n"),
                    HasSubstr("The first that could be granted: 13:00:35 UTC (in 35 s).\n"),
                    HasSubstr("Google says the day is spent (from before the restart)\n")));
}

TEST_F(ExplainCommand, AsJsonIsOneObjectWithStableNames) {
  options.json = true;
  keyd.explanation.keys.erase(keyd.explanation.keys.begin() + 2);
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(console.out,
            "{\"now\":\"2026-11-22T13:00:00.000Z\",\"model\":\"gemini-2.5-flash\","
            "\"next\":{\"key_id\":\"key_1\",\"project_id\":\"team-a\"},\"refusal\":null,"
            "\"first_at\":null,\"keys\":["
            "{\"key_id\":\"key_1\",\"project_id\":\"team-a\",\"verdict\":\"next\",\"until\":null,"
            "\"reason\":\"the next request goes to it\",\"row\":null,\"since\":null},"
            "{\"key_id\":\"key_2\",\"project_id\":\"team-a\",\"verdict\":\"cooling\","
            "\"until\":\"2026-11-22T16:00:00.000Z\",\"reason\":\"Google says the day is spent\","
            "\"row\":\"429_day\",\"since\":\"2026-11-22T12:59:50.000Z\"}]}\n");
}

TEST_F(ExplainCommand, EndsWithTheCodeOfTheError) {
  keyd.error = absl::NotFoundError("no key of project x is in the pool");
  EXPECT_EQ(Run(), kRefused);
  EXPECT_EQ(console.err, "poolctl: no key of project x is in the pool\n");
  keyd.error = absl::UnavailableError("KEYD_ADDRESS: nobody there");
  EXPECT_EQ(Run(), kUnreachable);
}

}  // namespace
}  // namespace keypool::cli
