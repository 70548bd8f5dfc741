#include "proxy/lease_client.h"

#include <boost/asio/post.hpp>
#include <functional>
#include <utility>

namespace keypool::proxy {

std::unique_ptr<client::LeaseSession> OpenLeaseSession(const std::string& address,
                                                       std::shared_ptr<client::Poller> poller,
                                                       boost::asio::io_context& io,
                                                       const Clock& clock) {
  client::LeaseSessionOptions options;
  options.address = address;
  options.poller = std::move(poller);
  options.post = [&io](std::function<void()> work) { boost::asio::post(io, std::move(work)); };
  return client::LeaseSession::Open(std::move(options), clock);
}

AcquireWait::AcquireWait(client::LeaseSession& leases, client::AcquireOptions options,
                         Wakeup* wakeup)
    : leases_(leases), wakeup_(wakeup), previous_(options.previous) {
  number_ =
      leases_.Acquire(std::move(options), [this](absl::StatusOr<client::AcquireResult> result) {
        if (!result.ok()) ReportByItself();
        result_ = std::move(result);
        wakeup_->Notify();
      });
}

AcquireWait::~AcquireWait() {
  if (Done()) return;
  leases_.Cancel(number_);
  ReportByItself();
}

void AcquireWait::ReportByItself() {
  if (previous_.has_value()) leases_.Report(*std::exchange(previous_, std::nullopt));
}

}  // namespace keypool::proxy
