#include "proxy/lease_stock.h"

#include <algorithm>
#include <cmath>

#include "keyd/base/assert.h"

namespace keypool::proxy {
namespace {

// A pause counts at most this long, so that the end of it is noticed after a few requests.
constexpr absl::Duration kPauseMax = absl::Milliseconds(20);
// So that a burst of a few hundred requests is not taken for the usual pace.
constexpr int kGapsAveraged = 64;
constexpr absl::Duration kUnusedAfter = absl::Seconds(10);

}  // namespace

LeaseStock::LeaseStock(client::LeaseSession& session, Kind kind, std::string model, MonoTime now)
    : session_(session),
      kind_(kind),
      model_(std::move(model)),
      now_(now),
      last_taken_(now),
      average_gap_(kPauseMax) {}

LeaseStock::~LeaseStock() {
  for (const Ready& ready : ready_) GiveBack(ready.grant);
}

void LeaseStock::Take(LeaseTaker* taker, std::int64_t input_tokens, MonoTime now) {
  NoteDemand(input_tokens, now);
  // While keyd is away nothing is served, not even from stock: the same for every thread.
  const bool usable = ready_.empty() || session_.Connected();
  while (!ready_.empty()) {
    Ready ready = std::move(ready_.front());
    ready_.pop_front();
    if (!usable || now - ready.since > kLeaseAgeMax) {
      GiveBack(ready.grant);
      continue;
    }
    Order();
    taker->OnLease(client::AcquireResult(std::move(ready.grant)));
    return;
  }
  waiting_.push_back(taker);
  Order();
}

void LeaseStock::Leave(LeaseTaker* taker) { std::erase(waiting_, taker); }

void LeaseStock::NoteDemand(std::int64_t input_tokens, MonoTime now) {
  const absl::Duration gap = std::min(now - last_taken_, kPauseMax);
  average_gap_ += (gap - average_gap_) / kGapsAveraged;
  // One that is asked for by itself in effect is charged what it is.
  const double tokens = static_cast<double>(input_tokens);
  average_tokens_ = average_gap_ > kBusyGap
                        ? tokens
                        : average_tokens_ + (tokens - average_tokens_) / kGapsAveraged;
  last_taken_ = now;
  now_ = now;
}

std::size_t LeaseStock::Target() const {
  if (average_gap_ > kBusyGap) return 0;
  const absl::Duration gap = std::max(average_gap_, absl::Microseconds(1));
  return std::min(kStockMax, static_cast<std::size_t>(kAhead / gap));
}

// At least one for everybody who waits; the stock is filled up when half of it is gone.
void LeaseStock::Order() {
  const std::size_t target = Target();
  const std::size_t wanted = waiting_.size() + target;
  const std::size_t coming = ready_.size() + ordered_;
  std::size_t count = waiting_.size() > ordered_ ? waiting_.size() - ordered_ : 0;
  if (wanted > coming && (wanted - coming) * 2 >= target) {
    count = std::max(count, wanted - coming);
  }
  ordered_ += count;
  for (; count > 0; --count) {
    client::AcquireOptions options;
    options.command.kind = kind_;
    options.command.model = model_;
    options.command.input_tokens = std::llround(average_tokens_);
    session_.Acquire(std::move(options), [this](absl::StatusOr<client::AcquireResult> result) {
      OnAnswer(std::move(result));
    });
  }
}

void LeaseStock::OnAnswer(absl::StatusOr<client::AcquireResult> result) {
  KP_ASSERT(ordered_ > 0);
  --ordered_;
  client::LeaseGrant* grant = result.ok() ? std::get_if<client::LeaseGrant>(&*result) : nullptr;
  if (grant == nullptr) {
    average_gap_ = kPauseMax;  // there is nothing to be taken ahead: busy is who is granted
    // Others are still asked for, for those who wait: their answers count.
    if (waiting_.size() <= ordered_) return;
  } else if (waiting_.empty()) {
    ready_.push_back({std::move(*grant), now_});
    return;
  }
  LeaseTaker* const taker = waiting_.front();
  waiting_.pop_front();
  taker->OnLease(std::move(result));
}

void LeaseStock::Tick(MonoTime now) {
  now_ = now;
  while (!ready_.empty() && now - ready_.front().since > kLeaseAgeMax) {
    GiveBack(ready_.front().grant);
    ready_.pop_front();
  }
}

bool LeaseStock::Unused(MonoTime now) const {
  return ready_.empty() && ordered_ == 0 && waiting_.empty() && now - last_taken_ > kUnusedAfter;
}

void LeaseStock::GiveBack(const client::LeaseGrant& grant) {
  ReportCommand report;
  report.lease = grant.lease;
  report.epoch = grant.epoch;
  report.sent = false;
  report.key = grant.key;
  report.model = model_;
  session_.Report(std::move(report));
}

}  // namespace keypool::proxy
