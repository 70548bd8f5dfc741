#include "cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keypool::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Read {
  Settings::Parsed parsed;
  Options options;
};

Read ReadAll(std::vector<const char*> arguments,
             const Settings::Environment& environment = {{"HOME", "/home/u"}}) {
  arguments.insert(arguments.begin(), "poolctl");
  Read read;
  read.parsed =
      ReadOptions(static_cast<int>(arguments.size()), arguments.data(), environment, &read.options);
  return read;
}

TEST(Options, AddressIsTheFlagThenTheEnvironmentThenTheSocketInTheDataDir) {
  EXPECT_EQ(ReadAll({"status"}).options.address, "unix:/home/u/.local/state/keypool/keyd.sock");
  EXPECT_EQ(ReadAll({"status"}, {{"DATA_DIR", "/d"}}).options.address, "unix:/d/keyd.sock");
  EXPECT_EQ(ReadAll({"status"}, {{"KEYD_ADDRESS", "unix:/e"}}).options.address, "unix:/e");
  EXPECT_EQ(
      ReadAll({"status", "--address", "unix:/f"}, {{"KEYD_ADDRESS", "unix:/e"}}).options.address,
      "unix:/f");
}

TEST(Options, EachCommandHasItsOwn) {
  const Read status = ReadAll({"status", "key_3", "--model", "m", "--json", "--watch"});
  ASSERT_EQ(status.parsed.next, Settings::Next::kRun) << status.parsed.err;
  EXPECT_EQ(status.options.key, KeyId{3});
  EXPECT_EQ(status.options.model, "m");
  EXPECT_TRUE(status.options.json && status.options.watch);
  const Read add = ReadAll({"--timeout=1.5", "add", "--project=p", "--file", "-"});
  EXPECT_EQ(add.options.command, Command::kAdd);
  EXPECT_EQ(add.options.project, "p");
  EXPECT_EQ(add.options.file, "-");
  EXPECT_EQ(add.options.timeout, absl::Milliseconds(1500));
  const Read disable = ReadAll({"disable", "key_9", "--reason", "a b"});
  EXPECT_EQ(disable.options.command, Command::kDisable);
  EXPECT_EQ(disable.options.reason, "a b");
  const Read explain = ReadAll({"explain", "--model=m", "--project", "p", "--json"});
  EXPECT_EQ(explain.options.command, Command::kExplain);
  EXPECT_EQ(explain.options.model, "m");
  EXPECT_EQ(explain.options.project, "p");
  const Read events = ReadAll({"events", "--limit", "7", "--follow"});
  EXPECT_EQ(events.options.command, Command::kEvents);
  EXPECT_EQ(events.options.limit, 7u);
  EXPECT_TRUE(events.options.follow);
  EXPECT_EQ(ReadAll({"events"}).options.limit, 50u);
  const Read reset = ReadAll({"reset", "--yes"});
  EXPECT_EQ(reset.options.key, std::nullopt);
  EXPECT_TRUE(reset.options.yes);
  const Read usage = ReadAll({"usage", "--by=client", "--days", "90", "--hourly", "--csv"});
  ASSERT_EQ(usage.parsed.next, Settings::Next::kRun) << usage.parsed.err;
  EXPECT_EQ(usage.options.command, Command::kUsage);
  EXPECT_EQ(usage.options.by, UsageDimension::kClient);
  EXPECT_EQ(usage.options.days, 90);
  EXPECT_TRUE(usage.options.hourly && usage.options.csv);
  EXPECT_EQ(ReadAll({"usage"}).options.by, UsageDimension::kProject);
  EXPECT_EQ(ReadAll({"usage"}).options.days, 7);
}

TEST(Options, SecretOnTheCommandLineIsRefusedAndNotShown) {
  for (const std::vector<const char*>& arguments :
       std::vector<std::vector<const char*>>{{"add", "AIzaSyNotToBeShown"},
                                             {"add", "--project", "p", "AIzaSyNotToBeShown"},
                                             {"add", "--secret", "AIzaSyNotToBeShown"},
                                             {"add", "--key=AIzaSyNotToBeShown"},
                                             {"remove", "AIzaSyNotToBeShown"},
                                             {"AIzaSyNotToBeShown"}}) {
    const Read read = ReadAll(arguments);
    EXPECT_EQ(read.parsed.exit_code, 2);
    EXPECT_THAT(read.parsed.err, AllOf(Not(HasSubstr("AIza")), Not(testing::IsEmpty())));
  }
  EXPECT_THAT(ReadAll({"add", "x"}).parsed.err, HasSubstr("process list"));
}

TEST(Options, MistakesNameTheFix) {
  EXPECT_THAT(ReadAll({"remove"}).parsed.err, HasSubstr("KEY is missing"));
  EXPECT_THAT(ReadAll({"remove", "3"}).parsed.err, HasSubstr("ids look like key_1"));
  EXPECT_THAT(ReadAll({"add", "--project=-x"}).parsed.err, HasSubstr("--project: is no project"));
  EXPECT_THAT(ReadAll({"explain"}).parsed.err, HasSubstr("--model is missing"));
  EXPECT_THAT(ReadAll({"explain", "--model=m", "--project=-x"}).parsed.err,
              HasSubstr("--project: is no project"));
  for (const char* limit : {"0", "1001", "x", "-1"}) {
    EXPECT_THAT(ReadAll({"events", "--limit", limit}).parsed.err,
                HasSubstr("--limit: must be a whole number from 1 to 1000"));
  }
  EXPECT_THAT(ReadAll({"status", "--address=localhost:1"}).parsed.err,
              HasSubstr("is neither unix:/path/to/keyd.sock nor tls://host:port"));
  EXPECT_THAT(ReadAll({"usage", "--by=moon"}).parsed.err,
              HasSubstr("--by: must be key, project, model or client"));
  for (const char* days : {"--days=0", "--days=91", "--days=x", "--days="}) {
    EXPECT_THAT(ReadAll({"usage", days}).parsed.err, HasSubstr("--days: ")) << days;
  }
  EXPECT_THAT(ReadAll({"usage", "--daily", "--hourly"}).parsed.err, HasSubstr("one of the two"));
  EXPECT_THAT(ReadAll({"usage", "--json", "--csv"}).parsed.err, HasSubstr("one of the two"));
  EXPECT_THAT(ReadAll({"status", "--timeout=0"}).parsed.err, HasSubstr("0.1 to 600 seconds"));
}

TEST(Options, EveryCommandHasAHelpWithAnExample) {
  for (const char* command :
       {"status", "add", "remove", "disable", "enable", "reset", "usage", "explain", "events"}) {
    const Read read = ReadAll({command, "--help"});
    EXPECT_EQ(read.parsed.exit_code, 0);
    EXPECT_THAT(read.parsed.out,
                AllOf(HasSubstr(std::string("  poolctl ") + command), HasSubstr("KEYD_ADDRESS")));
  }
}

}  // namespace
}  // namespace keypool::cli
