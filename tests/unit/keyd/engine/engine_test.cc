#include "keyd/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keyd/engine/outbox.h"
#include "tests/unit/keyd/engine/engine_fixture.h"

namespace keypool::engine {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

std::int64_t UsedToday(const PoolStatus& status) {
  for (const KeyStatus& key : status.keys) {
    for (const BucketStatus& bucket : key.buckets) {
      if (bucket.model == kModel) return bucket.per_day.used;
    }
  }
  return 0;
}

TEST_F(EngineTest, ReplyGoesOutOnlyAfterItsCommit) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  store_.Hold();
  std::future<LeaseAnswer> answer = Post(*engine_, {AcquireOf(7)});
  ASSERT_TRUE(Eventually([&] { return store_.Pending() == 1; }));
  EXPECT_FALSE(IsReady(answer));
  store_.Release();
  const LeaseAnswer got = Await(std::move(answer));
  ASSERT_TRUE(got.status.ok()) << got.status;
  ASSERT_EQ(got.replies.size(), 1u);
  EXPECT_EQ(got.replies[0].tag, 7u);
  EXPECT_TRUE(std::holds_alternative<Grant>(std::get<AcquireReply>(got.replies[0].reply)));
}

TEST_F(EngineTest, AnswerWithoutMutationsWaitsForTheCommitsBeforeIt) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  store_.Hold();
  std::vector<int> order;
  std::promise<void> last;
  engine_->Post({AcquireOf()}, [&](absl::Status, std::vector<LeaseReply>) { order.push_back(1); });
  ASSERT_TRUE(Eventually([&] { return store_.Pending() == 1; }));
  engine_->Status({}, [&](absl::StatusOr<PoolStatus>) { order.push_back(2); });
  engine_->Key(KeyId{99}, "", [&](absl::StatusOr<KeyStatus>) {
    order.push_back(3);
    last.set_value();
  });
  EXPECT_EQ(store_.CommitsDone(), 1) << "of AddKey";
  store_.Release();
  Await(last.get_future());
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_F(EngineTest, RepliesOfOneCallComeTogetherInTheOrderOfTheCommands) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  std::vector<LeaseCommand> commands;
  for (std::uint64_t tag = 100; tag < 164; ++tag) commands.push_back(AcquireOf(tag));
  const LeaseAnswer answer = Await(Post(*engine_, std::move(commands)));
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  ASSERT_EQ(answer.replies.size(), 64u);
  for (std::uint64_t i = 0; i < 64; ++i) EXPECT_EQ(answer.replies[i].tag, 100 + i);
}

TEST_F(EngineTest, EmptyCallIsAnswered) {
  Start();
  const LeaseAnswer answer = Await(Post(*engine_, {}));
  EXPECT_TRUE(answer.status.ok());
  EXPECT_TRUE(answer.replies.empty());
}

TEST_F(EngineTest, WhatWaitsIsCommittedAsOneBatch) {
  Start();
  Block();
  constexpr int kCalls = 200;
  std::vector<std::future<absl::StatusOr<KeyStatus>>> added;
  for (int i = 0; i < kCalls; ++i) {
    added.push_back(AddKey(*engine_, "AIza-secret-number-" + std::to_string(i), "project-b"));
  }
  store_.Release();
  for (auto& future : added) EXPECT_TRUE(Await(std::move(future)).ok());
  // The engine may have taken a first few of them before it had to wait for the store.
  EXPECT_LE(store_.CommitsAsked(), static_cast<int>(kCommitsInFlightMax) + 2);
}

TEST_F(EngineTest, BatchesUnderWayAreBounded) {
  Start();
  Block();
  auto more = AddKey(*engine_, "AIza-one-more-secret", "project-b");
  EXPECT_EQ(store_.Pending(), static_cast<int>(kCommitsInFlightMax));
  store_.Release();
  EXPECT_TRUE(Await(std::move(more)).ok());
}

TEST_F(EngineTest, QuestionsDoNotTouchTheStore) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  const int before = store_.CommitsAsked();
  ASSERT_TRUE(StatusNow(*engine_).ok());
  auto [done, key] = Expecting<absl::StatusOr<KeyStatus>>();
  engine_->Key(KeyId{1}, "", done);
  EXPECT_TRUE(Await(std::move(key)).ok());
  EXPECT_EQ(store_.CommitsAsked(), before);
}

TEST_F(EngineTest, ChangesOfAnOperatorSurviveALossOfPowerAndLeasesOnlyWhenAsked) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  EXPECT_THAT(store_.DurabilitiesAsked(), Each(store::Durability::kPower));
  AcquireNow();
  EXPECT_EQ(store_.DurabilitiesAsked().back(), store::Durability::kProcess);
  auto [done, said] = Expecting<absl::StatusOr<ScopeLimits>>();
  engine_->SetLimits({{{}, {.requests_per_minute = 3}, ""}}, done);
  EXPECT_TRUE(Await(std::move(said)).ok());
  EXPECT_EQ(store_.DurabilitiesAsked().back(), store::Durability::kPower);
  Options careful = TestOptions();
  careful.durability = store::Durability::kPower;
  Start(careful);
  const int before = store_.CommitsAsked();
  AcquireNow();
  ASSERT_GT(store_.CommitsAsked(), before);
  EXPECT_EQ(store_.DurabilitiesAsked().back(), store::Durability::kPower);
}

