#include "cli/commands.h"

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
using testing::IsEmpty;
using testing::Not;

class CommandsTest : public testing::Test {
 protected:
  ExitCode Run(Command command) {
    options.command = command;
    return RunCommand(options, keyd, console, SystemClock(), absl::UTCTimeZone());
  }
  Options options;
  FakeAdminClient keyd;
  FakeConsole console;
};

TEST_F(CommandsTest, StatusShowsSummaryAndEveryKeyOfEveryPage) {
  keyd.pool = SamplePool();
  keyd.page_max = 1;
  EXPECT_EQ(Run(Command::kStatus), kDone);
  EXPECT_THAT(console.out, AllOf(HasSubstr("3 keys in 2 projects"), HasSubstr("key_1"),
                                 HasSubstr("key_2"), HasSubstr("key_3")));
  EXPECT_THAT(keyd.calls, ElementsAre("status after key_0 of ", "status after key_1 of ",
                                      "status after key_2 of "));
}

TEST_F(CommandsTest, StatusIsColouredOnlyWhereColoursShow) {
  keyd.pool = SamplePool();
  EXPECT_EQ(Run(Command::kStatus), kDone);
  EXPECT_THAT(console.out, Not(HasSubstr("\x1b")));
  console.screen = {true, true, 80, 24};
  EXPECT_EQ(Run(Command::kStatus), kDone);
  EXPECT_THAT(console.out, HasSubstr("\x1b[32mready"));
}

TEST_F(CommandsTest, StatusAsJsonIsOneObjectWithStableNames) {
  keyd.pool = SamplePool();
  keyd.pool.keys.resize(1);
  keyd.pool.keys[0].buckets.resize(1);
  options.json = true;
  EXPECT_EQ(Run(Command::kStatus), kDone);
  EXPECT_EQ(
      console.out,
      "{\"now\":\"2026-11-22T13:00:00.000Z\",\"epoch\":3,\"keys_total\":3,\"keys_active\":2,"
      "\"keys_usable\":1,\"projects_total\":2,\"leases_open\":1,"
      "\"day_resets_at\":\"2026-11-23T08:00:00.000Z\",\"advice\":null,\"keys\":[{\"key_id\":\"key_"
      "1\","
      "\"project_id\":\"team-a\",\"masked_secret\":\"AIza\u2026aaaa\",\"state\":\"active\","
      "\"disabled_reason\":null,\"disabled_at\":null,\"retry_at\":null,\"added_at\":\"2026-11-"
      "21T13:00:00.000Z\","
      "\"last_used_at\":\"2026-11-22T12:59:59.000Z\",\"buckets\":[{\"model\":\"gemini-2.5-flash\","
      "\"state\":\"ready\",\"ready_at\":null,\"reason\":null,"
      "\"requests_per_minute\":{\"used\":3,\"limit\":10,\"source\":\"default\","
      "\"learned_at\":null},"
      "\"requests_per_day\":{\"used\":12,\"limit\":250,\"source\":\"default\","
      "\"learned_at\":null},"
      "\"input_tokens_per_minute\":{\"used\":0,\"limit\":null,\"source\":\"default\","
      "\"learned_at\":null},"
      "\"input_tokens_per_day\":{\"used\":0,\"limit\":null,\"source\":\"default\","
      "\"learned_at\":null}}]}]}\n");
}

TEST_F(CommandsTest, StatusOfOneKeyAsksForItAlone) {
  keyd.pool = SamplePool();
  options.key = KeyId{3};
  options.model = "m";
  EXPECT_EQ(Run(Command::kStatus), kDone);
  EXPECT_THAT(console.out, AllOf(HasSubstr("key_3"), Not(HasSubstr("key_1"))));
  EXPECT_THAT(keyd.calls, ElementsAre("key key_3 of m"));
  options.key = KeyId{9};
  EXPECT_EQ(Run(Command::kStatus), kRefused);
  EXPECT_EQ(console.err, "poolctl: there is no key_9\n");
}

TEST_F(CommandsTest, WatchAppendsWithoutATerminalAndGoesOnAfterARestart) {
  keyd.watches = {{SamplePool()}, {SamplePool(), SamplePool()}};
  keyd.watch_end = absl::PermissionDeniedError("no more");
  options.watch = true;
  EXPECT_EQ(Run(Command::kStatus), kRefused);
  EXPECT_EQ(console.pauses, 1);
  EXPECT_THAT(console.err, AllOf(HasSubstr("keyd is away"), HasSubstr("no more")));
  std::size_t times = 0;
  for (std::size_t at = 0; (at = console.out.find("3 keys in", at)) != std::string::npos; ++at) {
    ++times;
  }
  EXPECT_EQ(times, 3u);
  EXPECT_THAT(console.out, Not(HasSubstr("\x1b")));
}

TEST_F(CommandsTest, WatchRedrawsInPlaceAndStaysInsideTheScreen) {
  PoolStatus pool = SamplePool();
  for (std::uint64_t id = 4; id < 100; ++id) {
    pool.keys.push_back(pool.keys[0]);
    pool.keys.back().id = KeyId{id};
  }
  keyd.watches = {{pool}};
  keyd.watch_end = absl::PermissionDeniedError("no more");
  console.screen = {true, false, 60, 10};
  options.watch = true;
  EXPECT_EQ(Run(Command::kStatus), kRefused);
  EXPECT_THAT(console.out, AllOf(HasSubstr("\x1b[H"), HasSubstr("more lines")));
  EXPECT_LE(std::count(console.out.begin(), console.out.end(), '\n'), 10);
}

