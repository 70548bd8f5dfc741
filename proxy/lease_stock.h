// Leases of one kind and model for one busy thread: asked for in batches, a little ahead of the
// requests that will need them.
//
// A message to keyd costs as much as ten leases in it, and a thread switch on both sides. A thread
// that is granted more than a thousand leases a second, some hundreds in a row, therefore keeps a
// stock of what it needs in the next milliseconds. Seen from the quota that is nothing: who grants
// so many a second grants 10 ms of them a little early, and what is not used goes back unsent. A
// thread that needs fewer, or is refused, keeps no stock: it asks when a request is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "keyd/base/lease.h"
#include "keyd/client/lease_session.h"

namespace keypool::proxy {

// Who waits for a lease of a stock.
class LeaseTaker {
 public:
  virtual void OnLease(absl::StatusOr<client::AcquireResult> result) = 0;

 protected:
  ~LeaseTaker() = default;
};

// Used by the thread of `session`, which outlives it and all its callbacks.
class LeaseStock {
 public:
  static constexpr absl::Duration kAhead = absl::Milliseconds(10);
  static constexpr std::size_t kStockMax = 256;
  // Needs further apart than this on average are served one by one.
  static constexpr absl::Duration kBusyGap = absl::Milliseconds(1);
  // A lease that lies longer goes back: its time to be sent is short.
  static constexpr absl::Duration kLeaseAgeMax = absl::Milliseconds(200);
  LeaseStock(client::LeaseSession& session, Kind kind, std::string model, MonoTime now);
  // Gives back what is left.
  ~LeaseStock();
  LeaseStock(const LeaseStock&) = delete;
  LeaseStock& operator=(const LeaseStock&) = delete;

  // A request estimated at more tokens does not go by the average of others: it is to be asked for
  // by itself.
  static constexpr std::int64_t kTokensMax = 8'192;
  // `taker` is told once, perhaps before this returns, and must stay until then or until Leave.
  // Leases are asked for as for the average of the last `input_tokens`: a report corrects it.
  void Take(LeaseTaker* taker, std::int64_t input_tokens, MonoTime now);
  void Leave(LeaseTaker* taker);

  // Gives back what lies too long. To be called a few times a second.
  void Tick(MonoTime now);
  // Nothing is in it, asked for or wanted, and nothing was for a while.
  bool Unused(MonoTime now) const;

 private:
  struct Ready {
    client::LeaseGrant grant;
    MonoTime since;
  };
  void NoteDemand(std::int64_t input_tokens, MonoTime now);
  std::size_t Target() const;
  void Order();
  void OnAnswer(absl::StatusOr<client::AcquireResult> result);
  void GiveBack(const client::LeaseGrant& grant);

  client::LeaseSession& session_;
  const Kind kind_;
  const std::string model_;
  MonoTime now_;  // as last told
  MonoTime last_taken_;
  absl::Duration average_gap_;
  double average_tokens_ = 0;
  std::size_t ordered_ = 0;  // at least as many as takers wait
  std::deque<Ready> ready_;  // none while somebody waits
  std::deque<LeaseTaker*> waiting_;
};

}  // namespace keypool::proxy
