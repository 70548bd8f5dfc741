#include "tests/bench/lease/wait.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "keyd/base/clock.h"
#include "keyd/client/lease_session.h"
#include "keyd/policy/blame.h"
#include "tests/fakes/engine/owner_loop.h"

namespace keypool::bench {
namespace {

constexpr char kModel[] = "waited-for";

class Round {
 public:
  Round(fakes::OwnerLoop& loop, client::LeaseSession& session) : loop_(loop), session_(session) {}

  std::optional<absl::Duration> Run(int projects) {
    std::vector<client::LeaseGrant> grants;
    for (int i = 0; i < projects; ++i) {
      std::optional<client::LeaseGrant> grant = Acquire(absl::ZeroDuration());
      if (!grant) return std::nullopt;
      grants.push_back(*std::move(grant));
    }
    const MonoTime told_at = SystemClock().MonoNow();
    for (const client::LeaseGrant& grant : grants) session_.Report(TooManyThisMinute(grant));
    std::optional<client::LeaseGrant> grant = Acquire(absl::Seconds(5));
    const absl::Duration waited = SystemClock().MonoNow() - told_at;
    if (!grant) return std::nullopt;
    session_.Report(ReportOf(*grant, 200));
    return waited - policy::kDelayMargin;
  }

 private:
  std::optional<client::LeaseGrant> Acquire(absl::Duration wait) {
    client::AcquireOptions options;
    options.command.model = kModel;
    options.command.wait_up_to = wait;
    std::optional<absl::StatusOr<client::AcquireResult>> result;
    session_.Acquire(std::move(options), [&](absl::StatusOr<client::AcquireResult> answer) {
      result = std::move(answer);
    });
    loop_.RunUntil([&] { return result.has_value(); });
    if (!result || !result->ok()) return std::nullopt;
    auto* grant = std::get_if<client::LeaseGrant>(&**result);
    if (grant == nullptr) return std::nullopt;
    return std::move(*grant);
  }
  static ReportCommand ReportOf(const client::LeaseGrant& grant, int http_status) {
    ReportCommand report;
    report.lease = grant.lease;
    report.epoch = grant.epoch;
    report.facts.http_status = http_status;
    report.key = grant.key;
    report.model = kModel;
    return report;
  }
  static ReportCommand TooManyThisMinute(const client::LeaseGrant& grant) {
    ReportCommand report = ReportOf(grant, 429);
    QuotaViolation violation;
    violation.quota_id = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier";
    report.facts.violations.push_back(std::move(violation));
    report.facts.retry_delay = absl::ZeroDuration();
    return report;
  }

  fakes::OwnerLoop& loop_;
  client::LeaseSession& session_;
};

}  // namespace

std::vector<absl::Duration> MeasureWaits(const std::string& address, int projects, int rounds) {
  fakes::OwnerLoop loop;
  const auto session =
      client::LeaseSession::Open({.address = address, .post = loop.Poster()}, SystemClock());
  if (!loop.RunUntil([&] { return session->Connected(); })) return {};
  std::vector<absl::Duration> waits;
  for (int i = 0; i < rounds; ++i) {
    const std::optional<absl::Duration> wait = Round(loop, *session).Run(projects);
    if (!wait) return {};
    waits.push_back(*wait);
    // So that all of them are free again.
    loop.RunUntil([] { return false; }, policy::kDelayMargin);
  }
  return waits;
}

}  // namespace keypool::bench
