#include "keyd/policy/meter.h"

#include <algorithm>
#include <utility>

namespace keypool::policy {
namespace {
constexpr absl::Duration kMinute = absl::Minutes(1);
}

Meter::Meter(std::int64_t per_minute, std::int64_t per_day, absl::Duration send_by,
             std::int64_t today)
    : minute_(per_minute, kMinute + send_by), per_day_(per_day), send_by_(send_by), day_(today) {}

void Meter::SetLimits(std::int64_t per_minute, std::int64_t per_day) {
  minute_.SetLimit(per_minute);
  per_day_ = per_day;
}

bool Meter::Turn(const Moment& m) {
  minute_.Expire(m.mono);
  if (day_ == m.today) return false;
  const bool over = day_ < m.today;
  if (over) {
    used_today_ = UsedToday(m);
    carried_ = 0;
  }
  day_ = m.today;  // a later day was taken back: its counts go on, see PacificDay
  return over;
}

void Meter::Charge(std::int64_t amount, bool carried, const Moment& m) {
  used_today_ += amount;
  // By the time of its slot Restore knows that it counts tomorrow.
  minute_.Charge(m.mono, amount, carried && carried_ == 0);
  if (carried) carried_ += amount;
}

Meter::Corrected Meter::Correct(const ChargeTime& charge, std::int64_t by) {
  Corrected corrected;
  corrected.minute = minute_.Correct(charge.at, by);
  const bool same_day = charge.day == day_;
  corrected.day =
      (by > 0 || used_today_ > 0) && (same_day || (charge.carried && charge.day + 1 == day_));
  if (corrected.day) used_today_ = std::max<std::int64_t>(0, used_today_ + by);
  if (same_day && charge.carried) carried_ = std::max<std::int64_t>(0, carried_ + by);
  return corrected;
}

void Meter::Clear() {
  minute_.Clear();
  used_today_ = 0;
  carried_ = 0;
}

void Meter::Add(const std::vector<const Meter*>& parts) {
  std::vector<MinuteWindow::Slot> slots;
  for (const Meter* part : parts) {
    used_today_ += part->used_today_;
    carried_ += part->carried_;
    slots.insert(slots.end(), part->minute_.slots().begin(), part->minute_.slots().end());
  }
  minute_.Fill(std::move(slots));
}

MonoTime Meter::MinuteReadyAt(std::int64_t amount, const Moment& m) const {
  return amount > per_minute() ? MonoTime::Max() : minute_.ReadyAt(m.mono, amount);
}

MonoTime Meter::DayReadyAt(std::int64_t amount, const Moment& m) const {
  if (amount > per_day_) return MonoTime::Max();
  if (amount <= LeftToday(m)) return m.mono;
  const MonoTime midnight = m.mono + (m.day_ends - m.wall);
  return amount <= per_day_ - carried_ || day_ < m.today ? midnight : midnight + absl::Hours(24);
}

std::vector<policy::Charge> Meter::MinuteCharges(const Moment& m) const {
  std::vector<policy::Charge> charges;
  charges.reserve(minute_.slots().size());
  for (const MinuteWindow::Slot& slot : minute_.slots()) {
    charges.push_back({m.ToWall(slot.newest), slot.count});
  }
  return charges;
}

void Meter::Restore(std::int64_t day_used, const std::vector<policy::Charge>& minute,
                    std::int64_t ahead, const RecordDay& day, const Moment& m) {
  if (day.number >= m.today) used_today_ += day_used;
  const auto count = [&](absl::Time at, std::int64_t amount) {
    // A time in the future is of a wall clock that went back since: now is the latest it can be.
    at = std::min(at, m.wall);
    if (at + send_by_ >= day.ends) {  // carried over
      if (day.number >= m.today) carried_ += amount;
      if (day.number + 1 == m.today) used_today_ += amount;
    }
    if (m.wall - at < kMinute + send_by_ && amount > 0) {
      minute_.Charge(m.mono - (m.wall - at), amount);
    }
  };
  for (const policy::Charge& charge : minute) count(charge.at, charge.count);
  // The block was granted at any time up to now, but on the record's day and before it was carried
  // over: that is always written with its own time.
  const absl::Time block_at = std::min(m.wall, day.ends - send_by_ - absl::Nanoseconds(1));
  if (ahead > 0) count(day.number < m.today ? block_at : m.wall, ahead);
}

Meters::Meters(const Limits& limits, absl::Duration send_by, std::int64_t today)
    : requests(limits.requests_per_minute, limits.requests_per_day, send_by, today),
      tokens(limits.input_tokens_per_minute, limits.input_tokens_per_day, send_by, today) {}

void Meters::SetLimits(const Limits& limits) {
  requests.SetLimits(limits.requests_per_minute, limits.requests_per_day);
  tokens.SetLimits(limits.input_tokens_per_minute, limits.input_tokens_per_day);
}

bool Meters::Turn(const Moment& m) {
  const bool over = requests.Turn(m);
  return tokens.Turn(m) || over;
}

void Meters::Clear() {
  requests.Clear();
  tokens.Clear();
}

void Meters::Add(const std::vector<const Meters*>& parts) {
  std::vector<const Meter*> of_requests, of_tokens;
  for (const Meters* part : parts) {
    of_requests.push_back(&part->requests);
    of_tokens.push_back(&part->tokens);
  }
  requests.Add(of_requests);
  tokens.Add(of_tokens);
}

void Meters::Restore(const BucketRecord& record, absl::Time record_day_ends, const Moment& m) {
  const RecordDay day = {record.day, record_day_ends};
  requests.Restore(record.day_used, record.minute, record.ahead, day, m);
  tokens.Restore(record.day_tokens, record.minute_tokens, record.ahead_tokens, day, m);
}

MonoTime Meters::MinuteReadyAt(const Moment& m) const {
  return std::max(requests.MinuteReadyAt(1, m), tokens.MinuteReadyAt(1, m));
}

Fit Meters::FitOf(std::int64_t request_tokens, const Moment& m) const {
  const Fit request = {requests.MinuteReadyAt(1, m), QuotaWindow::kRequestsPerMinute,
                       requests.per_minute()};
  const Fit request_day = {requests.DayReadyAt(1, m), QuotaWindow::kRequestsPerDay,
                           requests.per_day()};
  const Fit minute = {tokens.MinuteReadyAt(request_tokens, m), QuotaWindow::kInputTokensPerMinute,
                      tokens.per_minute()};
  const Fit day = {tokens.DayReadyAt(request_tokens, m), QuotaWindow::kInputTokensPerDay,
                   tokens.per_day()};
  return Later(Later(request, minute), Later(request_day, day));
}

std::int64_t Meters::Room(const Moment& m) const {
  return std::min(tokens.LeftThisMinute(m), tokens.LeftToday(m));
}

Capacity Meters::Largest() const {
  if (tokens.per_day() < tokens.per_minute()) {
    return {tokens.per_day(), QuotaWindow::kInputTokensPerDay};
  }
  return {tokens.per_minute(), QuotaWindow::kInputTokensPerMinute};
}

}  // namespace keypool::policy
