#include "keyd/policy/limit_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keypool::policy {
namespace {

using testing::HasSubstr;

LimitScopeName OfProject(std::string name, std::string model = "") {
  const LimitModels models = model.empty() ? LimitModels::kEach : LimitModels::kOne;
  return {LimitLevel::kProject, std::move(name), models, std::move(model)};
}
LimitScopeName OfTier(std::string name) { return {LimitLevel::kTier, std::move(name), {}, {}}; }
ScopeLimits Rpm(LimitScopeName scope, std::int64_t limit) {
  return {std::move(scope), {.requests_per_minute = limit}, {}};
}

class Book : public testing::Test {
 protected:
  std::int64_t RpmOf(std::string_view project, std::string_view model = "m") {
    return LimitsFor(book.rules(), {}, project, model).limits.requests_per_minute;
  }
  LimitRules File() {
    LimitRules rules;
    rules.everywhere.models["m"].requests_per_minute = 20;
    rules.tiers["paid"].all_models.requests_per_minute = 30;
    rules.projects["a"].tier = "paid";
    rules.projects["b"].own.all_models = {.requests_per_minute = 40, .requests_per_day = 41};
    return rules;
  }
  Mutations mutations;
  LimitBook book{Limits{}, File()};
};

TEST_F(Book, WhatWasSetWinsOverTheFileWithinItsScopeOnly) {
  EXPECT_EQ(RpmOf("b"), 40);
  ASSERT_TRUE(book.Set(Rpm(OfProject("b"), 4), &mutations).ok());
  EXPECT_EQ(RpmOf("b"), 4);
  EXPECT_EQ(LimitsFor(book.rules(), {}, "b", "m").limits.requests_per_day, 41) << "is left open";
  // A wider scope of the operator's does not win over a narrower one of the file's.
  ASSERT_TRUE(book.Set(Rpm({}, 5), &mutations).ok());
  ASSERT_TRUE(book.Set(Rpm(OfTier("paid"), 6), &mutations).ok());
  EXPECT_EQ(RpmOf("b"), 4);
  EXPECT_EQ(RpmOf("a"), 6);
  EXPECT_EQ(RpmOf("c"), 20);
  EXPECT_EQ(RpmOf("c", "n"), 5);
}

TEST_F(Book, WhatIsUnsetLeavesTheFileToSpeak) {
  ScopeLimits said = Rpm(OfProject("b"), 4);
  said.limits.requests_per_day = 5;
  ASSERT_TRUE(book.Set(said, &mutations).ok());
  UnsetLimitsCommand unset;
  unset.scope = OfProject("b");
  unset.requests_per_minute = true;
  const auto left = book.Unset(unset, &mutations);
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left->limits, LimitSet{.requests_per_day = 5});
  EXPECT_EQ(RpmOf("b"), 40);
  unset.requests_per_minute = false;
  ASSERT_TRUE(book.Unset(unset, &mutations).ok());
  EXPECT_EQ(LimitsFor(book.rules(), {}, "b", "m").limits.requests_per_day, 41);
  EXPECT_TRUE(std::holds_alternative<DeleteLimit>(mutations.back()));
  const absl::Status nothing = book.Unset(unset, &mutations).status();
  EXPECT_EQ(nothing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(nothing.message()), HasSubstr("LIMITS_FILE has some"));
}

TEST_F(Book, AProjectIsPutIntoATierThatIsKnown) {
  ScopeLimits said{OfProject("c"), {}, "gold"};
  const absl::Status unknown = book.Set(said, &mutations).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("tier gold"));
  EXPECT_TRUE(mutations.empty());
  ASSERT_TRUE(book.Set(Rpm(OfTier("gold"), 70), &mutations).ok());
  ASSERT_TRUE(book.Set(said, &mutations).ok());
  EXPECT_EQ(RpmOf("c"), 70);
  said.tier = "paid";
  ASSERT_TRUE(book.Set(said, &mutations).ok());
  EXPECT_EQ(RpmOf("c"), 30);
}

