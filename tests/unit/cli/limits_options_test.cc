#include "cli/limits_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace keypool::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Read {
  Settings::Parsed parsed;
  Options options;
};

Read ReadAll(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"poolctl", "limits"});
  Read read;
  read.parsed = ReadOptions(static_cast<int>(arguments.size()), arguments.data(),
                            {{"HOME", "/home/u"}}, &read.options);
  return read;
}

TEST(LimitsOptions, SetReadsScopeAndNumbers) {
  const Read all = ReadAll({"set", "--rpm", "5"});
  ASSERT_EQ(all.parsed.next, Settings::Next::kRun) << all.parsed.err;
  EXPECT_EQ(all.options.command, Command::kLimits);
  EXPECT_EQ(all.options.limits_action, LimitsAction::kSet);
  EXPECT_EQ(all.options.limits, (ScopeLimits{{}, {.requests_per_minute = 5}, ""}));
  const Read one = ReadAll({"set", "--tier", "paid", "--model=m", "--rpd", "unlimited", "--tpd=7"});
  EXPECT_EQ(one.options.limits,
            (ScopeLimits{{LimitLevel::kTier, "paid", LimitModels::kOne, "m"},
                         {.requests_per_day = kUnlimited, .input_tokens_per_day = 7},
                         ""}))
      << one.parsed.err;
  const Read project = ReadAll({"set", "--project", "~key_7", "--project-tier", "paid"});
  EXPECT_EQ(project.options.limits,
            (ScopeLimits{{LimitLevel::kProject, "~key_7", LimitModels::kEach, ""}, {}, "paid"}))
      << project.parsed.err;
  const Read together = ReadAll({"set", "--project", "p", "--together", "--tpm", "9"});
  EXPECT_EQ(together.options.limits.scope.models, LimitModels::kTogether) << together.parsed.err;
}

TEST(LimitsOptions, UnsetNamesAllOrSome) {
  const Read all = ReadAll({"unset", "--project", "p", "--model", "m"});
  ASSERT_EQ(all.parsed.next, Settings::Next::kRun) << all.parsed.err;
  EXPECT_EQ(all.options.unset.scope,
            (LimitScopeName{LimitLevel::kProject, "p", LimitModels::kOne, "m"}));
  EXPECT_FALSE(all.options.unset.requests_per_minute || all.options.unset.tier);
  const Read some = ReadAll({"unset", "--project", "p", "--only", "rpd,tpm,project-tier"});
  EXPECT_TRUE(some.options.unset.requests_per_day && some.options.unset.input_tokens_per_minute &&
              some.options.unset.tier)
      << some.parsed.err;
  EXPECT_FALSE(some.options.unset.requests_per_minute || some.options.unset.input_tokens_per_day);
}

TEST(LimitsOptions, TheOthers) {
  EXPECT_TRUE(ReadAll({"list", "--json"}).options.json);
  EXPECT_EQ(ReadAll({"export"}).options.limits_action, LimitsAction::kExport);
  const Read import = ReadAll({"import", "-", "--dry-run"});
  EXPECT_EQ(import.options.limits_action, LimitsAction::kImport);
  EXPECT_EQ(import.options.file, "-");
  EXPECT_TRUE(import.options.dry_run);
}

TEST(LimitsOptions, MistakesNameTheFlag) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{}, "ACTION is missing"},
      {{"show"}, "ACTION: must be list, set, unset, import or export"},
      {{"set"}, "limits set needs what to set: --rpm"},
      {{"set", "--rpm", "0"}, "--rpm: must be a whole number from 1 to 1000000000, or unlimited"},
      {{"set", "--rpd", "-1"}, "--rpd: "},
      {{"set", "--tpm", "1.5"}, "--tpm: must be a whole number from 1 to 1000000000000"},
      {{"set", "--tpd", "none"}, "--tpd: must be"},
      {{"set", "--project", "a b", "--rpm", "1"}, "--project: is no project id"},
      {{"set", "--project", "a", "--tier", "t", "--rpm", "1"}, "--project and --tier: give one"},
      {{"set", "--tier", "a", "--model", "m", "--together", "--rpm", "1"},
       "--model and --together"},
      {{"set", "--together", "--rpm", "1"}, "--together: is said of a project or of a tier"},
      {{"set", "--model", "models/m", "--rpm", "1"}, "--model: must be"},
      {{"set", "--tier", "t", "--project-tier", "u"}, "--project-tier: is said of a project"},
      {{"set", "--rpm", "1", "--only", "rpm", "--dry-run"},
       "--only, --dry-run: limits set takes no such flag"},
      {{"unset", "--rpm", "1"}, "--rpm: limits unset takes no such flag"},
      {{"unset", "--only", "rpm,rpx"}, "--only: must be some of rpm, rpd, tpm, tpd"},
      {{"list", "--tier", "t"}, "--tier: limits list takes no such flag"},
      {{"import"}, "FILE is missing"},
      {{"export", "f"}, "FILE: limits export takes no file"}};
  for (const auto& [arguments, mistake] : cases) {
    const Read read = ReadAll(arguments);
    EXPECT_EQ(read.parsed.exit_code, 2) << mistake;
    EXPECT_THAT(read.parsed.err, HasSubstr(mistake));
  }
}

TEST(LimitsOptions, HelpTeaches) {
  EXPECT_THAT(ReadAll({"--help"}).parsed.out,
              AllOf(HasSubstr("poolctl limits set --project my-project-7 --project-tier paid"),
                    HasSubstr("the narrowest"), HasSubstr("--dry-run"), HasSubstr("unlimited")));
}

}  // namespace
}  // namespace keypool::cli
