// Acquires that keyd holds back, over a real server and engine on a clock that a test turns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keyd/client/lease_session.h"
#include "keyd/rpc/server.h"
#include "keyd/store/mem_store.h"
#include "tests/fakes/engine/owner_loop.h"
#include "tests/fakes/keyd/fake_clock.h"
#include "tests/fakes/keyd/temp_dir.h"

namespace keypool::client {
namespace {

// A grant weighs on its minute this long; the pool may take one a minute.
constexpr absl::Duration kSpan = absl::Milliseconds(60'500);

using Result = std::optional<absl::StatusOr<AcquireResult>>;

class LeaseSessionWaitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    engine::Options options;
    ASSERT_TRUE(absl::LoadTimeZone("America/Los_Angeles", &options.pool.pacific));
    options.pool.default_limits = {.requests_per_minute = 1, .requests_per_day = 100};
    auto engine = engine::Engine::Start(options, clock_, store_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
    AddKeyCommand key;
    key.secret = std::make_shared<const Secret>("secret-of-the-key");
    engine_->AddKey(key, [](absl::StatusOr<KeyStatus> added) { EXPECT_TRUE(added.ok()); });
    auto server = rpc::Server::Start({.listen = address_,
                                      .send_by = absl::Milliseconds(500),
                                      .lease_time_to_live = absl::Minutes(10),
                                      .threads = 1,
                                      .drain_max = absl::Milliseconds(200)},
                                     engine_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    session_ = Open();
    Result first;
    Acquire(*session_, &first, absl::ZeroDuration());
    ASSERT_TRUE(loop_.RunUntil([&] { return first.has_value(); }));
    ASSERT_TRUE(Granted(first));
  }

  std::unique_ptr<LeaseSession> Open() {
    auto session = LeaseSession::Open({.address = address_, .post = loop_.Poster()}, clock_);
    EXPECT_TRUE(loop_.RunUntil([&] { return session->Connected(); }));
    return session;
  }
  static std::uint64_t Acquire(LeaseSession& session, Result* result,
                               absl::Duration wait = absl::Minutes(2)) {
    AcquireOptions options;
    options.command.model = "m";
    options.command.wait_up_to = wait;
    options.timeout = absl::Minutes(10);  // the clock is turned
    return session.Acquire(std::move(options), [result](absl::StatusOr<AcquireResult> answer) {
      *result = std::move(answer);
    });
  }
  static bool Granted(const Result& result) {
    return result.has_value() && result->ok() && std::holds_alternative<LeaseGrant>(**result);
  }
  // keyd knows of everything that was said so far: a request that does not wait comes back.
  void Settle(LeaseSession& session) {
    Result now;
    Acquire(session, &now, absl::ZeroDuration());
    ASSERT_TRUE(loop_.RunUntil([&] { return now.has_value(); }));
  }

  fakes::TempDir dir_;
  const std::string address_ = "unix:" + dir_.File("keyd.sock");
  fakes::FakeClock clock_;
  store::MemStore store_;
  fakes::OwnerLoop loop_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<LeaseSession> session_;
};

TEST_F(LeaseSessionWaitTest, IsGrantedWhenASlotOpensAndMayBeSentFromThenOn) {
  Result result;
  const MonoTime asked_at = clock_.MonoNow();
  Acquire(*session_, &result);
  Settle(*session_);
  EXPECT_FALSE(result.has_value());
  clock_.Advance(kSpan);
  ASSERT_TRUE(loop_.RunUntil([&] { return result.has_value(); }));
  ASSERT_TRUE(Granted(result));
  EXPECT_EQ(std::get<LeaseGrant>(**result).send_by, asked_at + kSpan + absl::Milliseconds(500));
}

TEST_F(LeaseSessionWaitTest, WhoLeavesCostsNothing) {
  Result gone, stays;
  const std::uint64_t acquire = Acquire(*session_, &gone);
  Acquire(*session_, &stays);
  Settle(*session_);
  session_->Cancel(acquire);
  Settle(*session_);
  Settle(
      *session_);  // the first one may have gone out with what is withdrawn, and is read before it
  clock_.Advance(kSpan);
  ASSERT_TRUE(loop_.RunUntil([&] { return stays.has_value(); }));
  EXPECT_TRUE(Granted(stays));
  EXPECT_FALSE(gone.has_value());
}

TEST_F(LeaseSessionWaitTest, CancelledBeforeItWentOutItIsNeverGranted) {
  Result gone, stays;
  session_->Cancel(Acquire(*session_, &gone));
  Acquire(*session_, &stays);
  Settle(*session_);
  Settle(*session_);  // the first one may have gone out with what is withdrawn
  clock_.Advance(kSpan);
  ASSERT_TRUE(loop_.RunUntil([&] { return stays.has_value(); }));
  EXPECT_TRUE(Granted(stays));
}

TEST_F(LeaseSessionWaitTest, AProxyThatGoesAwayLeavesItsPlace) {
  Result gone, stays;
  std::unique_ptr<LeaseSession> other = Open();
  Acquire(*other, &gone);
  Settle(*other);
  Acquire(*session_, &stays);
  Settle(*session_);
  other = nullptr;
  // Until keyd has noticed, the slot may go to the one that is gone, which gives it back unsent.
  ASSERT_TRUE(loop_.RunUntil([&] {
    clock_.Advance(absl::Seconds(1));
    return stays.has_value();
  }));
  EXPECT_TRUE(Granted(stays));
}

TEST_F(LeaseSessionWaitTest, IsToldWhenKeydStops) {
  Result result;
  Acquire(*session_, &result);
  Settle(*session_);
  server_->Stop();
  ASSERT_TRUE(loop_.RunUntil([&] { return result.has_value(); }));
  EXPECT_EQ(result->status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(LeaseSessionWaitTest, ManyWaitAndEachGetsOneAnswer) {
  constexpr int kMany = 3'000;
  std::vector<Result> results(kMany);
  for (Result& result : results) Acquire(*session_, &result);
  Settle(*session_);
  int answered = 0;
  ASSERT_TRUE(loop_.RunUntil([&] {
    clock_.Advance(absl::Seconds(1));
    answered = 0;
    for (const Result& result : results) answered += result.has_value();
    return answered == kMany;
  }));
  for (const Result& result : results) EXPECT_TRUE(result->ok()) << result->status();
}

}  // namespace
}  // namespace keypool::client