TEST_F(EngineTest, AnAdminTokenIsOnDiskBeforeItsAnswerAndAskingForItsNameIsAQuestion) {
  Start();
  auto [done, added] = Expecting<absl::StatusOr<AdminTokenStatus>>();
  engine_->ChangeAdminToken(AddAdminTokenCommand{.name = "ops", .token = {1}}, done);
  EXPECT_TRUE(Await(std::move(added)).ok());
  EXPECT_EQ(store_.DurabilitiesAsked().back(), store::Durability::kPower);
  const int before = store_.CommitsAsked();
  auto [name_done, name] = Expecting<absl::StatusOr<std::string>>();
  engine_->NameOfAdminToken(TokenDigest{1}, name_done);
  EXPECT_EQ(Await(std::move(name)).value_or(""), "ops");
  auto [none_done, none] = Expecting<absl::StatusOr<std::string>>();
  engine_->NameOfAdminToken(std::nullopt, none_done);
  EXPECT_TRUE(absl::IsUnauthenticated(Await(std::move(none)).status()));
  auto [all_done, all] = Expecting<absl::StatusOr<std::vector<AdminTokenStatus>>>();
  engine_->ListAdminTokens(all_done);
  EXPECT_EQ(Await(std::move(all))->size(), 1u);
  EXPECT_EQ(store_.CommitsAsked(), before);
}

TEST_F(EngineTest, AdminCommandsAnswerWithTheirResults) {
  Start();
  const KeyId id = AddKeyNow("AIza-first-secret-text");
  EXPECT_EQ(Await(AddKey(*engine_, "AIza-first-secret-text", "p")).status().code(),
            absl::StatusCode::kAlreadyExists);
  auto [disabled_done, disabled] = Expecting<absl::StatusOr<KeyStatus>>();
  engine_->DisableKey({id, "for the test"}, disabled_done);
  const absl::StatusOr<KeyStatus> key = Await(std::move(disabled));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_FALSE(key->active);
  EXPECT_EQ(key->disabled_reason, "for the test");
  auto [enabled_done, enabled] = Expecting<absl::StatusOr<KeyStatus>>();
  engine_->EnableKey({id}, enabled_done);
  EXPECT_TRUE(Await(std::move(enabled))->active);
  AcquireNow();
  auto [reset_done, reset] = Expecting<absl::StatusOr<std::int64_t>>();
  engine_->Reset({id}, reset_done);
  EXPECT_EQ(Await(std::move(reset)).value(), 1);
  for (const absl::StatusCode expected : {absl::StatusCode::kOk, absl::StatusCode::kNotFound}) {
    auto [removed_done, removed] = Expecting<absl::Status>();
    engine_->RemoveKey({id}, removed_done);
    EXPECT_EQ(Await(std::move(removed)).code(), expected);
  }
}

TEST_F(EngineTest, RetryAfterAKeysFaultIsGrantedAndItsReportIsAppliedFirst) {
  Start();
  AddKeyNow("AIza-first-secret-text", "project-a");
  AddKeyNow("AIza-second-secret-text", "project-b");
  const Epoch epoch = StatusNow(*engine_)->summary.epoch;
  const Grant first = std::get<Grant>(AcquireNow());
  LeaseCommand retry = AcquireOf();
  retry.previous = ReportOf(first, epoch, 429);
  const LeaseAnswer answer = Await(Post(*engine_, {retry}));
  const AcquireReply& reply = std::get<AcquireReply>(answer.replies.at(0).reply);
  ASSERT_TRUE(std::holds_alternative<Grant>(reply));
  EXPECT_NE(std::get<Grant>(reply).project, first.project) << "the 429 cools the first project";
  EXPECT_EQ(StatusNow(*engine_)->summary.leases_open, 1);
}

TEST_F(EngineTest, RetryAfterTheRequestsOwnFaultIsRefusedAndChargesNothing) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  const Epoch epoch = StatusNow(*engine_)->summary.epoch;
  const Grant first = std::get<Grant>(AcquireNow());
  const std::int64_t used = UsedToday(*StatusNow(*engine_));
  LeaseCommand retry = AcquireOf();
  retry.previous = ReportOf(first, epoch, 400);
  const LeaseAnswer answer = Await(Post(*engine_, {retry}));
  const AcquireReply& reply = std::get<AcquireReply>(answer.replies.at(0).reply);
  ASSERT_TRUE(std::holds_alternative<Refusal>(reply));
  EXPECT_EQ(std::get<Refusal>(reply).reason, RefusalReason::kNotRetryable);
  EXPECT_FALSE(std::get<Refusal>(reply).message.empty());
  const absl::StatusOr<PoolStatus> status = StatusNow(*engine_);
  EXPECT_EQ(UsedToday(*status), used);
  EXPECT_EQ(status->summary.leases_open, 0) << "the report was applied all the same";
}

