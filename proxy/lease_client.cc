#include "proxy/lease_client.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <utility>

namespace keypool::proxy {
namespace {

std::unique_ptr<client::LeaseSession> OpenSession(const std::string& address,
                                                  std::shared_ptr<client::Poller> poller,
                                                  boost::asio::io_context& io, const Clock& clock) {
  client::LeaseSessionOptions options;
  options.address = address;
  options.poller = std::move(poller);
  options.post = [&io](std::function<void()> work) { boost::asio::post(io, std::move(work)); };
  return client::LeaseSession::Open(std::move(options), clock);
}

}  // namespace

LeaseClient::LeaseClient(const std::string& address, std::shared_ptr<client::Poller> poller,
                         boost::asio::io_context& io, const Clock& clock)
    : LeaseClient(OpenSession(address, std::move(poller), io, clock), io, clock) {}

LeaseClient::LeaseClient(std::unique_ptr<client::LeaseSession> session, boost::asio::io_context& io,
                         const Clock& clock)
    : clock_(clock),
      last_sent_(clock.MonoNow() - kGather),
      timer_(io),
      session_(std::move(session)) {
  gathered_.reserve(kGatheredMax);
}

void LeaseClient::Add(AcquireWait* wait) {
  const MonoTime now = clock_.MonoNow();
  const absl::Duration since = now - last_sent_;
  if (gathered_.empty() && since >= kGather) {
    last_sent_ = now;
    wait->Send();
    return;
  }
  gathered_.push_back(wait);
  if (gathered_.size() >= kGatheredMax) {
    SendGathered();
  } else if (!std::exchange(timer_set_, true)) {
    timer_.expires_after(std::chrono::nanoseconds(absl::ToInt64Nanoseconds(kGather - since)));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      timer_set_ = false;
      SendGathered();
    });
  }
}

void LeaseClient::Remove(AcquireWait* wait) { std::erase(gathered_, wait); }

void LeaseClient::SendGathered() {
  if (gathered_.empty()) return;
  last_sent_ = clock_.MonoNow();
  for (AcquireWait* wait : gathered_) wait->Send();
  gathered_.clear();
}

AcquireWait::AcquireWait(LeaseClient& leases, client::AcquireOptions options, Wakeup* wakeup)
    : leases_(leases), wakeup_(wakeup), options_(std::move(options)), previous_(options_.previous) {
  leases_.Add(this);
}

void AcquireWait::Send() {
  sent_ = true;
  number_ = leases_.session().Acquire(std::move(options_),
                                      [this](absl::StatusOr<client::AcquireResult> result) {
                                        if (!result.ok()) ReportByItself();
                                        result_ = std::move(result);
                                        wakeup_->Notify();
                                      });
}

AcquireWait::~AcquireWait() {
  if (Done()) return;
  if (sent_) {
    leases_.session().Cancel(number_);
  } else {
    leases_.Remove(this);
  }
  ReportByItself();
}

void AcquireWait::ReportByItself() {
  if (previous_.has_value()) {
    leases_.session().Report(*std::exchange(previous_, std::nullopt));
  }
}

}  // namespace keypool::proxy
