#include "cli/admin_token_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/fakes/cli/fake_admin_client.h"
#include "tests/fakes/cli/fake_console.h"

namespace keypool::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class AdminTokenCommand : public testing::Test {
 protected:
  // Reads the command line behind "admin-token", and runs it if it is right.
  int Run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"poolctl", "admin-token"});
    Options options;
    const Settings::Parsed parsed = ReadOptions(static_cast<int>(arguments.size()),
                                                arguments.data(), {{"HOME", "/home/u"}}, &options);
    console.out = parsed.out;
    console.err = parsed.err;
    if (parsed.next == Settings::Next::kExit) return parsed.exit_code;
    EXPECT_EQ(options.command, Command::kAdminToken);
    return RunAdminToken(options, keyd, console, absl::UTCTimeZone());
  }
  FakeAdminClient keyd;
  FakeConsole console;
};

TEST_F(AdminTokenCommand, AddPrintsTheTokenAlone) {
  EXPECT_EQ(Run({"add", "ops"}), kDone);
  EXPECT_EQ(console.out, std::string(FakeAdminClient::kAdminToken) + "\n");
  EXPECT_THAT(console.err, AllOf(HasSubstr("shown this once"), HasSubstr("Authorization: Bearer"),
                                 Not(HasSubstr("gka_"))));
  EXPECT_EQ(Run({"add", "ci", "--expires", "30d", "--json"}), kDone);
  EXPECT_THAT(console.out, AllOf(HasSubstr("{\"admin_token\":{\"name\":\"ci\""),
                                 HasSubstr("\"token\":\"gka_ATokenThatIsShownOnce\"}")));
  EXPECT_THAT(keyd.calls,
              ElementsAre("add admin token ops for inf", "add admin token ci for 720h"));
}

TEST_F(AdminTokenCommand, RotateSaysHowLongTheOldOneStays) {
  EXPECT_EQ(Run({"rotate", "ops", "--overlap", "2h"}), kDone);
  EXPECT_THAT(console.err, HasSubstr("The one before stays good for 2h"));
  EXPECT_EQ(Run({"rotate", "ops", "--overlap", "0s", "--expires", "never"}), kDone);
  EXPECT_THAT(console.err, Not(HasSubstr("The one before")));
  EXPECT_THAT(keyd.calls, ElementsAre("rotate admin token ops over 2h",
                                      "rotate admin token ops over 0 for inf"));
}

TEST_F(AdminTokenCommand, ListShowsNamesAndEndsAndNoToken) {
  EXPECT_EQ(Run({"list"}), kDone);
  EXPECT_THAT(console.out, HasSubstr("no admin token yet"));
  AdminTokenStatus status;
  status.name = "ops";
  status.added_at = absl::FromUnixSeconds(1'700'000'000);
  status.expires = absl::FromUnixSeconds(1'800'000'000);
  status.expired = true;
  status.tokens = {{status.added_at, std::nullopt}};
  keyd.admin_tokens = {status};
  EXPECT_EQ(Run({"list"}), kDone);
  EXPECT_THAT(console.out, HasSubstr("ops   expired  2023-11-14 22:13  2027-01-15 08:00  1"));
  EXPECT_EQ(Run({"list", "--json"}), kDone);
  EXPECT_EQ(console.out,
            "{\"admin_tokens\":[{\"name\":\"ops\",\"state\":\"expired\","
            "\"added_at\":\"2023-11-14T22:13:20.000Z\",\"expires_at\":\"2027-01-15T08:00:00.000Z\","
            "\"tokens\":[{\"made_at\":\"2023-11-14T22:13:20.000Z\",\"valid_until\":null}]}]}\n");
}

TEST_F(AdminTokenCommand, RevokeSaysWhatIsSoNowAndErrorsHaveTheirCodes) {
  EXPECT_EQ(Run({"revoke", "ops"}), kDone);
  EXPECT_EQ(console.out, "ops is revoked: no token of it is good any more\n");
  keyd.error = absl::NotFoundError("there is no admin token ops");
  for (const char* action : {"add", "rotate", "revoke"}) {
    EXPECT_EQ(Run({action, "ops"}), kRefused) << action;
    EXPECT_THAT(console.err, HasSubstr("there is no admin token ops"));
  }
}

TEST_F(AdminTokenCommand, MistakesAreToldWithTheFix) {
  const std::pair<std::vector<const char*>, const char*> mistakes[] = {
      {{"make", "a"}, "ACTION: must be add, list, rotate or revoke"},
      {{"add"}, "NAME is missing: which admin token"},
      {{"add", "10.0.0.1"}, "NAME: must be a letter"},
      {{"list", "a"}, "NAME: admin-token list takes none"},
      {{"add", "a", "--expires", "30"}, "--expires: must be"},
      {{"add", "a", "--overlap", "1h"}, "--overlap: admin-token add takes no such flag"},
      {{"rotate", "a", "--overlap", "91d"}, "--overlap: must be"},
      {{"revoke", "a", "--expires", "1d"}, "--expires: admin-token revoke takes no such flag"}};
  for (const auto& [arguments, message] : mistakes) {
    EXPECT_EQ(Run(arguments), kUsage) << message;
    EXPECT_THAT(console.err, HasSubstr(message));
  }
  EXPECT_TRUE(keyd.calls.empty());
}

}  // namespace
}  // namespace keypool::cli