TEST_F(CommandsTest, WatchOfAKeyThatIsNotThereIsRefused) {
  keyd.watches = {{SamplePool()}};
  options.watch = true;
  options.key = KeyId{9};
  EXPECT_EQ(Run(Command::kStatus), kRefused);
  EXPECT_THAT(keyd.calls, ElementsAre("watch after key_8"));
  EXPECT_THAT(console.err, HasSubstr("there is no key_9"));
}

TEST_F(CommandsTest, AddTakesTheSecretFromPromptInputOrFileAndShowsItMasked) {
  console.can_ask = true;
  console.typed = "AIzaSyTypedTypedTyped";
  options.project = "team-a";
  EXPECT_EQ(Run(Command::kAdd), kDone);
  console.can_ask = false;
  console.files = {{"-", "AIzaSyPipedPipedPiped\r\n"}, {"k.txt", "AIzaSyFiledFiledFiled\n"}};
  options.project = "";
  EXPECT_EQ(Run(Command::kAdd), kDone);
  options.file = "k.txt";
  console.can_ask = true;
  EXPECT_EQ(Run(Command::kAdd), kDone);
  EXPECT_THAT(keyd.calls,
              ElementsAre("add AIza\u2026yped to team-a", "add AIza\u2026iped to its own",
                          "add AIza\u2026iled to its own"));
  EXPECT_THAT(console.out, AllOf(HasSubstr("added key_7 (AIza\u2026yped) to project team-a\n"),
                                 HasSubstr("to a project of its own\n"), Not(HasSubstr("AIzaSy"))));
}

TEST_F(CommandsTest, AddRefusesWhatIsNoSingleSecretWithoutShowingIt) {
  for (const char* text : {"", "\n", "AIzaOne1111\nAIzaTwo2222\n", "AIza spaced", "AIzaKey@p"}) {
    console.files["-"] = text;
    EXPECT_EQ(Run(Command::kAdd), kRefused) << text;
  }
  EXPECT_THAT(keyd.calls, IsEmpty());
  EXPECT_THAT(console.err, Not(HasSubstr("AIza")));
  options.file = "missing.txt";
  EXPECT_EQ(Run(Command::kAdd), kRefused);
  EXPECT_THAT(console.err, HasSubstr("missing.txt"));
}

TEST_F(CommandsTest, RotateMasterKeySaysHowManyAndWhere) {
  keyd.rotated = {12, "/var/lib/keypool/master.key"};
  EXPECT_EQ(Run(Command::kRotateMasterKey), kDone);
  EXPECT_EQ(console.out, "sealed 12 keys with the master key in /var/lib/keypool/master.key\n");
  EXPECT_THAT(keyd.calls, ElementsAre("rotate master key"));
  keyd.error = absl::FailedPreconditionError("MASTER_KEY_FILE: no other key");
  EXPECT_EQ(Run(Command::kRotateMasterKey), kRefused);
  EXPECT_THAT(console.err, HasSubstr("MASTER_KEY_FILE: no other key"));
}

TEST_F(CommandsTest, ChangesSayWhatWasDone) {
  options.key = KeyId{3};
  options.reason = "moved";
  EXPECT_EQ(Run(Command::kDisable), kDone);
  EXPECT_EQ(Run(Command::kEnable), kDone);
  EXPECT_EQ(Run(Command::kReset), kDone);
  EXPECT_EQ(Run(Command::kRemove), kDone);
  EXPECT_EQ(console.out,
            "key_3 is disabled: moved\nkey_3 is active\nreset 5 buckets of the project of key_3\n"
            "removed key_3; its id is never used again\n");
}

TEST_F(CommandsTest, ResetOfEverythingAsksOrNeedsYes) {
  EXPECT_EQ(Run(Command::kReset), kUsage);
  EXPECT_THAT(console.err, HasSubstr("--yes"));
  console.can_ask = true;
  EXPECT_EQ(Run(Command::kReset), kRefused);
  EXPECT_THAT(keyd.calls, IsEmpty());
  console.confirms = true;
  EXPECT_EQ(Run(Command::kReset), kDone);
  console.can_ask = false;
  options.yes = true;
  EXPECT_EQ(Run(Command::kReset), kDone);
  EXPECT_THAT(keyd.calls, ElementsAre("reset all", "reset all"));
}

TEST_F(CommandsTest, ErrorOfKeydBecomesOneLineAndAnExitCode) {
  struct Case {
    absl::Status error;
    ExitCode code;
    const char* says;
  };
  for (const Case& c : {Case{absl::UnavailableError("cannot reach unix:/x"), kUnreachable,
                             "cannot reach unix:/x; start keyd, or name its socket"},
                        Case{absl::DeadlineExceededError("no answer"), kUnreachable, "--timeout"},
                        Case{absl::AlreadyExistsError("key_2 has it"), kRefused, "key_2 has it"},
                        Case{absl::NotFoundError("no\n\x1b[2Jkey"), kRefused, "no??[2Jkey"},
                        Case{absl::InternalError(""), kRefused, "INTERNAL"}}) {
    for (const Command command : {Command::kStatus, Command::kAdd, Command::kRemove,
                                  Command::kDisable, Command::kEnable, Command::kReset}) {
      console.err.clear();
      console.files["-"] = "AIzaSySomething";
      options.key = command == Command::kStatus ? std::nullopt : std::optional(KeyId{1});
      keyd.error = c.error;
      EXPECT_EQ(Run(command), c.code);
      EXPECT_THAT(console.err, AllOf(testing::StartsWith("poolctl: "), HasSubstr(c.says)));
      EXPECT_EQ(std::count(console.err.begin(), console.err.end(), '\n'), 1);
    }
  }
}

}  // namespace
}  // namespace keypool::cli