TEST_F(EngineTest, FullMailboxTurnsAwayWithoutLosingWhatItTook) {
  Options options = TestOptions();
  options.mailbox_max = 10;
  Start(options);
  Block();
  std::vector<std::future<LeaseAnswer>> taken;
  LeaseAnswer turned_away;
  // The engine may take one call out before it has to wait; then the mailbox fills.
  while (turned_away.status.ok() && taken.size() < 30) {
    std::future<LeaseAnswer> answer = Post(*engine_, {AcquireOf()});
    if (IsReady(answer)) {
      turned_away = answer.get();
    } else {
      taken.push_back(std::move(answer));
    }
  }
  EXPECT_EQ(turned_away.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(turned_away.replies.empty());
  EXPECT_GE(taken.size(), 10u);
  store_.Release();
  for (auto& answer : taken) EXPECT_TRUE(Await(std::move(answer)).status.ok());
}

TEST_F(EngineTest, StopAnswersEverythingAndTakesNoMore) {
  Start();
  Block();
  std::vector<std::future<LeaseAnswer>> answers;
  for (int i = 0; i < 100; ++i) answers.push_back(Post(*engine_, {AcquireOf()}));
  std::thread stopper([&] { engine_->Stop(); });
  ASSERT_TRUE(Eventually([&] { return !engine_->Health().ok(); }));
  store_.Release();
  stopper.join();
  engine_->Stop();
  for (auto& answer : answers) {
    ASSERT_TRUE(IsReady(answer));
    EXPECT_TRUE(answer.get().status.ok());
  }
  EXPECT_EQ(Await(Post(*engine_, {AcquireOf()})).status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(StatusNow(*engine_).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_.Pending(), 0);
}

TEST_F(EngineTest, LeasesExpireByTheTimer) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  AcquireNow();
  EXPECT_EQ(StatusNow(*engine_)->summary.leases_open, 1);
  clock_.Advance(absl::Minutes(11));
  EXPECT_TRUE(Eventually([&] { return StatusNow(*engine_)->summary.leases_open == 0; }));
}

TEST_F(EngineTest, IdlePoolIsTickedToo) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  AcquireNow();
  const int before = store_.CommitsAsked();
  // Two days on, the bucket holds nothing any more: the timer alone removes it from the store.
  clock_.Advance(absl::Hours(48));
  EXPECT_TRUE(Eventually([&] { return store_.CommitsAsked() > before; }));
}

TEST_F(EngineTest, ChangeCountGrowsWithChangesAndNotWithQuestions) {
  Start();
  const std::uint64_t at_start = engine_->ChangeCount();
  AddKeyNow("AIza-first-secret-text");
  const std::uint64_t after_add = engine_->ChangeCount();
  EXPECT_GT(after_add, at_start);
  ASSERT_TRUE(StatusNow(*engine_).ok());
  EXPECT_EQ(engine_->ChangeCount(), after_add);
  AcquireNow();
  EXPECT_GT(engine_->ChangeCount(), after_add);
}

TEST_F(EngineTest, RestartRemembersKeysAndCounts) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  for (int i = 0; i < 20; ++i) AcquireNow();
  const Epoch epoch = StatusNow(*engine_)->summary.epoch;
  Start();
  const absl::StatusOr<PoolStatus> status = StatusNow(*engine_);
  EXPECT_EQ(status->summary.keys_total, 1);
  EXPECT_GT(status->summary.epoch, epoch);
  EXPECT_GE(UsedToday(*status), 20);
}

TEST_F(EngineTest, OrderlyStopWritesTheAccountsAndARestartTakesThemUp) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  for (std::int64_t served = 1; served <= 3; ++served) {
    const Epoch epoch = StatusNow(*engine_)->summary.epoch;
    const AcquireReply granted = AcquireNow();
    LeaseCommand report;
    report.command = ReportOf(std::get<Grant>(granted), epoch, 200);
    ASSERT_TRUE(Await(Post(*engine_, {report})).status.ok());
    Start();
    auto [done, page] = Expecting<absl::StatusOr<UsagePage>>();
    engine_->Usage({.by = UsageDimension::kModel}, done);
    const absl::StatusOr<UsagePage> got = Await(std::move(page));
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->rows.size(), 1u);
    EXPECT_EQ(got->rows[0].place.name, kModel);
    EXPECT_EQ(got->rows[0].counts.requests, served);
  }
}

}  // namespace
}  // namespace keypool::engine
