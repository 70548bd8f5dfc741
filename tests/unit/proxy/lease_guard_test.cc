// The guard, and the wait for a lease, against a lease session that only writes down.
#include "proxy/lease_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/lease_client.h"
#include "tests/unit/proxy/recording_session.h"

namespace keypool::proxy {
namespace {

AnswerFacts Facts(int status) {
  AnswerFacts facts;
  facts.http_status = status;
  return facts;
}

AcquireCommand Asked() {
  AcquireCommand asked;
  asked.model = "m";
  asked.client = "10.0.0.7";
  return asked;
}

TEST(LeaseGuard, DroppedBeforeSendingGivesTheChargeBack) {
  RecordingSession session;
  { const LeaseGuard guard(session, Grant(), Asked()); }
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_EQ(session.reports[0].lease, LeaseId(7));
  EXPECT_EQ(session.reports[0].epoch, Epoch(3));
  EXPECT_FALSE(session.reports[0].sent);
  EXPECT_EQ(session.reports[0].facts.http_status, 0);
}

TEST(LeaseGuard, DroppedAfterSendingCountsAsSent) {
  RecordingSession session;
  {
    LeaseGuard guard(session, Grant(), Asked());
    guard.MarkSent();
  }
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_TRUE(session.reports[0].sent);
}

TEST(LeaseGuard, SettlesOnceHoweverOftenItIsAsked) {
  RecordingSession session;
  {
    LeaseGuard guard(session, Grant(), Asked());
    guard.MarkSent();
    guard.Settle(Facts(200));
    guard.Settle(Facts(500));
  }
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_EQ(session.reports[0].facts.http_status, 200);
}

TEST(LeaseGuard, TellsKeyAndModelOnlyWhereSomethingIsToBeBlamed) {
  RecordingSession session;
  LeaseGuard(session, Grant(), Asked()).Settle(Facts(200));
  LeaseGuard(session, Grant(), Asked()).Settle(Facts(429));
  ASSERT_EQ(session.reports.size(), 2u);
  EXPECT_EQ(session.reports[0].key, KeyId(0));
  EXPECT_EQ(session.reports[1].key, KeyId(2));
  EXPECT_EQ(session.reports[1].model, "m");
  EXPECT_EQ(session.reports[0].client, "10.0.0.7");
}

TEST(LeaseGuard, MovesWithItsLease) {
  RecordingSession session;
  LeaseGuard first(session, Grant(), Asked());
  first.MarkSent();
  LeaseGuard second = std::move(first);
  EXPECT_FALSE(first.Open());
  EXPECT_TRUE(second.Open());
  EXPECT_TRUE(session.reports.empty());
  second = LeaseGuard(session, Grant(), Asked());  // the lease that it held is settled
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_TRUE(session.reports[0].sent);
  EXPECT_FALSE(second.Sent());
}

TEST(LeaseGuard, ReleasedReportIsTheCallersToDeliver) {
  RecordingSession session;
  std::optional<ReportCommand> report;
  {
    LeaseGuard guard(session, Grant(), Asked());
    guard.MarkSent();
    report = guard.Release(Facts(429));
  }
  EXPECT_TRUE(session.reports.empty());
  ASSERT_TRUE(report.has_value());
  EXPECT_TRUE(report->sent);
  EXPECT_EQ(report->facts.http_status, 429);
}

TEST(LeaseGuard, ReportMeanwhileThenTheLeaseIsStillOpen) {
  RecordingSession session;
  LeaseGuard guard(session, Grant(), Asked());
  guard.MarkSent();
  const std::vector<ResourceNote> notes = {{"live/a", absl::Hours(24)}};
  const ReportCommand report = guard.Meanwhile(notes);
  EXPECT_TRUE(report.goes_on);
  EXPECT_EQ(report.lease, Grant().lease);
  EXPECT_EQ(report.epoch, Grant().epoch);
  EXPECT_EQ(report.key, Grant().key);
  EXPECT_EQ(report.client, "10.0.0.7");
  EXPECT_EQ(report.resources, notes);
  guard.Settle(Facts(200));
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_FALSE(session.reports[0].goes_on);
}

TEST(LeaseGuard, ReportOfResourcesThenItNamesTheKeyForAKeydThatWasRestarted) {
  RecordingSession session;
  const std::vector<ResourceNote> notes = {{"files/a", absl::Hours(48)}};
  LeaseGuard settled(session, Grant(), Asked());
  settled.MarkSent();
  settled.Settle(Facts(200), {.resources = notes});
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_EQ(session.reports[0].resources, notes);
  EXPECT_EQ(session.reports[0].key, Grant().key);
  LeaseGuard released(session, Grant(), Asked());
  released.MarkSent();
  const std::optional<ReportCommand> report = released.Release(Facts(200), {.resources = notes});
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->resources, notes);
  EXPECT_EQ(report->model, "m");
}

class AcquireWaitTest : public testing::Test {
 protected:
  Wakeup wakeup_;
  RecordingSession* session_ = new RecordingSession;
  LeaseClient leases_{std::unique_ptr<client::LeaseSession>(session_), SystemClock()};
};

// An acquire that no stock can serve: a second attempt.
client::AcquireOptions WithReport() {
  client::AcquireOptions options;
  options.previous.emplace();
  options.previous->lease = LeaseId(5);
  return options;
}

TEST_F(AcquireWaitTest, HandsOverTheAnswer) {
  for (const client::AcquireOptions& options : {client::AcquireOptions(), WithReport()}) {
    AcquireWait wait(leases_, options, &wakeup_);
    EXPECT_FALSE(wait.Done());
    session_->Answer(session_->last, client::AcquireResult(Grant()));
    ASSERT_TRUE(wait.Done());
    const auto result = wait.Take();
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(std::get<client::LeaseGrant>(*result).lease, LeaseId(7));
  }
  EXPECT_TRUE(session_->cancelled.empty());
  EXPECT_TRUE(session_->reports.empty());
}

TEST_F(AcquireWaitTest, SecondAttemptThatIsGivenUpIsCancelled) {
  { const AcquireWait wait(leases_, WithReport(), &wakeup_); }
  EXPECT_THAT(session_->cancelled, testing::ElementsAre(1u));
}

TEST_F(AcquireWaitTest, FirstAttemptThatIsGivenUpLeavesItsLeaseToTheNext) {
  { const AcquireWait wait(leases_, {}, &wakeup_); }
  session_->Answer(1, client::AcquireResult(Grant(11)));
  AcquireWait next(leases_, {}, &wakeup_);
  ASSERT_TRUE(next.Done());
  EXPECT_EQ(std::get<client::LeaseGrant>(*next.Take()).lease, LeaseId(11));
}

TEST_F(AcquireWaitTest, ReportThatWentAlongSurvivesAFailure) {
  {
    AcquireWait wait(leases_, WithReport(), &wakeup_);
    session_->Answer(1, absl::UnavailableError("gone"));
  }
  ASSERT_EQ(session_->reports.size(), 1u);
  EXPECT_EQ(session_->reports[0].lease, LeaseId(5));
  { const AcquireWait cancelled(leases_, WithReport(), &wakeup_); }
  EXPECT_EQ(session_->reports.size(), 2u);
}

TEST_F(AcquireWaitTest, ReportThatKeydGotIsNotSentAgain) {
  {
    AcquireWait wait(leases_, WithReport(), &wakeup_);
    session_->Answer(
        1, client::AcquireResult(Refusal{RefusalReason::kExhausted, {}, false, 0, {}, ""}));
  }
  EXPECT_TRUE(session_->reports.empty());
}

TEST_F(AcquireWaitTest, ManyModelsAreServedAllTheSame) {
  std::vector<std::unique_ptr<AcquireWait>> waits;
  for (int i = 0; i < 200; ++i) {
    client::AcquireOptions options;
    options.command.model = "model-" + std::to_string(i);
    waits.push_back(std::make_unique<AcquireWait>(leases_, options, &wakeup_));
  }
  ASSERT_EQ(session_->acquires.size(), 200u);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(session_->acquires[static_cast<std::size_t>(i)].command.model,
              "model-" + std::to_string(i));
    session_->Answer(static_cast<std::uint64_t>(i + 1), client::AcquireResult(Grant()));
    EXPECT_TRUE(waits[static_cast<std::size_t>(i)]->Done());
  }
}

}  // namespace
}  // namespace keypool::proxy
