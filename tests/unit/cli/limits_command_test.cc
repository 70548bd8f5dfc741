#include "cli/limits_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/limits_toml.h"
#include "tests/fakes/cli/fake_admin_client.h"
#include "tests/fakes/cli/fake_console.h"

namespace keypool::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LimitsCommand : public testing::Test {
 protected:
  LimitsCommand() {
    options.command = Command::kLimits;
    keyd.limits = {
        {LimitOrigin::kDefault,
         {{},
          {.requests_per_minute = 10,
           .requests_per_day = 250,
           .input_tokens_per_minute = 250'000,
           .input_tokens_per_day = kUnlimited},
          ""}},
        {LimitOrigin::kFile,
         {{LimitLevel::kTier, "paid", LimitModels::kOne, "m \"1\""},
          {.requests_per_minute = 150},
          ""}},
        {LimitOrigin::kOperator,
         {{LimitLevel::kProject, "a", LimitModels::kEach, ""}, {.requests_per_day = 0}, "paid"}},
        {LimitOrigin::kOperator,
         {{LimitLevel::kProject, "a", LimitModels::kTogether, ""},
          {.input_tokens_per_minute = kUnlimited},
          ""}}};
  }
  ExitCode Run(LimitsAction action) {
    options.limits_action = action;
    return RunCommand(options, keyd, console, SystemClock(), absl::UTCTimeZone());
  }
  Options options;
  FakeAdminClient keyd;
  FakeConsole console;
};

TEST_F(LimitsCommand, ListShowsEveryRowOfEveryPage) {
  keyd.page_max = 2;
  EXPECT_EQ(Run(LimitsAction::kList), kDone);
  EXPECT_EQ(console.out,
            "SCOPE                  MODEL         RPM  TPM        RPD  TPD        SOURCE\n"
            "every project          each          10   250000     250  unlimited  default\n"
            "tier paid              m \"1\"         150  -          -    -          file\n"
            "project a (tier paid)  each          -    -          0    -          operator\n"
            "project a              all together  -    unlimited  -    -          operator\n");
  EXPECT_THAT(keyd.calls, ElementsAre("limits", "limits after tier paid, model m \"1\""));
}

TEST_F(LimitsCommand, ListAsJsonIsOneObjectWithStableNames) {
  options.json = true;
  keyd.limits.erase(keyd.limits.begin(), keyd.limits.begin() + 2);
  EXPECT_EQ(Run(LimitsAction::kList), kDone);
  EXPECT_EQ(console.out,
            "{\"limits\":[{\"source\":\"operator\",\"project_id\":\"a\",\"tier\":null,"
            "\"model\":null,\"all_models\":false,\"requests_per_minute\":null,"
            "\"requests_per_day\":0,\"input_tokens_per_minute\":null,"
            "\"input_tokens_per_day\":null,\"project_tier\":\"paid\"},"
            "{\"source\":\"operator\",\"project_id\":\"a\",\"tier\":null,\"model\":null,"
            "\"all_models\":true,\"requests_per_minute\":null,\"requests_per_day\":null,"
            "\"input_tokens_per_minute\":\"unlimited\",\"input_tokens_per_day\":null,"
            "\"project_tier\":null}]}\n");
}

TEST_F(LimitsCommand, ExportIsTomlOfWhatWasSet) {
  EXPECT_EQ(Run(LimitsAction::kExport), kDone);
  EXPECT_EQ(console.out,
            "# Limits that were set at run time, for `poolctl limits import` or LIMITS_FILE.\n"
            "\n[tiers.\"paid\"]\n"
            "\n[projects.\"a\"]\ntier = \"paid\"\nrequests_per_day = 0\n"
            "\n[projects.\"a\".all_models]\ninput_tokens_per_minute = \"unlimited\"\n");
}

TEST_F(LimitsCommand, SetSaysWhatIsSetNow) {
  options.limits = {
      {LimitLevel::kProject, "a", LimitModels::kEach, ""}, {.requests_per_minute = 5}, "paid"};
  EXPECT_EQ(Run(LimitsAction::kSet), kDone);
  EXPECT_EQ(console.out, "project a: tier paid, 5 requests a minute\n");
  EXPECT_THAT(keyd.calls, ElementsAre("set project a: 5 requests a minute of tier paid"));
}

TEST_F(LimitsCommand, UnsetSaysWhatIsLeft) {
  options.unset.scope = {LimitLevel::kTier, "paid", LimitModels::kOne, "m"};
  options.unset.requests_per_minute = true;
  keyd.unset_leaves.requests_per_day = 100;
  EXPECT_EQ(Run(LimitsAction::kUnset), kDone);
  keyd.unset_leaves = {};
  EXPECT_EQ(Run(LimitsAction::kUnset), kDone);
  EXPECT_EQ(console.out,
            "tier paid, model m: 100 requests a day\n"
            "tier paid, model m: nothing is set\n");
  EXPECT_EQ(keyd.calls[0], "unset tier paid, model m rpm");
}

TEST_F(LimitsCommand, ImportHandsTheTextOver) {
  console.files = {{"team.toml", "T"}, {"-", "S"}};
  options.file = "team.toml";
  options.dry_run = true;
  EXPECT_EQ(Run(LimitsAction::kImport), kDone);
  options.file = "-";
  options.dry_run = false;
  EXPECT_EQ(Run(LimitsAction::kImport), kDone);
  EXPECT_THAT(keyd.calls, ElementsAre("try team.toml: T", "import standard input: S"));
  EXPECT_EQ(console.out,
            "no mistakes; limits of 12 scopes would be set, in place of 3\n"
            "set limits of 12 scopes, in place of 3\n");
}

TEST_F(LimitsCommand, EveryMistakeOfATextHasALine) {
  console.files = {{"f", "T"}};
  options.file = "f";
  keyd.error = absl::InvalidArgumentError("f:2: one\nf:7: two");
  EXPECT_EQ(Run(LimitsAction::kImport), kRefused);
  EXPECT_EQ(console.err, "poolctl: f:2: one\npoolctl: f:7: two\n");
}

TEST_F(LimitsCommand, EndsWithTheCodeOfTheError) {
  options.file = "nowhere";
  EXPECT_EQ(Run(LimitsAction::kImport), kRefused);
  EXPECT_THAT(console.err, HasSubstr("cannot open the file \"nowhere\""));
  keyd.error = absl::UnavailableError("KEYD_ADDRESS: nobody there");
  EXPECT_EQ(Run(LimitsAction::kList), kUnreachable);
  EXPECT_EQ(Run(LimitsAction::kSet), kUnreachable);
}

}  // namespace
}  // namespace keypool::cli
