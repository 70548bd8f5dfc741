// LeaseSession against a real server over a unix socket, with an engine that does as it is told.
#include "keyd/client/lease_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "keyd/rpc/server.h"
#include "tests/fakes/engine/fake_engine.h"
#include "tests/fakes/engine/owner_loop.h"
#include "tests/fakes/keyd/fake_clock.h"
#include "tests/fakes/keyd/temp_dir.h"

namespace keypool::client {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Results = std::vector<absl::StatusOr<AcquireResult>>;

class LeaseSessionTest : public ::testing::Test {
 protected:
  ~LeaseSessionTest() override { session_ = nullptr; }

  void StartServer() {
    auto server = rpc::Server::Start({.listen = address_,
                                      .send_by = absl::Milliseconds(400),
                                      .lease_time_to_live = absl::Minutes(10),
                                      .threads = 1,
                                      .drain_max = absl::Milliseconds(200)},
                                     &engine_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void OpenSession(std::size_t reports_max = 65'536, std::size_t acquires_max = 16'384) {
    session_ = LeaseSession::Open({.address = address_,
                                   .acquires_max = acquires_max,
                                   .reports_max = reports_max,
                                   .post = loop_.Poster()},
                                  clock_);
  }

  void Connect() {
    StartServer();
    OpenSession();
    ASSERT_TRUE(loop_.RunUntil([&] { return session_->Connected(); }));
  }

  std::uint64_t Acquire(const std::string& model, Results* results,
                        std::optional<ReportCommand> previous = std::nullopt) {
    AcquireOptions options;
    options.command.model = model;
    options.previous = std::move(previous);
    return session_->Acquire(std::move(options), [results](absl::StatusOr<AcquireResult> result) {
      results->push_back(std::move(result));
    });
  }

  static ReportCommand ReportOf(std::uint64_t lease) {
    ReportCommand report;
    report.lease = LeaseId(lease);
    report.epoch = Epoch(fakes::FakeEngine::kEpoch);
    report.facts.http_status = 200;
    return report;
  }

  static std::vector<std::uint64_t> LeasesOf(const std::vector<ReportCommand>& reports) {
    std::vector<std::uint64_t> leases;
    for (const ReportCommand& report : reports) leases.push_back(report.lease.value());
    return leases;
  }

  bool WaitForReports(std::size_t n) {
    return loop_.RunUntil([&] { return engine_.Reports().size() >= n; });
  }

  fakes::TempDir dir_;
  const std::string address_ = "unix:" + dir_.File("keyd.sock");
  fakes::FakeClock clock_;
  fakes::OwnerLoop loop_;
  fakes::FakeEngine engine_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<LeaseSession> session_;
};

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
