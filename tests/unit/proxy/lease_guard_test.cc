// The guard, and the wait for a lease, against a lease session that only writes down.
#include "proxy/lease_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/lease_client.h"

namespace keypool::proxy {
namespace {

class RecordingSession : public client::LeaseSession {
 public:
  std::uint64_t Acquire(client::AcquireOptions options, Callback done) override {
    acquires.push_back(std::move(options));
    waiting[++last] = std::move(done);
    return last;
  }
  void Cancel(std::uint64_t acquire) override {
    cancelled.push_back(acquire);
    waiting.erase(acquire);
  }
  void Report(ReportCommand report) override { reports.push_back(std::move(report)); }
  bool Connected() const override { return true; }
  std::uint64_t ReportsDropped() const override { return 0; }

  void Answer(std::uint64_t acquire, absl::StatusOr<client::AcquireResult> result) {
    const Callback done = std::move(waiting.at(acquire));
    waiting.erase(acquire);
    done(std::move(result));
  }

  std::uint64_t last = 0;
  std::map<std::uint64_t, Callback> waiting;
  std::vector<client::AcquireOptions> acquires;
  std::vector<std::uint64_t> cancelled;
  std::vector<ReportCommand> reports;
};

client::LeaseGrant Grant() {
  client::LeaseGrant grant;
  grant.lease = LeaseId(7);
  grant.epoch = Epoch(3);
  grant.key = KeyId(2);
  grant.secret = std::make_shared<const Secret>("AIza-not-a-real-key");
  grant.project = ProjectId("p");
  return grant;
}

AnswerFacts Facts(int status) {
  AnswerFacts facts;
  facts.http_status = status;
  return facts;
}

TEST(LeaseGuard, DroppedBeforeSendingGivesTheChargeBack) {
  RecordingSession session;
  { const LeaseGuard guard(session, Grant(), "m"); }
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_EQ(session.reports[0].lease, LeaseId(7));
  EXPECT_EQ(session.reports[0].epoch, Epoch(3));
  EXPECT_FALSE(session.reports[0].sent);
  EXPECT_EQ(session.reports[0].facts.http_status, 0);
}

TEST(LeaseGuard, DroppedAfterSendingCountsAsSent) {
  RecordingSession session;
  {
    LeaseGuard guard(session, Grant(), "m");
    guard.MarkSent();
  }
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_TRUE(session.reports[0].sent);
}

TEST(LeaseGuard, SettlesOnceHoweverOftenItIsAsked) {
  RecordingSession session;
  {
    LeaseGuard guard(session, Grant(), "m");
    guard.MarkSent();
    guard.Settle(Facts(200));
    guard.Settle(Facts(500));
  }
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_EQ(session.reports[0].facts.http_status, 200);
}

TEST(LeaseGuard, TellsKeyAndModelOnlyWhereSomethingIsToBeBlamed) {
  RecordingSession session;
  LeaseGuard(session, Grant(), "m").Settle(Facts(200));
  LeaseGuard(session, Grant(), "m").Settle(Facts(429));
  ASSERT_EQ(session.reports.size(), 2u);
  EXPECT_EQ(session.reports[0].key, KeyId(0));
  EXPECT_EQ(session.reports[1].key, KeyId(2));
  EXPECT_EQ(session.reports[1].model, "m");
}

TEST(LeaseGuard, MovesWithItsLease) {
  RecordingSession session;
  LeaseGuard first(session, Grant(), "m");
  first.MarkSent();
  LeaseGuard second = std::move(first);
  EXPECT_FALSE(first.Open());
  EXPECT_TRUE(second.Open());
  EXPECT_TRUE(session.reports.empty());
  second = LeaseGuard(session, Grant(), "m");  // the lease that it held is settled
  ASSERT_EQ(session.reports.size(), 1u);
  EXPECT_TRUE(session.reports[0].sent);
  EXPECT_FALSE(second.Sent());
}

TEST(LeaseGuard, ReleasedReportIsTheCallersToDeliver) {
  RecordingSession session;
  std::optional<ReportCommand> report;
  {
    LeaseGuard guard(session, Grant(), "m");
    guard.MarkSent();
    report = guard.Release(Facts(429));
  }
  EXPECT_TRUE(session.reports.empty());
  ASSERT_TRUE(report.has_value());
  EXPECT_TRUE(report->sent);
  EXPECT_EQ(report->facts.http_status, 429);
}

class AcquireWaitTest : public testing::Test {
 protected:
  Wakeup wakeup_;
  RecordingSession session_;
};

TEST_F(AcquireWaitTest, HandsOverTheAnswer) {
  AcquireWait wait(session_, {}, &wakeup_);
  EXPECT_FALSE(wait.Done());
  session_.Answer(1, client::AcquireResult(Grant()));
  ASSERT_TRUE(wait.Done());
  const auto result = wait.Take();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(std::get<client::LeaseGrant>(*result).lease, LeaseId(7));
  EXPECT_TRUE(session_.cancelled.empty());
}

TEST_F(AcquireWaitTest, DestroyedBeforeTheAnswerCancels) {
  { const AcquireWait wait(session_, {}, &wakeup_); }
  EXPECT_THAT(session_.cancelled, testing::ElementsAre(1u));
}

TEST_F(AcquireWaitTest, ReportThatWentAlongSurvivesAFailure) {
  client::AcquireOptions options;
  options.previous.emplace();
  options.previous->lease = LeaseId(5);
  {
    AcquireWait wait(session_, options, &wakeup_);
    session_.Answer(1, absl::UnavailableError("gone"));
  }
  ASSERT_EQ(session_.reports.size(), 1u);
  EXPECT_EQ(session_.reports[0].lease, LeaseId(5));
  { const AcquireWait cancelled(session_, options, &wakeup_); }
  EXPECT_EQ(session_.reports.size(), 2u);
}

TEST_F(AcquireWaitTest, ReportThatKeydGotIsNotSentAgain) {
  client::AcquireOptions options;
  options.previous.emplace();
  {
    AcquireWait wait(session_, options, &wakeup_);
    session_.Answer(1, client::AcquireResult(Refusal{RefusalReason::kExhausted, {}, false, 0, ""}));
  }
  EXPECT_TRUE(session_.reports.empty());
}

}  // namespace
}  // namespace keypool::proxy
