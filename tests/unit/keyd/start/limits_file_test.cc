#include "keyd/limits_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "cli/limits_toml.h"

namespace keypool {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Error(std::string_view text) {
  const auto rules = ParseLimits(text, "file");
  return rules.ok() ? "none" : std::string(rules.status().message());
}

TEST(LimitsFile, EveryScopeIsRead) {
  const auto rules = ParseLimits(R"(
[default]
requests_per_minute = 20
[models."gemini-2.5-pro"]
requests_per_minute = 5
[tiers.paid.models."gemini-2.5-pro"]
requests_per_minute = 150
[projects.my-project]
tier = "paid"
requests_per_day = 1000
[projects.my-project.models."gemini-2.5-flash"]
requests_per_day = "unlimited"
)",
                                 "file");
  ASSERT_TRUE(rules.ok()) << rules.status();
  const policy::Limits defaults;
  const auto of = [&](std::string_view project, std::string_view model) {
    return LimitsFor(*rules, defaults, project, model).limits;
  };
  EXPECT_EQ(of("other", "m"), (policy::Limits{20, 250}));
  EXPECT_EQ(of("other", "gemini-2.5-pro"), (policy::Limits{5, 250}));
  EXPECT_EQ(of("my-project", "gemini-2.5-pro"), (policy::Limits{150, 1000}));
  EXPECT_EQ(of("my-project", "gemini-2.5-flash"), (policy::Limits{20, kUnlimited}));
}

