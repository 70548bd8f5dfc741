// Acquires that are held back: answered later, withdrawn, or told that nothing comes any more.
#include <memory>
#include <utility>
#include <vector>

#include "tests/unit/keyd/engine/engine_fixture.h"

namespace keypool::engine {
namespace {

constexpr absl::Duration kSpan = absl::Milliseconds(60'500);

class Listener final : public Waiter {
 public:
  using Told = std::pair<std::uint64_t, absl::StatusOr<AcquireReply>>;

  void OnAnswer(std::uint64_t tag, const absl::StatusOr<AcquireReply>& reply) override {
    MutexLock lock(&mutex_);
    told_.emplace_back(tag, reply);
  }
  std::vector<Told> told() const {
    MutexLock lock(&mutex_);
    return told_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<Told> told_ ABSL_GUARDED_BY(mutex_);
};

class EngineWaitTest : public EngineTest {
 protected:
  // A pool that may take one a minute, and has.
  void StartFull() {
    Options options = TestOptions();
    options.pool.default_limits = {.requests_per_minute = 1, .requests_per_day = 100};
    Start(options);
    AddKeyNow("secret-of-the-key");
    ASSERT_TRUE(std::holds_alternative<Grant>(AcquireNow()));
  }
  LeaseCommand Patient(std::uint64_t tag) const {
    LeaseCommand command = AcquireOf(tag);
    std::get<AcquireCommand>(command.command).wait_up_to = absl::Minutes(2);
    command.waiter = listener_;
    return command;
  }
  bool IsHeld(const LeaseAnswer& answer) const {
    return answer.status.ok() && answer.replies.size() == 1 &&
           std::holds_alternative<HeldBack>(answer.replies[0].reply);
  }

  std::shared_ptr<Listener> listener_ = std::make_shared<Listener>();
};

TEST_F(EngineWaitTest, ToldOfItsLeaseWhenASlotOpensWithoutAnyCommand) {
  StartFull();
  ASSERT_TRUE(IsHeld(Await(Post(*engine_, {Patient(7)}))));
  clock_.Advance(kSpan);
  ASSERT_TRUE(Eventually([&] { return listener_->told().size() == 1; }));
  const auto [tag, reply] = listener_->told()[0];
  EXPECT_EQ(tag, 7u);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(std::get<Grant>(*reply).waited, kSpan);
}

TEST_F(EngineWaitTest, WithoutAWaiterTheAnswerIsNotHeldBack) {
  StartFull();
  LeaseCommand command = Patient(7);
  command.waiter = nullptr;
  const LeaseAnswer answer = Await(Post(*engine_, {command}));
  ASSERT_EQ(answer.replies.size(), 1u);
  const auto* reply = std::get_if<AcquireReply>(&answer.replies[0].reply);
  ASSERT_NE(reply, nullptr);
  EXPECT_TRUE(std::holds_alternative<Refusal>(*reply));
}

TEST_F(EngineWaitTest, NobodyIsToldAfterAWithdrawal) {
  StartFull();
  for (std::uint64_t tag : {1, 2, 3}) ASSERT_TRUE(IsHeld(Await(Post(*engine_, {Patient(tag)}))));
  engine_->Withdraw(listener_, 1);
  ASSERT_TRUE(StatusNow(*engine_).ok());  // behind it
  clock_.Advance(kSpan);
  ASSERT_TRUE(Eventually([&] { return listener_->told().size() == 2; }));
  EXPECT_EQ(listener_->told()[0].first, 2u);
  EXPECT_EQ(listener_->told()[1].first, 3u);  // in vain by now
  EXPECT_TRUE(std::holds_alternative<Refusal>(*listener_->told()[1].second));
}

TEST_F(EngineWaitTest, WithdrawsAllOfAWaiterAtOnceAndKeepsIt) {
  StartFull();
  std::weak_ptr<Listener> gone = listener_;
  for (std::uint64_t tag : {1, 1, 2}) ASSERT_TRUE(IsHeld(Await(Post(*engine_, {Patient(tag)}))));
  engine_->Withdraw(std::exchange(listener_, nullptr), std::nullopt);
  EXPECT_TRUE(Eventually([&] { return gone.expired(); }));
}

TEST_F(EngineWaitTest, IsToldWhenTheEngineStops) {
  StartFull();
  ASSERT_TRUE(IsHeld(Await(Post(*engine_, {Patient(7)}))));
  engine_->Stop();
  ASSERT_EQ(listener_->told().size(), 1u);
  EXPECT_EQ(listener_->told()[0].second.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(EngineWaitTest, IsToldWhenTheStoreFails) {
  StartFull();
  ASSERT_TRUE(IsHeld(Await(Post(*engine_, {Patient(7)}))));
  store_.FailAfter(0, absl::UnavailableError("the disk is on fire"));
  AddKey(*engine_, "secret-of-another", "project-b");
  ASSERT_TRUE(Eventually([&] { return listener_->told().size() == 1; }));
  EXPECT_EQ(listener_->told()[0].second.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(EngineWaitTest, OfManyEachIsToldOnce) {
  Options options = TestOptions();
  options.pool.default_limits = {.requests_per_minute = 10, .requests_per_day = 1'000};
  Start(options);
  AddKeyNow("secret-of-the-key");
  std::vector<std::future<LeaseAnswer>> answers;
  for (std::uint64_t tag = 0; tag < 300; ++tag) {
    std::vector<LeaseCommand> commands;
    commands.push_back(Patient(tag));
    answers.push_back(Post(*engine_, std::move(commands)));
  }
  std::size_t at_once = 0;
  for (std::future<LeaseAnswer>& answer : answers) at_once += !IsHeld(Await(std::move(answer)));
  EXPECT_TRUE(Eventually([&] {
    if (listener_->told().size() + at_once == 300) return true;
    clock_.Advance(absl::Seconds(1));
    return false;
  }));
  std::vector<bool> seen(300, false);
  for (const auto& [tag, reply] : listener_->told()) {
    EXPECT_FALSE(seen[tag]);
    seen[tag] = true;
  }
}

}  // namespace
}  // namespace keypool::engine
