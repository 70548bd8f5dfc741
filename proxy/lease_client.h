// The bridge between keyd's callbacks and the coroutines of one proxy thread. The only file of the
// proxy where both libraries meet.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "keyd/client/lease_session.h"
#include "proxy/wakeup.h"

namespace keypool::proxy {

class AcquireWait;

// One Session stream to keyd for one thread, and the pace at which it is asked.
//
// A message to keyd costs as much as ten leases in it. So acquires go out at once when the last
// ones are kGather ago, and else together when that time is over: a proxy that is not busy waits
// for nothing, a busy one adds less than kGather to a request.
class LeaseClient {
 public:
  static constexpr absl::Duration kGather = absl::Milliseconds(1);
  static constexpr std::size_t kGatheredMax = 64;  // go out at once

  // A stream to keyd at `address`, whose callbacks run on the thread of `io`. One `poller` serves
  // the streams of all threads.
  LeaseClient(const std::string& address, std::shared_ptr<client::Poller> poller,
              boost::asio::io_context& io, const Clock& clock);
  // The same over any session, for tests.
  LeaseClient(std::unique_ptr<client::LeaseSession> session, boost::asio::io_context& io,
              const Clock& clock);
  LeaseClient(const LeaseClient&) = delete;
  LeaseClient& operator=(const LeaseClient&) = delete;

  // For reports.
  client::LeaseSession& session() { return *session_; }

 private:
  friend class AcquireWait;
  void Add(AcquireWait* wait);
  void Remove(AcquireWait* wait);
  void SendGathered();

  const Clock& clock_;
  MonoTime last_sent_;
  std::vector<AcquireWait*> gathered_;
  bool timer_set_ = false;
  boost::asio::steady_timer timer_;
  std::unique_ptr<client::LeaseSession> session_;
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
class AcquireWait {
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
  friend class LeaseClient;
  void Send();
  void ReportByItself();

  LeaseClient& leases_;
  Wakeup* wakeup_;
  client::AcquireOptions options_;
  std::optional<ReportCommand> previous_;
  std::uint64_t number_ = 0;
  bool sent_ = false;
  std::optional<absl::StatusOr<client::AcquireResult>> result_;
};

}  // namespace keypool::proxy
