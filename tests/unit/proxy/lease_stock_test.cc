#include "proxy/lease_stock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "tests/unit/proxy/recording_session.h"

namespace keypool::proxy {
namespace {

class Taker final : public LeaseTaker {
 public:
  void OnLease(absl::StatusOr<client::AcquireResult> r) override {
    EXPECT_FALSE(result.has_value()) << "told twice";
    result = std::move(r);
  }
  bool Granted() const {
    return result.has_value() && result->ok() &&
           std::holds_alternative<client::LeaseGrant>(**result);
  }
  std::optional<absl::StatusOr<client::AcquireResult>> result;
};

client::AcquireResult Refused() {
  return Refusal{RefusalReason::kExhausted, absl::Seconds(1), false, 10, {}, "spent"};
}

class LeaseStockTest : public testing::Test {
 protected:
  void Take(Taker* taker) { stock_->Take(taker, tokens_, now_); }
  // Answers every acquire that waits, each with a lease of its own.
  void GrantAll() {
    while (!session_.waiting.empty()) {
      session_.Answer(session_.waiting.begin()->first, client::AcquireResult(Grant(++leases_)));
    }
  }
  // Requests one after the other, `gap` apart, each granted at once.
  void Serve(int requests, absl::Duration gap) {
    for (int i = 0; i < requests; ++i) {
      now_ = now_ + gap;
      Taker taker;
      Take(&taker);
      GrantAll();
      EXPECT_TRUE(taker.Granted());
    }
  }
  // Asked for, and neither handed out nor given back.
  std::size_t Stocked(int handed_out) const {
    return session_.acquires.size() - static_cast<std::size_t>(handed_out) -
           session_.reports.size();
  }