TEST(LimitsFile, TokensAndLimitsOverAllModelsAreRead) {
  const auto rules = ParseLimits(R"(
[default]
input_tokens_per_minute = 1000000
[tiers.paid.all_models]
requests_per_minute = 300
input_tokens_per_day = 50000000000
[projects.p]
tier = "paid"
input_tokens_per_day = "unlimited"
[projects.p.all_models]
requests_per_minute = 200
)",
                                 "file");
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ(LimitsFor(*rules, {}, "p", "m").limits.input_tokens_per_minute, 1'000'000);
  EXPECT_EQ(LimitsFor(*rules, {}, "p", "m").limits.input_tokens_per_day, kUnlimited);
  const auto together = LimitsTogether(*rules, "p");
  ASSERT_TRUE(together.has_value());
  EXPECT_EQ(*together, (policy::Limits{200, kUnlimited, kUnlimited, 50'000'000'000}));
  EXPECT_THAT(Error("[tiers.t.all_models]\nmodels = 5"), HasSubstr("is not known here"));
  EXPECT_THAT(Error("[default.all_models]\n"), HasSubstr("is not known here"));
  EXPECT_THAT(Error("[default]\ninput_tokens_per_day = 0"), HasSubstr("from 1 to"));
}

TEST(LimitsFile, WhatPoolctlExportsSaysTheSame) {
  const std::vector<ScopeLimits> said = {
      {{}, {.requests_per_minute = 1, .requests_per_day = 0}, ""},
      {{LimitLevel::kEverywhere, "", LimitModels::kOne, R"(a "b\c". 模型)"},
       {.input_tokens_per_minute = 7},
       ""},
      {{LimitLevel::kTier, "tier 1", LimitModels::kTogether, ""},
       {.input_tokens_per_day = kUnlimited},
       ""},
      {{LimitLevel::kProject, "p.q:r-s", LimitModels::kEach, ""}, {.requests_per_minute = 4}, "t"},
      {{LimitLevel::kProject, "p.q:r-s", LimitModels::kOne, "m"}, {.requests_per_minute = 5}, ""},
      {{LimitLevel::kProject, "q", LimitModels::kOne, "m"}, {.requests_per_minute = 5}, ""},
      {{LimitLevel::kProject, "~key_7", LimitModels::kEach, ""}, {}, "tier 1"}};
  const auto back = ParseLimitScopes(cli::LimitsToml(said), "exported");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, said);
  EXPECT_TRUE(ParseLimitScopes(cli::LimitsToml({}), "exported")->empty());
}

TEST(LimitsFile, NamesHaveBounds) {
  EXPECT_THAT(Error("[tiers.\"\"]"), HasSubstr("file:1: a tier is named"));
  EXPECT_THAT(Error("[tiers.\"a\\nb\"]"), HasSubstr("a tier is named"));
  EXPECT_THAT(Error("[tiers." + std::string(129, 't') + "]"), HasSubstr("a tier is named"));
  EXPECT_THAT(Error("[models.\"a\\nb\"]"), HasSubstr("a model is named"));
}

TEST(LimitsFile, EmptyFileSaysNothing) { EXPECT_TRUE(ParseLimits("", "file").ok()); }

TEST(LimitsFile, EveryMistakeIsToldWithItsLine) {
  const std::string error = Error(R"([default]
requests_per_minute = 0
requests_per_hour = 5
[models."models/gemini-2.5-pro"]
requests_per_day = 1
[projects.my-project]
tier = "nowhere"
[projects."bad project"]
[quota]
)");
  EXPECT_THAT(error, AllOf(HasSubstr("file:2: \"requests_per_minute\" must be"),
                           HasSubstr("file:3: \"requests_per_hour\" is not known here"),
                           HasSubstr("without \"models/\""),
                           HasSubstr("file:7: there is no [tiers.nowhere]"),
                           HasSubstr("\"bad project\" is no project id"),
                           HasSubstr("\"quota\" is not known here")));
}

TEST(LimitsFile, WrongKindsAreMistakes) {
  EXPECT_THAT(Error("default = 5"), HasSubstr("must be a table"));
  EXPECT_THAT(Error("[default]\nrequests_per_day = -1"), HasSubstr("from 0 to"));
  EXPECT_THAT(Error("[default]\nrequests_per_day = 1.5"), HasSubstr("from 0 to"));
  EXPECT_THAT(Error("[default]\nrequests_per_day = \"many\""), HasSubstr("\"unlimited\""));
  EXPECT_THAT(Error("[projects.p]\ntier = 5\n"), HasSubstr("tier (a text)"));
  EXPECT_THAT(Error("[models]\nm = 5"), HasSubstr("must be a table"));
  EXPECT_THAT(Error("tiers = []"), HasSubstr("must be a table"));
}

TEST(LimitsFile, BrokenTomlIsToldWithItsLine) {
  EXPECT_THAT(Error("[default]\nrequests_per_day = \n"), HasSubstr("file:2: "));
}

// toml++ asserts that a key stands here: the text of an import must not end keyd.
TEST(LimitsFile, CharactersThatTheParserCannotTellAreToldWithTheirLine) {
  for (const char* bad : {"[\xEF\xBB\x9D"
                          "as_per = -2]\n",
                          "\xCE\xBF\n", "x = \xC3\xA9\n", "x = \"\"\"\\\n \xC3\xA9\"\"\"\n",
                          "x = \"\"\"a\"\"\"\"\xC3\xA9\n"}) {
    const auto rules = ParseLimits(absl::StrCat("# one \xC3\xA9\n", bad), "file");
    EXPECT_THAT(std::string(rules.status().message()),
                testing::ContainsRegex("^file:[23]: only ASCII"));
  }
  EXPECT_EQ(ParseLimits("# \xFF\xFF\n", "file").status().message(), "file: is not UTF-8");
  for (const char* good :
       {"# \xEF\xAC\xA6 \xCE\xBF\n", "\xEF\xBB\xBF[default]\n", "[tiers.\"\\u00E9\\\" #\"]\n"}) {
    const auto rules = ParseLimits(good, "file");
    EXPECT_TRUE(rules.ok()) << rules.status();
  }
}

TEST(LimitsFile, TableWithoutANameIsAMistake) {
  for (const char* text : {"[=]", "[[=]]", "[!x]", "[ {]", "[\n]", "a.=1", "a = {=1}", "[a.]"}) {
    EXPECT_THAT(Error(text), HasSubstr("file:1")) << text;
  }
}

TEST(LimitsFile, MissingFileIsToldWithTheSetting) {
  const auto rules = ReadLimitsFile("/nowhere/limits.toml");
  EXPECT_EQ(rules.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(rules.status().message()), HasSubstr("LIMITS_FILE: /nowhere"));
  EXPECT_TRUE(ReadLimitsFile("").ok());
}

}  // namespace
}  // namespace keypool
