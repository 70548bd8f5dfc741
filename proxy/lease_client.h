// The bridge between keyd's callbacks and the coroutines of one proxy thread. The only file of the
// proxy where both libraries meet.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/clock.h"
#include "keyd/client/lease_session.h"
#include "proxy/lease_stock.h"
#include "proxy/wakeup.h"

namespace keypool::proxy {

class AcquireWait;

// The leases of one thread: a Session stream to keyd, and stocks for what is needed very often.
class LeaseClient {
 public:
  // A stream to keyd at `address`, whose callbacks run on the thread of `io`. `poller` serves the
  // streams of all threads.
  LeaseClient(const client::KeydAddress& address, std::shared_ptr<client::Poller> poller,
              boost::asio::io_context& io, const Clock& clock);
  // The same over any session.
  LeaseClient(std::unique_ptr<client::LeaseSession> session, const Clock& clock);
  // Gives the stocks back, and sends the last reports.
  ~LeaseClient() = default;
  LeaseClient(const LeaseClient&) = delete;
  LeaseClient& operator=(const LeaseClient&) = delete;

  // For reports.
  client::LeaseSession& session() { return *session_; }
  // To be called a few times a second.
  void Tick();

 private:
  friend class AcquireWait;
  // Kinds and models that are looked after at a time; more are asked for one by one.
  static constexpr std::size_t kStocksMax = 64;
  using Name = std::pair<Kind, std::string>;

  // Null when there are too many.
  LeaseStock* Stock(const AcquireCommand& command);

  const Clock& clock_;
  std::unique_ptr<client::LeaseSession> session_;
  absl::flat_hash_map<Name, std::unique_ptr<LeaseStock>> stocks_;
};

// One Acquire that a session waits for:
//
//   AcquireWait wait(leases, std::move(options), &client.wakeup());
//   while (!wait.Done()) { …; co_await client.wakeup().Wait(); }
//   absl::StatusOr<client::AcquireResult> result = wait.Take();
//
// Destroyed before its answer, it cancels: a grant that comes later goes back unsent. The report
// that went along (AcquireOptions::previous) is not lost when keyd did not answer: it is sent by
// itself then. Reports are idempotent.
class AcquireWait final : private LeaseTaker {
 public:
  // `leases` and `wakeup` must outlive it.
  AcquireWait(LeaseClient& leases, client::AcquireOptions options, Wakeup* wakeup);
  ~AcquireWait();
  AcquireWait(const AcquireWait&) = delete;
  AcquireWait& operator=(const AcquireWait&) = delete;

  bool Done() const { return result_.has_value(); }
  // Once, when Done.
  absl::StatusOr<client::AcquireResult> Take() { return *std::move(result_); }

 private:
  void OnLease(absl::StatusOr<client::AcquireResult> result) override;
  void ReportByItself();

  LeaseClient& leases_;
  Wakeup* wakeup_;
  std::optional<ReportCommand> previous_;
  LeaseStock* stock_ = nullptr;  // null: asked for by itself, as number_
  std::uint64_t number_ = 0;
  std::optional<absl::StatusOr<client::AcquireResult>> result_;
};

// A report that a session waits for until keyd has it: of a success, or of a lease that goes on.
// Destroyed before, it does not lose the report.
class ConfirmWait {
 public:
  // As AcquireWait. It is over after `timeout` at the latest.
  ConfirmWait(LeaseClient& leases, ReportCommand report, absl::Duration timeout, Wakeup* wakeup);
  ~ConfirmWait();
  ConfirmWait(const ConfirmWait&) = delete;
  ConfirmWait& operator=(const ConfirmWait&) = delete;

  bool Done() const { return wait_.Done(); }

 private:
  LeaseClient& leases_;
  AcquireWait wait_;
};

}  // namespace keypool::proxy
