#include "proxy/lease_client.h"

#include <boost/asio/post.hpp>
#include <functional>
#include <utility>

#include "proxy/lease_guard.h"

namespace keypool::proxy {
namespace {

std::unique_ptr<client::LeaseSession> OpenSession(const client::KeydAddress& address,
                                                  std::shared_ptr<client::Poller> poller,
                                                  boost::asio::io_context& io, const Clock& clock) {
  client::LeaseSessionOptions options;
  options.address = address;
  options.poller = std::move(poller);
  options.post = [&io](std::function<void()> work) { boost::asio::post(io, std::move(work)); };
  return client::LeaseSession::Open(std::move(options), clock);
}

// Such reports grant nothing, so that what comes back is no more than a confirmation.
client::AcquireOptions Confirming(ReportCommand report, absl::Duration timeout) {
  client::AcquireOptions options;
  options.command.kind = Kind::kUnmetered;
  options.command.client = report.client;
  options.previous = std::move(report);
  options.timeout = timeout;
  return options;
}

}  // namespace

LeaseClient::LeaseClient(const client::KeydAddress& address, std::shared_ptr<client::Poller> poller,
                         boost::asio::io_context& io, const Clock& clock)
    : LeaseClient(OpenSession(address, std::move(poller), io, clock), clock) {}

LeaseClient::LeaseClient(std::unique_ptr<client::LeaseSession> session, const Clock& clock)
    : clock_(clock), session_(std::move(session)) {}

void LeaseClient::Tick() {
  const MonoTime now = clock_.MonoNow();
  absl::erase_if(stocks_, [now](auto& entry) {
    entry.second->Tick(now);
    return entry.second->Unused(now);
  });
}

LeaseStock* LeaseClient::Stock(const AcquireCommand& command) {
  Name name(command.kind, command.model);
  const auto found = stocks_.find(name);
  if (found != stocks_.end()) return found->second.get();
  if (stocks_.size() >= kStocksMax) return nullptr;
  auto stock =
      std::make_unique<LeaseStock>(*session_, command.kind, command.model, clock_.MonoNow());
  return stocks_.emplace(std::move(name), std::move(stock)).first->second.get();
}

AcquireWait::AcquireWait(LeaseClient& leases, client::AcquireOptions options, Wakeup* wakeup)
    : leases_(leases), wakeup_(wakeup), previous_(options.previous) {
  const AcquireCommand& command = options.command;
  const bool anywhere = command.exclude_keys.empty() && command.exclude_projects.empty() &&
                        command.resources.empty() && command.project.value().empty() &&
                        !command.after_project.has_value();
  // A stock is nobody's: who shows a token is judged by it, each time.
  const bool anonymous = command.token == nullptr && !command.token_required;
  const bool plain = command.kind != Kind::kValidation && !previous_.has_value() && anywhere &&
                     anonymous && command.wait_up_to == absl::ZeroDuration() &&
                     command.input_tokens <= LeaseStock::kTokensMax;
  if (plain) stock_ = leases_.Stock(command);
  if (stock_ != nullptr) {
    stock_->Take(this, command.input_tokens, leases_.clock_.MonoNow());
    return;
  }
  number_ = leases_.session().Acquire(
      std::move(options),
      [this](absl::StatusOr<client::AcquireResult> result) { OnLease(std::move(result)); });
}

void AcquireWait::OnLease(absl::StatusOr<client::AcquireResult> result) {
  if (!result.ok()) ReportByItself();
  result_ = std::move(result);
  wakeup_->Notify();
}

AcquireWait::~AcquireWait() {
  if (Done()) return;
  if (stock_ != nullptr) {
    stock_->Leave(this);
  } else {
    leases_.session().Cancel(number_);
  }
  ReportByItself();
}

void AcquireWait::ReportByItself() {
  if (previous_.has_value()) {
    leases_.session().Report(*std::exchange(previous_, std::nullopt));
  }
}

ConfirmWait::ConfirmWait(LeaseClient& leases, ReportCommand report, absl::Duration timeout,
                         Wakeup* wakeup)
    : leases_(leases), wait_(leases, Confirming(std::move(report), timeout), wakeup) {}

ConfirmWait::~ConfirmWait() {
  if (!wait_.Done()) return;
  absl::StatusOr<client::AcquireResult> result = wait_.Take();
  if (!result.ok()) return;
  // Against the promise of keyd; it goes back unsent.
  if (auto* const grant = std::get_if<client::LeaseGrant>(&*result)) {
    LeaseGuard(leases_.session(), std::move(*grant), AcquireCommand());
  }
}

}  // namespace keypool::proxy
