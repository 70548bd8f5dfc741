// What a LeaseSession does when keyd, the stream or the caller goes away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/keyd/client/lease_session_fixture.h"

namespace keypool::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(LeaseSessionTest, UnreachableKeydFailsAcquiresWithUnavailableThatNamesTheAddress) {
  OpenSession();
  Results results;
  Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  EXPECT_EQ(results[0].status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(results[0].status().message()), HasSubstr(address_));
  // From now on it is known, and nobody waits.
  const int posts = loop_.posts();
  Acquire("m", &results);
  EXPECT_EQ(loop_.posts(), posts + 1);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 2; }));
  EXPECT_EQ(results[1].status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(LeaseSessionTest, KeydThatComesLateIsFound) {
  OpenSession();
  StartServer();
  ASSERT_TRUE(loop_.RunUntil([&] { return session_->Connected(); }));
  Results results;
  Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  EXPECT_TRUE(results[0].ok()) << results[0].status();
}

TEST_F(LeaseSessionTest, BrokenStreamFailsWhatWaitsAndTheNextOneResendsReports) {
  Connect();
  engine_.Hold();
  Results results;
  Acquire("m", &results, ReportOf(70));
  session_->Report(ReportOf(71));
  session_->Report(ReportOf(72));
  ASSERT_TRUE(loop_.RunUntil([&] { return engine_.Waiting() >= 1; }));
  // The server stops answering: its engine is held, so it is cut off hard.
  std::unique_ptr<rpc::Server> old = std::move(server_);
  std::thread stop([&] { old = nullptr; });
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  EXPECT_EQ(results[0].status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(session_->Connected());
  engine_.Release();
  stop.join();
  const std::size_t before = engine_.Reports().size();
  StartServer();
  ASSERT_TRUE(loop_.RunUntil([&] { return session_->Connected(); }));
  const auto again = [&] {
    std::vector<std::uint64_t> leases = LeasesOf(engine_.Reports());
    return std::vector<std::uint64_t>(leases.begin() + static_cast<std::ptrdiff_t>(before),
                                      leases.end());
  };
  const auto all_again = [&] {
    return ::testing::Matches(::testing::IsSupersetOf({70, 71, 72}))(again());
  };
  EXPECT_TRUE(loop_.RunUntil(all_again)) << ::testing::PrintToString(again());
}

TEST_F(LeaseSessionTest, ConfirmedReportsAreNotSentAgain) {
  Connect();
  session_->Report(ReportOf(1));
  ASSERT_TRUE(WaitForReports(1));
  // An answered acquire on the same stream comes after the confirmation.
  Results results;
  Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  server_ = nullptr;
  ASSERT_TRUE(loop_.RunUntil([&] { return !session_->Connected(); }));
  StartServer();
  ASSERT_TRUE(loop_.RunUntil([&] { return session_->Connected(); }));
  Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 2; }));
  EXPECT_THAT(LeasesOf(engine_.Reports()), ElementsAre(1));
}

TEST_F(LeaseSessionTest, CancelledAcquireIsGivenBackUnsent) {
  Connect();
  engine_.Hold();
  Results results;
  const std::uint64_t id = Acquire("m", &results);
  session_->Cancel(id);
  engine_.Release();
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_FALSE(engine_.Reports()[0].sent);
  EXPECT_EQ(engine_.Reports()[0].epoch, Epoch(fakes::FakeEngine::kEpoch));
  EXPECT_THAT(results, SizeIs(0));
}

TEST_F(LeaseSessionTest, AcquireOutOfTimeFailsAndItsGrantIsGivenBack) {
  Connect();
  engine_.Hold();
  Results results;
  Acquire("m", &results);
  clock_.Advance(absl::Seconds(3));
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  EXPECT_EQ(results[0].status().code(), absl::StatusCode::kDeadlineExceeded);
  engine_.Release();
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_FALSE(engine_.Reports()[0].sent);
}

TEST_F(LeaseSessionTest, DestructionSendsReportsAndGivesBackWhatIsStillGranted) {
  Connect();
  engine_.Hold();
  Results results;
  Acquire("m", &results);
  session_->Report(ReportOf(33));
  ASSERT_TRUE(loop_.RunUntil([&] { return engine_.Waiting() >= 1; }));
  std::thread release([&] { engine_.Release(); });
  session_ = nullptr;
  release.join();
  std::vector<std::uint64_t> sent, unsent;
  for (const ReportCommand& report : engine_.Reports()) {
    (report.sent ? sent : unsent).push_back(report.lease.value());
  }
  EXPECT_THAT(sent, ElementsAre(33));
  EXPECT_THAT(unsent, ElementsAre(1));
  EXPECT_THAT(results, SizeIs(0)) << "no callback after the end";
}

TEST_F(LeaseSessionTest, CallbackMayDestroyTheSession) {
  Connect();
  engine_.Hold();
  int called = 0;
  for (int i = 0; i < 3; ++i) {
    session_->Acquire({.command = {.kind = Kind::kMetered,
                                   .model = "m",
                                   .exclude_keys = {},
                                   .exclude_projects = {}},
                       .previous = std::nullopt,
                       .timeout = absl::Seconds(2)},
                      [&](absl::StatusOr<AcquireResult>) {
                        ++called;
                        session_ = nullptr;
                      });
  }
  engine_.Release();
  ASSERT_TRUE(loop_.RunUntil([&] { return session_ == nullptr; }));
  EXPECT_EQ(called, 1);
}

TEST_F(LeaseSessionTest, FullMailboxIsOfferedTheMessageAgain) {
  Connect();
  engine_.TurnAway(3);
  Results results;
  session_->Report(ReportOf(8));
  Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  EXPECT_TRUE(results[0].ok()) << results[0].status();
  EXPECT_THAT(engine_.Log(), ElementsAre("report 8", "acquire m"));
}

TEST_F(LeaseSessionTest, StoppingKeydEndsTheStreamAfterItsAnswers) {
  Connect();
  engine_.Hold();
  Results results;
  Acquire("m", &results);
  ASSERT_TRUE(loop_.RunUntil([&] { return engine_.Waiting() == 1; }));
  std::thread stop([&] { server_->Stop(); });
  engine_.Release();
  ASSERT_TRUE(loop_.RunUntil([&] { return results.size() == 1; }));
  EXPECT_TRUE(results[0].ok()) << results[0].status();
  stop.join();
  ASSERT_TRUE(loop_.RunUntil([&] { return !session_->Connected(); }));
}

}  // namespace
}  // namespace keypool::client
