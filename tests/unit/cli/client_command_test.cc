#include "cli/client_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  return fakes::ReadCommand("client", std::move(arguments));
}

TEST(ClientOptions, AddReadsTerms) {
  const ReadLine read =
      ReadAll({"add", "team-a", "--rpm", "20", "--rpd=5000", "--tpd", "unlimited", "--models",
               "gemini-2.5-*, x", "--expires", "30d", "--weight", "3"});
  ASSERT_EQ(read.parsed.next, Settings::Next::kRun) << read.parsed.err;
  EXPECT_EQ(read.options.command, Command::kClient);
  EXPECT_EQ(read.options.client_action, ClientAction::kAdd);
  EXPECT_EQ(read.options.client_name, "team-a");
  EXPECT_EQ(read.options.client_terms,
            (ClientChange{.requests_per_minute = 20,
                          .requests_per_day = 5000,
                          .input_tokens_per_day = kUnlimited,
                          .models = std::vector<std::string>{"gemini-2.5-*", "x"},
                          .expires_in = absl::Hours(24 * 30),
                          .weight = 3}));
  const ReadLine every = ReadAll({"limits", "a", "--models", "*", "--expires", "never"});
  EXPECT_EQ(every.options.client_terms, (ClientChange{.models = std::vector<std::string>{},
                                                      .expires_in = absl::InfiniteDuration()}))
      << every.parsed.err;
}

TEST(ClientOptions, RotateHasAnOverlap) {
  EXPECT_EQ(ReadAll({"rotate", "a"}).options.overlap, absl::Hours(24));
  EXPECT_EQ(ReadAll({"rotate", "a", "--overlap", "0s"}).options.overlap, absl::ZeroDuration());
  EXPECT_EQ(ReadAll({"rotate", "a", "--overlap", "7d"}).options.overlap, absl::Hours(24 * 7));
}

TEST(ClientOptions, MistakesAreToldWithTheFix) {
  const std::pair<std::vector<const char*>, const char*> mistakes[] = {
      {{"make", "a"}, "ACTION: must be add, list"},
      {{"add"}, "NAME is missing"},
      {{"add", "10.0.0.1"}, "NAME: must be a letter"},
      {{"list", "a"}, "NAME: client list takes none"},
      {{"add", "a", "--rpm", "0"}, "--rpm: must be a whole number from 1"},
      {{"add", "a", "--weight", "101"}, "--weight: must be"},
      {{"add", "a", "--models", "a b"}, "--models: must be"},
      {{"add", "a", "--expires", "30"}, "--expires: must be"},
      {{"add", "a", "--expires", "0d"}, "--expires: must be"},
      {{"rotate", "a", "--overlap", "91d"}, "--overlap: must be"},
      {{"rotate", "a", "--rpm", "5"}, "--rpm: client rotate takes no such flag"},
      {{"limits", "a"}, "client limits needs what to set"}};
  for (const auto& [arguments, message] : mistakes) {
    const ReadLine read = ReadAll(arguments);
    EXPECT_EQ(read.parsed.exit_code, 2) << message;
    EXPECT_THAT(read.parsed.err, HasSubstr(message));
  }
  EXPECT_THAT(ReadAll({"--help"}).parsed.out,
              AllOf(HasSubstr("poolctl client rotate team-a"), HasSubstr("--overlap")));
}

class ClientCommandTest : public testing::Test {
 protected:
  ExitCode Run(ClientAction action) {
    options.command = Command::kClient;
    options.client_action = action;
    options.client_name = "team-a";
    return RunClient(options, keyd, console, absl::UTCTimeZone());
  }
  FakeAdminClient keyd;
  FakeConsole console;
  Options options;
};

