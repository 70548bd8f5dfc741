// Changes are recorded with the commit that their answers wait for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/engine/engine.h"
#include "tests/unit/keyd/engine/engine_fixture.h"

namespace keypool::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecretText[] = "AIza-first-secret-text";

class EngineAudit : public EngineTest {
 protected:
  // "WHO: WHAT TARGET: RESULT", the oldest first.
  std::vector<std::string> Audit(AuditQuery query = {}) {
    auto [done, future] = Expecting<absl::StatusOr<AuditPage>>();
    engine_->ListAudit(query, done);
    const absl::StatusOr<AuditPage> page = Await(std::move(future));
    EXPECT_TRUE(page.ok()) << page.status();
    std::vector<std::string> lines;
    for (const AuditRow& row : page.value().rows) {
      const AuditRecord& r = row.record;
      lines.push_back(
          absl::StrCat(r.entry.who, ": ", r.entry.what, " ", r.entry.target, ": ", r.result));
    }
    return lines;
  }
  AuditVerdict Verdict() {
    auto [done, future] = Expecting<absl::StatusOr<AuditVerdict>>();
    engine_->VerifyAudit(done);
    return Await(std::move(future)).value();
  }
  absl::Status AddAs(std::string who, std::string secret, bool imported = false) {
    auto [done, future] = Expecting<absl::StatusOr<KeyStatus>>();
    engine_->AddKey({.secret = std::make_shared<const Secret>(secret),
                     .project = ProjectId{"p"},
                     .imported = imported,
                     .who = std::move(who)},
                    done);
    return Await(std::move(future)).status();
  }
};

TEST_F(EngineAudit, HasWhoDidWhatAndWhatBecameOfIt) {
  Start();
  ASSERT_TRUE(AddAs("ada", kSecretText).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(AddAs("bob", kSecretText)));
  auto [disabled, was_disabled] = Expecting<absl::StatusOr<KeyStatus>>();
  engine_->DisableKey({KeyId{1}, "because", "ada"}, disabled);
  auto [enabled, was_enabled] = Expecting<absl::StatusOr<KeyStatus>>();
  engine_->EnableKey({KeyId{1}, "ada"}, enabled);
  auto [reset, was_reset] = Expecting<absl::StatusOr<std::int64_t>>();
  engine_->Reset({std::nullopt, "ada"}, reset);
  auto [removed, was_removed] = Expecting<absl::Status>();
  engine_->RemoveKey({KeyId{9}, "eve"}, removed);
  EXPECT_TRUE(absl::IsNotFound(Await(std::move(was_removed))));
  const std::vector<std::string> lines = Audit();
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[0], "keyd: begin audit : ok");
  EXPECT_EQ(lines[1], "ada: add key key_1 of project p: ok");
  EXPECT_THAT(lines[2], HasSubstr("bob: add key a key of project p: ALREADY_EXISTS: "));
  EXPECT_EQ(lines[3], "ada: disable key key_1: ok");
  EXPECT_EQ(lines[4], "ada: enable key key_1: ok");
  EXPECT_EQ(lines[5], "ada: reset every project: ok");
  EXPECT_THAT(lines[6], HasSubstr("eve: remove key key_9: NOT_FOUND: "));
  for (const std::string& line : lines) EXPECT_THAT(line, Not(HasSubstr(kSecretText)));
  EXPECT_EQ(Verdict(), (AuditVerdict{7, 1}));
}

