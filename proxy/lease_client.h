// The bridge between keyd's callbacks and the coroutines of one proxy thread. The only file of the
// proxy where both libraries meet.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/clock.h"
#include "keyd/client/lease_session.h"
#include "proxy/wakeup.h"

namespace keypool::proxy {

// One Session stream to keyd whose callbacks run on the thread of `io`. `poller` serves the streams
// of all threads.
std::unique_ptr<client::LeaseSession> OpenLeaseSession(const std::string& address,
                                                       std::shared_ptr<client::Poller> poller,
                                                       boost::asio::io_context& io,
                                                       const Clock& clock);

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
  AcquireWait(client::LeaseSession& leases, client::AcquireOptions options, Wakeup* wakeup);
  ~AcquireWait();
  AcquireWait(const AcquireWait&) = delete;
  AcquireWait& operator=(const AcquireWait&) = delete;

  bool Done() const { return result_.has_value(); }
  // Once, when Done.
  absl::StatusOr<client::AcquireResult> Take() { return *std::move(result_); }

 private:
  void ReportByItself();

  client::LeaseSession& leases_;
  Wakeup* wakeup_;
  std::optional<ReportCommand> previous_;
  std::uint64_t number_ = 0;
  std::optional<absl::StatusOr<client::AcquireResult>> result_;
};

}  // namespace keypool::proxy