TEST_F(ClientCommandTest, AddPrintsTheTokenAlone) {
  options.client_terms = {.requests_per_minute = 5, .weight = 2};
  EXPECT_EQ(Run(ClientAction::kAdd), kDone);
  EXPECT_EQ(console.out, std::string(FakeAdminClient::kToken) + "\n");
  EXPECT_THAT(console.err, AllOf(HasSubstr("shown this once"), Not(HasSubstr("gkp_"))));
  EXPECT_THAT(keyd.calls, ElementsAre("add client team-a rpm 5 weight 2"));
}

TEST_F(ClientCommandTest, RotateSaysHowLongTheOldOneStays) {
  options.overlap = absl::Hours(2);
  EXPECT_EQ(Run(ClientAction::kRotate), kDone);
  EXPECT_EQ(console.out, std::string(FakeAdminClient::kToken) + "\n");
  EXPECT_THAT(console.err, HasSubstr("The one before stays good for 2h"));
  options.json = true;
  EXPECT_EQ(Run(ClientAction::kRotate), kDone);
  EXPECT_THAT(console.out, HasSubstr("\"token\":\"gkp_ATokenThatIsShownOnce\""));
}

TEST_F(ClientCommandTest, ListAndShowTellWhatIsUsed) {
  ClientStatus a = FakeAdminClient::Named("team-a");
  a.terms = {.requests_per_minute = 5, .models = {"m*"}};
  a.added_at = absl::FromUnixSeconds(1'700'000'000);
  a.used_this_minute = 3;
  a.used_today = 17;
  a.tokens = {{a.added_at, std::nullopt}};
  ClientStatus b = FakeAdminClient::Named("team-b");
  b.state = ClientState::kRevoked;
  keyd.clients = {a, b};
  keyd.page_max = 1;
  EXPECT_EQ(Run(ClientAction::kList), kDone);
  EXPECT_THAT(console.out, AllOf(HasSubstr("team-a  active   3/5  17"), HasSubstr("m*"),
                                 HasSubstr("team-b  revoked")));
  EXPECT_THAT(keyd.calls, ElementsAre("clients", "clients after team-a"));
  console.out.clear();
  EXPECT_EQ(Run(ClientAction::kShow), kDone);
  EXPECT_THAT(console.out, AllOf(HasSubstr("requests this minute: 3 of 5"),
                                 HasSubstr("requests today: 17 of unlimited"),
                                 HasSubstr("token of 2023-11-14 22:13")));
  console.out.clear();
  options.json = true;
  EXPECT_EQ(Run(ClientAction::kShow), kDone);
  EXPECT_EQ(console.out,
            "{\"name\":\"team-a\",\"state\":\"active\",\"requests_per_minute\":5,"
            "\"requests_per_day\":null,\"input_tokens_per_day\":null,\"models\":[\"m*\"],"
            "\"weight\":1,\"added_at\":\"2023-11-14T22:13:20.000Z\",\"expires_at\":null,"
            "\"revoked_at\":null,\"tokens\":[{\"made_at\":\"2023-11-14T22:13:20.000Z\","
            "\"valid_until\":null}],\"used_this_minute\":3,\"used_today\":17,"
            "\"input_tokens_today\":0}\n");
}

TEST_F(ClientCommandTest, ChangesSayWhatIsSoNowAndErrorsHaveTheirCodes) {
  EXPECT_EQ(Run(ClientAction::kRevoke), kDone);
  EXPECT_EQ(Run(ClientAction::kRemove), kDone);
  EXPECT_EQ(console.out,
            "team-a is revoked: no token of it is good any more\nteam-a is forgotten\n");
  console.out.clear();
  EXPECT_EQ(Run(ClientAction::kList), kDone);
  EXPECT_THAT(console.out, HasSubstr("no client yet"));
  keyd.error = absl::NotFoundError("there is no client team-a");
  EXPECT_EQ(Run(ClientAction::kShow), kRefused);
  keyd.error = absl::UnavailableError("KEYD_ADDRESS: nobody there");
  EXPECT_EQ(Run(ClientAction::kAdd), kUnreachable);
}

}  // namespace
}  // namespace keypool::cli
