// A LeaseSession while all goes well, and its bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/keyd/client/lease_session_fixture.h"

namespace keypool::client {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(LeaseSessionTest, AcquireGetsAGrantThatCountsFromWhenItWasQueued) {
  Connect();
  Results results;
  const MonoTime queued = clock_.MonoNow();
  Acquire("gemini-2.5-flash", &results);
  EXPECT_THAT(results, SizeIs(0)) << "never inside the call";
  clock_.Advance(absl::Milliseconds(100));
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  ASSERT_TRUE(results[0].ok()) << results[0].status();
  const auto& grant = std::get<LeaseGrant>(*results[0]);
  EXPECT_EQ(grant.epoch, Epoch(fakes::FakeEngine::kEpoch));
  EXPECT_EQ(grant.key, KeyId(1));
  EXPECT_EQ(grant.project, ProjectId("p-1"));
  EXPECT_EQ(*grant.secret, Secret(fakes::FakeEngine::kSecret));
  EXPECT_EQ(grant.send_by, queued + absl::Milliseconds(400));
}

TEST_F(LeaseSessionTest, RefusalIsAnAnswer) {
  Connect();
  Results results;
  Acquire("exhausted", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  ASSERT_TRUE(results[0].ok()) << results[0].status();
  const auto& refusal = std::get<Refusal>(*results[0]);
  EXPECT_EQ(refusal.reason, RefusalReason::kExhausted);
  EXPECT_EQ(refusal.retry_after, absl::Seconds(12));
  EXPECT_TRUE(refusal.spent_for_the_day);
  EXPECT_EQ(refusal.limit, 250);
  EXPECT_EQ(refusal.message, "come back tomorrow");
}

TEST_F(LeaseSessionTest, InvalidAcquireFailsAloneAndNamesTheField) {
  Connect();
  Results bad, good;
  Acquire(std::string("\xff\xfe"), &bad);
  Acquire(std::string(200, 'm'), &bad);
  Acquire("m", &good);
  ASSERT_TRUE(loop_.RunUntil([&] { return bad.size() + good.size() == 3; }));
  for (const auto& result : bad) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(result.status().message()), HasSubstr("model"));
  }
  EXPECT_TRUE(good[0].ok());
}

TEST_F(LeaseSessionTest, AcquiresQueuedWhileOneIsWrittenTravelTogether) {
  Connect();
  Results results;
  for (int i = 0; i < 500; ++i) Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 500; }));
  EXPECT_EQ(engine_.PostSizes().size(), 1u);
}

TEST_F(LeaseSessionTest, AnswersReadyAtOnceArriveInOnePost) {
  Connect();
  engine_.Hold();
  Results results;
  for (int i = 0; i < 100; ++i) Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return engine_.Waiting() >= 1; }));
  const int before = loop_.posts();
  engine_.Release();
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 100; }));
  EXPECT_LT(loop_.posts() - before, 50);
}

TEST_F(LeaseSessionTest, ReportIsAppliedBeforeTheAcquireThatFollowsIt) {
  Connect();
  Results results;
  session_->Report(ReportOf(91));
  Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  EXPECT_THAT(engine_.Log(), ElementsAre("report 91", "acquire m"));
}

TEST_F(LeaseSessionTest, LoneReportArrivesWithoutAnAcquire) {
  Connect();
  session_->Report(ReportOf(5));
  ASSERT_TRUE(WaitForReports(1));
  session_->Report(ReportOf(6));
  ASSERT_TRUE(WaitForReports(2));
  EXPECT_THAT(LeasesOf(engine_.Reports()), ElementsAre(5, 6));
}

TEST_F(LeaseSessionTest, ReportOfTheAttemptBeforeTravelsWithTheAcquire) {
  Connect();
  Results results;
  Acquire("m", &results, ReportOf(44));
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  EXPECT_THAT(engine_.Log(), ElementsAre("report 44", "acquire m"));
}

TEST_F(LeaseSessionTest, TooManyAcquiresAreTurnedAwayAtOnce) {
  StartServer();
  OpenSession(65'536, 2);
  ASSERT_TRUE(loop_.RunUntil([&] { return session_->Connected(); }));
  engine_.Hold();
  Results results;
  for (int i = 0; i < 3; ++i) Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  EXPECT_EQ(results[0].status().code(), absl::StatusCode::kResourceExhausted);
  engine_.Release();
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 3; }));
}

TEST_F(LeaseSessionTest, TooManyReportsDropTheOldestAndCountIt) {
  OpenSession(2);
  for (std::uint64_t lease = 1; lease <= 5; ++lease) session_->Report(ReportOf(lease));
  EXPECT_EQ(session_->ReportsDropped(), 3u);
  StartServer();
  ASSERT_TRUE(WaitForReports(2));
  EXPECT_THAT(LeasesOf(engine_.Reports()), ElementsAre(4, 5));
}

TEST_F(LeaseSessionTest, MoreThanOneMessageMayHoldIsSplit) {
  OpenSession(65'536);
  std::vector<std::uint64_t> expected;
  for (std::uint64_t lease = 1; lease <= 6000; ++lease) {
    session_->Report(ReportOf(lease));
    expected.push_back(lease);
  }
  StartServer();
  ASSERT_TRUE(WaitForReports(6000));
  EXPECT_EQ(LeasesOf(engine_.Reports()), expected);
  Results results;
  for (int i = 0; i < 6000; ++i) Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 6000; }));
  EXPECT_THAT(engine_.PostSizes(), Each(::testing::Le(2048u)));
}

TEST_F(LeaseSessionTest, SessionsOfOneProcessShareAPollerAndEndOneByOne) {
  StartServer();
  const std::shared_ptr<Poller> poller = MakePoller();
  std::vector<std::unique_ptr<LeaseSession>> sessions;
  for (int i = 0; i < 3; ++i) {
    sessions.push_back(LeaseSession::Open(
        {.address = address_, .post = loop_.Poster(), .poller = poller}, clock_));
  }
  while (!sessions.empty()) {
    std::size_t granted = 0;
    for (const auto& session : sessions) {
      ASSERT_TRUE(loop_.RunUntil([&] { return session->Connected(); }));
      AcquireOptions options;
      options.command.model = "m";
      session->Acquire(std::move(options),
                       [&](absl::StatusOr<AcquireResult> result) { granted += result.ok(); });
    }
    ASSERT_TRUE(loop_.RunUntil([&] { return granted == sessions.size(); }));
    sessions.pop_back();
  }
}

}  // namespace
}  // namespace keypool::client