TEST_F(EngineAudit, HasLimitsAndClients) {
  Start();
  auto [set, was_set] = Expecting<absl::StatusOr<ScopeLimits>>();
  engine_->SetLimits({{{}, {.requests_per_minute = 3}, ""}, "ada"}, set);
  auto [tried, was_tried] = Expecting<absl::StatusOr<ImportedLimits>>();
  engine_->ImportLimits({{}, /*dry_run=*/true, "ada"}, tried);
  auto [imported, was_imported] = Expecting<absl::StatusOr<ImportedLimits>>();
  engine_->ImportLimits({{}, false, "ada"}, imported);
  auto [added, was_added] = Expecting<absl::StatusOr<ClientStatus>>();
  engine_->ChangeClient(AddClientCommand{"team-a", {}, {}, "ada"}, added);
  auto [revoked, was_revoked] = Expecting<absl::StatusOr<ClientStatus>>();
  engine_->ChangeClient(RevokeClientCommand{"team-a", "bob"}, revoked);
  EXPECT_TRUE(Await(std::move(was_revoked)).ok());
  EXPECT_THAT(Audit(),
              ElementsAre("keyd: begin audit : ok",
                          "ada: set limits every project: 3 requests a minute: ok",
                          "ada: import limits 0 scopes, only to see what that would do: ok",
                          "ada: import limits 0 scopes, in place of all before: ok",
                          "ada: add client team-a: ok", "bob: revoke client team-a: ok"));
}

TEST_F(EngineAudit, ImportsAreRecordedWhenTheyChangeSomething) {
  Start();
  ASSERT_TRUE(AddAs("keyd (GEMINI_API_KEYS)", kSecretText, /*imported=*/true).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(AddAs("keyd (GEMINI_API_KEYS)", kSecretText, true)));
  EXPECT_EQ(Audit().size(), 2u);
}

TEST_F(EngineAudit, WhatIsDoneElsewhereIsRecordedToo) {
  Start();
  auto [done, future] = Expecting<absl::Status>();
  engine_->Record({"ada", "rotate master key", ""}, absl::OkStatus(), done);
  EXPECT_TRUE(Await(std::move(future)).ok());
  EXPECT_EQ(Audit().back(), "ada: rotate master key : ok");
}

TEST_F(EngineAudit, QuestionsAndLeasesAreNotRecorded) {
  Start();
  ASSERT_TRUE(AddAs("ada", kSecretText).ok());
  AcquireNow();
  ASSERT_TRUE(StatusNow(*engine_).ok());
  EXPECT_EQ(Audit().size(), 2u);
}

TEST_F(EngineAudit, WhatCannotBeRecordedIsRefused) {
  Start();
  ASSERT_TRUE(AddAs("ada", kSecretText).ok());
  store_.FailAfter(0, absl::UnavailableError("the disk is full"));
  EXPECT_TRUE(absl::IsUnavailable(AddAs("bob", "AIza-second-secret-text")));
  auto [done, future] = Expecting<absl::Status>();
  engine_->Record({"bob", "rotate master key", ""}, absl::OkStatus(), done);
  EXPECT_TRUE(absl::IsUnavailable(Await(std::move(future))));
  EXPECT_EQ(Audit().size(), 2u) << "and it can still be read";
}

TEST_F(EngineAudit, GoesOnAfterARestartAndKeepsTheNewest) {
  Options options = TestOptions();
  options.audit_records_max = 1'000;
  Start(options);
  for (int i = 0; i < 1'500; ++i) {
    engine_->Record({"ada", "x", absl::StrCat(i)}, absl::OkStatus(), [](absl::Status) {});
  }
  Start(options);
  for (int i = 1'500; i < 2'100; ++i) {
    engine_->Record({"ada", "x", absl::StrCat(i)}, absl::OkStatus(), [](absl::Status) {});
  }
  Start(options);
  EXPECT_EQ(Verdict(), (AuditVerdict{1'101, 1'001}));
  EXPECT_THAT(Audit({.before = 0, .rows_max = 2}),
              ElementsAre("ada: x 2098: ok", "ada: x 2099: ok"));
  EXPECT_THAT(Audit({.before = 1'003, .rows_max = 5}),
              ElementsAre("ada: x 999: ok", "ada: x 1000: ok"));
}

}  // namespace
}  // namespace keypool::engine
