// What the engine does when its store does not keep its promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "keyd/engine/engine.h"
#include "tests/unit/keyd/engine/engine_fixture.h"

namespace keypool::engine {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

TEST_F(EngineTest, FailedCommitGrantsNothingThenAndNeverAgain) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  store_.FailAfter(0, absl::UnavailableError("the disk is full"));
  const LeaseAnswer first = Await(Post(*engine_, {AcquireOf()}));
  EXPECT_EQ(first.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(first.replies.empty());
  EXPECT_THAT(MessageOf(first.status), AllOf(HasSubstr("the disk is full"), HasSubstr("restart")));
  store_.Heal();  // the store may say what it likes now
  for (int i = 0; i < 3; ++i) {
    const LeaseAnswer later = Await(Post(*engine_, {AcquireOf()}));
    EXPECT_EQ(later.status.code(), absl::StatusCode::kUnavailable);
    EXPECT_TRUE(later.replies.empty());
  }
  EXPECT_EQ(StatusNow(*engine_).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Await(AddKey(*engine_, "AIza-late-secret-text", "p")).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(EngineTest, HealthSaysWhyAndOnUnhealthyRunsOnceOnTheEnginesThread) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  EXPECT_TRUE(engine_->Health().ok());
  std::atomic<int> calls = 0;
  std::promise<absl::Status> told;
  engine_->OnUnhealthy([&](absl::Status status) {
    if (++calls == 1) told.set_value(status);
  });
  store_.FailAfter(0, absl::UnavailableError("the disk is gone"));
  Await(Post(*engine_, {AcquireOf()}));
  const absl::Status status = Await(told.get_future());
  EXPECT_THAT(MessageOf(status), AllOf(HasSubstr("the disk is gone"), HasSubstr("DATA_DIR")));
  EXPECT_EQ(engine_->Health(), status);
  Await(Post(*engine_, {AcquireOf()}));
  engine_->Stop();
  EXPECT_EQ(calls, 1);
}

TEST_F(EngineTest, OnUnhealthyThatIsSetLateIsToldToo) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  store_.FailAfter(0, absl::UnavailableError("the disk is gone"));
  Await(Post(*engine_, {AcquireOf()}));
  std::promise<absl::Status> told;
  engine_->OnUnhealthy([&](absl::Status status) { told.set_value(status); });
  EXPECT_EQ(Await(told.get_future()).code(), absl::StatusCode::kUnavailable);
}

TEST_F(EngineTest, StopOfAHealthyEngineIsNotAFailure) {
  Start();
  std::atomic<int> calls = 0;
  engine_->OnUnhealthy([&](absl::Status) { ++calls; });
  engine_->Stop();
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(engine_->Health().code(), absl::StatusCode::kUnavailable);
}

TEST_F(EngineTest, TakeoverByAnotherKeydIsToldAsSuch) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  ASSERT_TRUE(memory_.Load().ok());  // the other one begins its reign
  const LeaseAnswer answer = Await(Post(*engine_, {AcquireOf()}));
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(answer.status), HasSubstr("another keyd took over"));
}

TEST_F(EngineTest, EverythingBehindAFailedCommitIsRefused) {
  Start();
  AddKeyNow("AIza-first-secret-text");
  Block();
  std::vector<std::future<LeaseAnswer>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(Post(*engine_, {AcquireOf()}));
  store_.FailAfter(3, absl::UnavailableError("the disk is gone"));
  store_.Release();
  for (std::size_t i = 0; i < blockers_.size(); ++i) {
    EXPECT_EQ(Await(std::move(blockers_[i])).ok(), i < 3) << i;
  }
  for (auto& answer : answers) EXPECT_FALSE(Await(std::move(answer)).status.ok());
}

TEST_F(EngineTest, StoreThatCannotBeLoadedStopsTheStart) {
  store_.FailLoads(absl::DataLossError("table keys, row key_2: damaged"));
  const absl::Status status = Engine::Start(TestOptions(), clock_, store_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(MessageOf(status), HasSubstr("key_2"));
}

TEST_F(EngineTest, DestructorAnswersAndReturnsAfterAFailureToo) {
  Start();
  Block();
  std::future<LeaseAnswer> answer = Post(*engine_, {AcquireOf()});
  store_.FailAfter(0, absl::UnavailableError("the disk is gone"));
  store_.Release();
  engine_.reset();
  EXPECT_FALSE(Await(std::move(answer)).status.ok());
}

}  // namespace
}  // namespace keypool::engine