TEST_F(Book, AnImportTakesThePlaceOfEverythingThatWasSet) {
  ASSERT_TRUE(book.Set(Rpm(OfProject("a"), 1), &mutations).ok());
  ASSERT_TRUE(book.Set(Rpm(OfProject("b"), 2), &mutations).ok());
  mutations.clear();
  ImportLimitsCommand import{{Rpm(OfProject("b"), 2), Rpm(OfProject("c"), 3)}, true};
  EXPECT_EQ(book.Import(import, &mutations)->scopes_before, 2);
  EXPECT_TRUE(mutations.empty());
  EXPECT_EQ(RpmOf("a"), 1) << "a dry run changes nothing";
  import.dry_run = false;
  const auto imported = book.Import(import, &mutations);
  ASSERT_TRUE(imported.ok());
  EXPECT_EQ(imported->scopes, 2);
  EXPECT_EQ(RpmOf("a"), 30);
  EXPECT_EQ(RpmOf("b"), 2);
  EXPECT_EQ(RpmOf("c"), 3);
  EXPECT_EQ(mutations.size(), 2u) << "one gone, one new, one as it was";
}

TEST_F(Book, ScopesAreBounded) {
  ImportLimitsCommand import;
  for (std::size_t i = 0; i < kLimitScopesMax; ++i) {
    import.limits.push_back(Rpm(OfProject(absl::StrCat("p", i)), 1));
  }
  ASSERT_TRUE(book.Import(import, &mutations).ok());
  const absl::Status full = book.Set(Rpm(OfProject("more"), 1), &mutations).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("10000"));
  EXPECT_TRUE(book.Set(Rpm(OfProject("p7"), 2), &mutations).ok()) << "is no new scope";
  import.limits.push_back(Rpm(OfProject("more"), 1));
  EXPECT_EQ(book.Import(import, &mutations).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(RpmOf("p7"), 2);
}

TEST_F(Book, PagesHoldEveryRowInOrderOfScopeAndSource) {
  ASSERT_TRUE(book.Set(Rpm({}, 5), &mutations).ok());
  ASSERT_TRUE(book.Set(Rpm(OfProject("b"), 4), &mutations).ok());
  LimitsQuery query{.rows_max = 1};
  std::vector<std::string> rows;
  for (bool more = true; more;) {
    const LimitsPage page = book.Page(query);
    ASSERT_EQ(page.rows.size(), 1u);
    const LimitRow& row = page.rows[0];
    rows.push_back(absl::StrCat(ToText(row.said.scope), " ", static_cast<int>(row.origin)));
    query.after = LimitRow::Place{row.said.scope, row.origin};
    more = page.more;
  }
  EXPECT_THAT(rows,
              testing::ElementsAre("every project 0", "every project 2", "every project, model m 1",
                                   "tier paid 1", "project a 1", "project b 1", "project b 2"));
}

TEST_F(Book, WhatCannotBeSaidIsNotRestored) {
  EXPECT_TRUE(book.Restore({Rpm(OfProject("a"), 9)}).ok());
  EXPECT_EQ(RpmOf("a"), 9);
  const LimitScopeName nameless{LimitLevel::kTier, "", {}, {}};
  const LimitScopeName all{LimitLevel::kEverywhere, "", LimitModels::kTogether, {}};
  for (const ScopeLimits& wrong : {Rpm(OfProject("a"), 0), Rpm(nameless, 1), Rpm(all, 1)}) {
    EXPECT_EQ(book.Restore({wrong}).code(), absl::StatusCode::kDataLoss) << ToText(wrong.scope);
  }
}

TEST(LimitScopes, OfRulesPutOverNothingAreTheRules) {
  LimitRules rules;
  rules.everywhere.all_models.requests_per_day = 0;
  rules.tiers["t"].models["m"].input_tokens_per_day = kUnlimited;
  rules.tiers["t"].together.requests_per_minute = 1;
  rules.projects["p"].tier = "t";
  rules.projects["q"].own.together.input_tokens_per_minute = 7;
  const std::vector<ScopeLimits> scopes = ScopesOf(rules);
  EXPECT_EQ(scopes.size(), 5u);
  EXPECT_TRUE(std::is_sorted(scopes.begin(), scopes.end(),
                             [](const auto& a, const auto& b) { return a.scope < b.scope; }));
  LimitRules again;
  for (const ScopeLimits& said : scopes) PutOver(said, &again);
  EXPECT_EQ(ScopesOf(again), scopes);
}

}  // namespace
}  // namespace keypool::policy
