// Ends a lease exactly once, on every way out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keyd/client/lease_session.h"

namespace keypool::proxy {

// Used by the thread of the LeaseSession, which must outlive it. Empty guards do nothing.
class LeaseGuard {
 public:
  LeaseGuard() = default;
  // `asked`: what was granted.
  LeaseGuard(client::LeaseSession& leases, client::LeaseGrant grant, const AcquireCommand& asked)
      : leases_(&leases),
        grant_(std::move(grant)),
        model_(asked.model),
        client_(grant_.client.empty() ? asked.client : grant_.client) {}
  LeaseGuard(LeaseGuard&& other) noexcept
      : leases_(std::exchange(other.leases_, nullptr)),
        grant_(std::move(other.grant_)),
        model_(std::move(other.model_)),
        client_(std::move(other.client_)),
        sent_(std::exchange(other.sent_, false)) {}
  LeaseGuard& operator=(LeaseGuard&& other) noexcept {
    if (this != &other) {
      Settle({});
      leases_ = std::exchange(other.leases_, nullptr);
      grant_ = std::move(other.grant_);
      model_ = std::move(other.model_);
      client_ = std::move(other.client_);
      sent_ = std::exchange(other.sent_, false);
    }
    return *this;
  }
  // Dropped without an answer: settled as sent or unsent, whichever is known.
  ~LeaseGuard() { Settle({}); }

  const client::LeaseGrant& grant() const { return grant_; }
  bool Open() const { return leases_ != nullptr; }

  bool Sent() const { return sent_; }

  // Before the first byte of the request leaves. What may have left counts as sent.
  void MarkSent() { sent_ = true; }
  // It is certain that no byte left after all.
  void MarkUnsent() { sent_ = false; }

  // What is told of a request beside the facts of its answer.
  struct Account {
    std::optional<TokenUsage> usage = std::nullopt;
    std::string_view model_version = {};
    std::vector<ResourceNote> resources = {};
  };
  // Reports the end to keyd; `facts` is empty when there was no answer. Never blocks. A second call
  // does nothing.
  void Settle(AnswerFacts facts) { Settle(std::move(facts), Account()); }
  void Settle(AnswerFacts facts, Account account) {
    if (std::optional<ReportCommand> report = TakeReport(std::move(facts), std::move(account))) {
      std::exchange(leases_, nullptr)->Report(*std::move(report));
    }
  }
  // The same report, for the next Acquire to carry (AcquireOptions::previous): the caller has to
  // see to it from here on.
  std::optional<ReportCommand> Release(AnswerFacts facts) {
    return Release(std::move(facts), Account());
  }
  std::optional<ReportCommand> Release(AnswerFacts facts, Account account) {
    std::optional<ReportCommand> report = TakeReport(std::move(facts), std::move(account));
    leases_ = nullptr;
    return report;
  }

  // For a lease that stays in use: what has come up meanwhile.
  ReportCommand Meanwhile(std::vector<ResourceNote> resources) const {
    ReportCommand report;
    report.lease = grant_.lease;
    report.epoch = grant_.epoch;
    report.key = grant_.key;
    report.client = client_;
    report.resources = std::move(resources);
    report.goes_on = true;
    return report;
  }

 private:
  std::optional<ReportCommand> TakeReport(AnswerFacts facts, Account account) {
    if (leases_ == nullptr) return std::nullopt;
    ReportCommand report;
    report.lease = grant_.lease;
    report.epoch = grant_.epoch;
    report.sent = sent_;
    report.usage = account.usage;
    // It usually says what was asked for, which need not travel.
    if (account.model_version != model_) report.model_version = account.model_version;
    report.resources = std::move(account.resources);
    if ((facts.http_status != 0 && facts.http_status / 100 != 2) || !report.resources.empty()) {
      // Read by a keyd that was restarted in between, to find the right bucket and project.
      report.key = grant_.key;
      report.model = model_;
    }
    report.client = std::move(client_);
    report.facts = std::move(facts);
    return report;
  }

  client::LeaseSession* leases_ = nullptr;
  client::LeaseGrant grant_;
  std::string model_;
  std::string client_;
  bool sent_ = false;
};

}  // namespace keypool::proxy