  RecordingSession session_;
  std::uint64_t leases_ = 0;
  std::int64_t tokens_ = 0;  // of each request
  MonoTime now_ = MonoTime::FromNanoseconds(1'000'000'000'000);
  std::unique_ptr<LeaseStock> stock_ =
      std::make_unique<LeaseStock>(session_, Kind::kMetered, "m", now_);
};

TEST_F(LeaseStockTest, SlowThreadAsksOncePerRequestAndKeepsNothing) {
  Serve(1'000, absl::Milliseconds(2));
  EXPECT_EQ(session_.acquires.size(), 1'000u);
  EXPECT_EQ(session_.acquires[0].command.model, "m");
  EXPECT_EQ(session_.acquires[0].command.kind, Kind::kMetered);
}

TEST_F(LeaseStockTest, BurstOfAHundredIsNotTakenForThePace) {
  Serve(100, absl::Microseconds(10));
  EXPECT_EQ(session_.acquires.size(), 100u);
}

TEST_F(LeaseStockTest, BusyThreadKeepsWhatItNeedsInTheNextMilliseconds) {
  Serve(2'000, absl::Microseconds(100));
  const std::size_t expected =
      static_cast<std::size_t>(LeaseStock::kAhead / absl::Microseconds(100));
  EXPECT_GE(Stocked(2'000), expected / 2);
  EXPECT_LE(Stocked(2'000), expected);
  // Then a lease is there before it is asked for.
  Taker taker;
  Take(&taker);
  EXPECT_TRUE(taker.Granted());
}

TEST_F(LeaseStockTest, StockIsBounded) {
  Serve(5'000, absl::Microseconds(1));
  EXPECT_LE(Stocked(5'000), LeaseStock::kStockMax);
}

TEST_F(LeaseStockTest, BusyThreadAsksInBatches) {
  Serve(2'000, absl::Microseconds(100));
  int asked = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::size_t before = session_.acquires.size();
    Serve(1, absl::Microseconds(100));
    if (session_.acquires.size() > before) ++asked;
  }
  EXPECT_GE(asked, 10);
  EXPECT_LE(asked, 100);
}

TEST_F(LeaseStockTest, WhatLiesTooLongGoesBackUnsent) {
  Serve(2'000, absl::Microseconds(100));
  const std::size_t stocked = Stocked(2'000);
  ASSERT_GT(stocked, 0u);
  now_ = now_ + LeaseStock::kLeaseAgeMax + absl::Milliseconds(1);
  stock_->Tick(now_);
  EXPECT_EQ(session_.reports.size(), stocked);
  for (const ReportCommand& report : session_.reports) EXPECT_FALSE(report.sent);
  EXPECT_EQ(Stocked(2'000), 0u);
}

TEST_F(LeaseStockTest, OldLeaseIsNotHandedOutBetweenTicks) {
  Serve(2'000, absl::Microseconds(100));
  now_ = now_ + LeaseStock::kLeaseAgeMax + absl::Milliseconds(1);
  Taker taker;
  Take(&taker);
  EXPECT_FALSE(taker.result.has_value());
  EXPECT_GT(session_.reports.size(), 0u);
  GrantAll();
  EXPECT_TRUE(taker.Granted());
}

TEST_F(LeaseStockTest, NothingIsHandedOutWhileKeydIsAway) {
  Serve(2'000, absl::Microseconds(100));
  const std::size_t stocked = Stocked(2'000);
  session_.connected = false;
  Taker taker;
  Take(&taker);
  EXPECT_FALSE(taker.result.has_value());
  EXPECT_EQ(session_.reports.size(), stocked);
}

TEST_F(LeaseStockTest, RefusalEndsTheStockAndIsToldToWhoWaits) {
  Serve(2'000, absl::Microseconds(100));
  now_ = now_ + absl::Seconds(1);
  stock_->Tick(now_);
  Taker taker;
  Take(&taker);
  while (!session_.waiting.empty()) {
    session_.Answer(session_.waiting.begin()->first, Refused());
  }
  ASSERT_TRUE(taker.result.has_value());
  EXPECT_FALSE(taker.Granted());
  const std::size_t before = session_.acquires.size();
  Serve(100, absl::Microseconds(100));
  EXPECT_EQ(session_.acquires.size(), before + 100);
}

TEST_F(LeaseStockTest, ErrorReachesEverybodyWhoWaits) {
  std::vector<Taker> takers(20);
  for (Taker& taker : takers) Take(&taker);
  while (!session_.waiting.empty()) {
    session_.Answer(session_.waiting.begin()->first, absl::UnavailableError("away"));
  }
  for (const Taker& taker : takers) {
    ASSERT_TRUE(taker.result.has_value());
    EXPECT_EQ(taker.result->status().code(), absl::StatusCode::kUnavailable);
  }
}

TEST_F(LeaseStockTest, WhoWaitedLongestIsServedFirst) {
  Taker first, second;
  Take(&first);
  Take(&second);
  session_.Answer(2, client::AcquireResult(Grant(1)));
  EXPECT_TRUE(first.Granted());
  EXPECT_FALSE(second.result.has_value());
}

TEST_F(LeaseStockTest, LeftoversGoBackAtTheEnd) {
  Serve(2'000, absl::Microseconds(100));
  const std::size_t stocked = Stocked(2'000);
  stock_.reset();
  EXPECT_EQ(session_.reports.size(), stocked);
}

// Whatever happens in whatever order: everybody who stays is answered once, and every lease is
// either handed out or given back.
TEST_F(LeaseStockTest, NothingIsLostInAnyOrder) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::vector<std::unique_ptr<Taker>> waiting;
  std::size_t handed_out = 0, granted = 0, failed = 0;
  const auto collect = [&] {
    std::erase_if(waiting, [&](const std::unique_ptr<Taker>& taker) {
      if (!taker->result.has_value()) return false;
      taker->Granted() ? ++handed_out : ++failed;
      return true;
    });
  };
  for (int step = 0; step < 20'000; ++step) {
    now_ = now_ + absl::Microseconds(random() % 200);
    const auto what = random() % 100;
    if (what < 45) {
      waiting.push_back(std::make_unique<Taker>());
      Take(waiting.back().get());
    } else if (what < 90 && !session_.waiting.empty()) {
      auto it = session_.waiting.begin();
      std::advance(it, random() % session_.waiting.size());
      if (random() % 500 == 0) {
        session_.Answer(it->first, Refused());
      } else {
        session_.Answer(it->first, client::AcquireResult(Grant(++granted)));
      }
    } else if (what < 95 && !waiting.empty()) {
      stock_->Leave(waiting.back().get());
      waiting.pop_back();
    } else {
      stock_->Tick(now_);
    }
    collect();
  }
  while (!session_.waiting.empty()) {
    session_.Answer(session_.waiting.begin()->first, client::AcquireResult(Grant(++granted)));
  }
  collect();
  EXPECT_TRUE(waiting.empty());
  stock_.reset();
  EXPECT_EQ(granted, handed_out + session_.reports.size());
}

TEST_F(LeaseStockTest, SlowThreadIsChargedForEachRequestWhatItIs) {
  for (const std::int64_t tokens : {10, 2'000, 30}) {
    tokens_ = tokens;
    Serve(1, absl::Milliseconds(5));
    EXPECT_EQ(session_.acquires.back().command.input_tokens, tokens);
  }
}

TEST_F(LeaseStockTest, BusyThreadIsChargedTheAverage) {
  tokens_ = 100;
  Serve(2'000, absl::Microseconds(100));
  tokens_ = 300;
  Serve(2'000, absl::Microseconds(100));
  EXPECT_NEAR(static_cast<double>(session_.acquires.back().command.input_tokens), 300, 5);
}

}  // namespace
}  // namespace keypool::proxy
