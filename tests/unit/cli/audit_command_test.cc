#include "cli/audit_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/fakes/cli/fake_admin_client.h"
#include "tests/fakes/cli/fake_console.h"
#include "tests/fakes/cli/read_options.h"

namespace keypool::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using fakes::ReadLine;

ReadLine ReadAll(std::vector<const char*> arguments) {
  return fakes::ReadCommand("audit", std::move(arguments));
}

AuditRow RowOf(std::uint64_t number, std::string what, std::string result = "ok") {
  AuditRow row;
  row.record.number = number;
  row.record.at = absl::FromUnixSeconds(1'700'000'000);
  row.record.entry = {"uid 1000 (ada)", std::move(what), "key_3"};
  row.record.result = std::move(result);
  row.record.chain.fill(0xab);
  return row;
}

class AuditCommand : public testing::Test {
 protected:
  ExitCode Run(std::vector<const char*> arguments = {}) {
    const ReadLine read = ReadAll(std::move(arguments));
    EXPECT_EQ(read.parsed.next, Settings::Next::kRun) << read.parsed.err;
    return RunCommand(read.options, keyd_, console_, SystemClock(), absl::UTCTimeZone());
  }
  FakeAdminClient keyd_;
  FakeConsole console_;
};

TEST(AuditOptions, AreReadAndMistakesAreTold) {
  const ReadLine read = ReadAll({"--limit", "1000", "--before=4001", "--json"});
  EXPECT_EQ(read.options.command, Command::kAudit);
  EXPECT_EQ(read.options.limit, 1000u);
  EXPECT_EQ(read.options.before, 4001u);
  EXPECT_TRUE(read.options.json);
  EXPECT_EQ(ReadAll({}).options.limit, 50u);
  EXPECT_THAT(ReadAll({"--limit", "1001"}).parsed.err, HasSubstr("--limit"));
  EXPECT_THAT(ReadAll({"--before", "0"}).parsed.err, HasSubstr("--before"));
  EXPECT_THAT(ReadAll({"--help"}).parsed.out, HasSubstr("poolctl audit --verify"));
}

TEST_F(AuditCommand, ShowsWhoWhatAndTheResult) {
  keyd_.audit = {RowOf(4, "remove key", "NOT_FOUND: there is no key_3"),
                 {{.number = 5}, "the record is damaged"},
                 RowOf(6, "add key")};
  EXPECT_EQ(Run(), kDone);
  EXPECT_THAT(keyd_.calls, ElementsAre("audit before 0 at most 50"));
  EXPECT_THAT(console_.out,
              AllOf(HasSubstr("NUMBER"), HasSubstr("uid 1000 (ada)"), HasSubstr("remove key"),
                    HasSubstr("NOT_FOUND: there is no key_3"), HasSubstr("the record is damaged")));
  EXPECT_LT(console_.out.find("remove key"), console_.out.find("add key"));
}

TEST_F(AuditCommand, TextCannotCommandTheTerminal) {
  keyd_.audit = {RowOf(1, "add key")};
  keyd_.audit[0].record.entry.who = "certificate \x1b[31m";
  EXPECT_EQ(Run(), kDone);
  EXPECT_THAT(console_.out, Not(HasSubstr("\x1b")));
}

TEST_F(AuditCommand, JsonHasEverything) {
  keyd_.audit = {RowOf(4, "remove key"), {{.number = 5}, "the record is damaged"}};
  EXPECT_EQ(Run({"--json"}), kDone);
  EXPECT_THAT(console_.out, AllOf(HasSubstr(R"("number":4,"at":"2023-11-14T22:13:20.000Z")"),
                                  HasSubstr(R"("what":"remove key","target":"key_3")"),
                                  HasSubstr("\"who\":\"uid 1000 (ada)\""),
                                  HasSubstr(R"("result":"ok","chain":"abab)"),
                                  HasSubstr(R"({"number":5,"damage":"the record is damaged"})"),
                                  HasSubstr(R"("more":false)")));
}

TEST_F(AuditCommand, IntactIsDone) {
  keyd_.verdict = {12, 1};
  EXPECT_EQ(Run({"--verify"}), kDone);
  EXPECT_EQ(console_.out, "the audit is intact: 12 records, from number 1 on\n");
}

TEST_F(AuditCommand, BrokenIsRefusedWithTheNumberAndWhatToDo) {
  keyd_.verdict = {4, 1, {{5, "the record was changed"}}};
  EXPECT_EQ(Run({"--verify"}), kRefused);
  EXPECT_EQ(console_.out, "");
  EXPECT_THAT(console_.err, AllOf(HasSubstr("broken at record 5: the record was changed"),
                                  HasSubstr("keep a copy")));
  EXPECT_EQ(Run({"--verify", "--json"}), kRefused);
  EXPECT_EQ(console_.out, R"({"intact":false,"records":4,"first":1,)"
                          R"("broken":{"number":5,"why":"the record was changed"}})"
                          "\n");
}

TEST_F(AuditCommand, NothingYetIsSaid) {
  EXPECT_EQ(Run(), kDone);
  EXPECT_THAT(console_.out, HasSubstr("no change has been recorded yet"));
}

TEST_F(AuditCommand, ErrorsAreTold) {
  keyd_.error = absl::UnavailableError("keyd does not answer");
  EXPECT_EQ(Run(), kUnreachable);
  EXPECT_EQ(Run({"--verify"}), kUnreachable);
}

}  // namespace
}  // namespace keypool::cli
