// When keyd is told of the handles of a Live session that goes on, and what waits for it.
#include "proxy/live_handles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proxy/resource_names.h"
#include "tests/unit/proxy/recording_session.h"

namespace keypool::proxy {
namespace {

constexpr MonoTime kStart = MonoTime::FromNanoseconds(1'000'000'000);

class LiveHandlesTest : public testing::Test {
 protected:
  void Give(const std::string& handle) {
    answers_.Feed(absl::StrCat(R"({"sessionResumptionUpdate":{"newHandle":")", handle, R"("}})"));
    answers_.EndMessage();
  }
  bool Tell() { return handles_->Tell(&answers_); }
  // keyd has the report of the last acquire.
  void Confirm() {
    session_->Answer(session_->last, client::AcquireResult(Refusal{
                                         RefusalReason::kNotRetryable, {}, false, 0, {}, ""}));
  }
  void PassGap() {
    now_ = now_ + LiveHandles::kGap + 2 * TimerWheel::kTick;
    wheel_.Advance(now_);
  }
  const ReportCommand& Told() const { return *session_->acquires.back().previous; }

  RecordingSession* session_ = new RecordingSession;
  LeaseClient leases_{std::unique_ptr<client::LeaseSession>(session_), SystemClock()};
  MonoTime now_ = kStart;
  TimerWheel wheel_{kStart};
  Wakeup wakeup_;
  LeaseGuard lease_{leases_.session(), Grant(), AcquireCommand()};
  LiveScan answers_;
  std::unique_ptr<LiveHandles> handles_ =
      std::make_unique<LiveHandles>(leases_, wheel_, wakeup_, lease_);
};

TEST_F(LiveHandlesTest, NoHandlesThenNothingIsToldAndNothingWaits) {
  EXPECT_TRUE(Tell());
  EXPECT_THAT(session_->acquires, testing::IsEmpty());
}

TEST_F(LiveHandlesTest, HandleThenKeydIsToldAndItsMessageWaitsForTheConfirmation) {
  Give("abc");
  EXPECT_FALSE(Tell());
  EXPECT_FALSE(Tell());
  ASSERT_EQ(session_->acquires.size(), 1u);
  EXPECT_EQ(session_->acquires[0].timeout, LiveHandles::kConfirmMax);
  EXPECT_TRUE(Told().goes_on);
  EXPECT_TRUE(Told().sent);
  EXPECT_EQ(Told().lease, Grant().lease);
  EXPECT_EQ(Told().key, Grant().key);
  ASSERT_EQ(Told().resources.size(), 1u);
  EXPECT_EQ(Told().resources[0].name, LiveResource("abc"));
  Confirm();
  EXPECT_TRUE(Tell());
  EXPECT_TRUE(lease_.Open());
  EXPECT_THAT(session_->reports, testing::IsEmpty());
}

TEST_F(LiveHandlesTest, ManyInAMomentThenTheyWaitForNobodyAndAreToldTogetherBehindIt) {
  Give("first");
  EXPECT_FALSE(Tell());
  Confirm();
  for (const char* handle : {"second", "third"}) {
    Give(handle);
    EXPECT_TRUE(Tell());
  }
  EXPECT_EQ(session_->acquires.size(), 1u);
  PassGap();
  EXPECT_FALSE(Tell());
  ASSERT_EQ(session_->acquires.size(), 2u);
  ASSERT_EQ(Told().resources.size(), 2u);
  EXPECT_EQ(Told().resources[1].name, LiveResource("third"));
  Confirm();
  PassGap();
  EXPECT_TRUE(Tell());
  EXPECT_EQ(session_->acquires.size(), 2u);
}

TEST_F(LiveHandlesTest, KeydDoesNotAnswerThenTheMessagePassesAndTheReportIsNotLost) {
  Give("abc");
  EXPECT_FALSE(Tell());
  session_->Answer(1, absl::DeadlineExceededError("too late"));
  EXPECT_TRUE(Tell());
  ASSERT_EQ(session_->reports.size(), 1u);
  EXPECT_TRUE(session_->reports[0].goes_on);
}

TEST_F(LiveHandlesTest, SessionThatEndsMeanwhileThenTheReportIsNotLostAndWhatIsLeftIsToldAtTheEnd) {
  Give("abc");
  EXPECT_FALSE(Tell());
  Give("def");
  handles_.reset();
  ASSERT_EQ(session_->reports.size(), 1u);
  EXPECT_EQ(session_->reports[0].resources[0].name, LiveResource("abc"));
  EXPECT_THAT(answers_.handles(), testing::ElementsAre("def"));
}

}  // namespace
}  // namespace keypool::proxy
