#include "keyd/policy/bucket.h"

#include <algorithm>
#include <utility>

#include "keyd/base/assert.h"
#include "keyd/policy/blame.h"
#include "keyd/policy/models.h"
#include "keyd/policy/roster.h"

namespace keypool::policy {
namespace {

constexpr int kGrowingStepsMax = 16;  // far beyond kGrowingMax, far below overflow
constexpr std::int64_t kBlocksPerLimit = 100;
constexpr absl::Duration kMinute = absl::Minutes(1);

WindowStatus WindowOf(std::int64_t used, std::int64_t limit, LimitSource configured,
                      const std::optional<LearnedLimit>& learned) {
  WindowStatus status = {used, limit, configured, std::nullopt};
  if (learned && learned->requests == limit) {
    status.source = LimitSource::kLearned;
    status.learned_at = learned->at;
  }
  return status;
}

}  // namespace

Bucket::Bucket(Project* project, Model* model, std::optional<ConfiguredLimits> limits,
               absl::Duration send_by, std::int64_t today)
    : project_(project),
      model_(model),
      configured_(limits.value_or(ConfiguredLimits{.limits = kNoLimits})),
      limits_(configured_.limits),
      metered_(limits.has_value()),
      send_by_(send_by),
      span_(kMinute + send_by),
      minute_(limits_.requests_per_minute, span_),
      day_(today) {}

void Bucket::Turn(const Moment& m) {
  minute_.Expire(m.mono);
  if (day_ == m.today) return;
  if (day_ < m.today) {
    used_today_ = UsedToday(m);
    carried_ = 0;
    spent_today_ = false;
    ApplyLimits(m);
  }
  day_ = m.today;  // a later day was taken back: its counts go on, see PacificDay
}

void Bucket::ApplyLimits(const Moment& m) {
  for (std::optional<LearnedLimit>* learned : {&learned_minute_, &learned_day_}) {
    if (*learned && m.wall - (*learned)->at >= kLearnedFor) learned->reset();
  }
  const auto in_force = [](std::int64_t configured, LimitSource source,
                           const std::optional<LearnedLimit>& learned) {
    if (!learned) return configured;
    return source == LimitSource::kDefault ? learned->requests
                                           : std::min(configured, learned->requests);
  };
  limits_.requests_per_minute =
      in_force(configured_.limits.requests_per_minute, configured_.minute_source, learned_minute_);
  limits_.requests_per_day =
      in_force(configured_.limits.requests_per_day, configured_.day_source, learned_day_);
  minute_.SetLimit(limits_.requests_per_minute);
}

void Bucket::Learn(const Lesson& lesson, const Moment& m, Mutations* mutations) {
  if (!metered_ || (!lesson.requests_per_minute && !lesson.requests_per_day)) return;
  if (lesson.requests_per_minute) learned_minute_ = {*lesson.requests_per_minute, m.wall};
  if (lesson.requests_per_day) learned_day_ = {*lesson.requests_per_day, m.wall};
  ApplyLimits(m);
  Write(m, 0, mutations);
}

WindowStatus Bucket::MinuteStatus(const Moment& m) const {
  return WindowOf(UsedThisMinute(m), limits_.requests_per_minute, configured_.minute_source,
                  learned_minute_);
}

WindowStatus Bucket::DayStatus(const Moment& m) const {
  return WindowOf(UsedToday(m), limits_.requests_per_day, configured_.day_source, learned_day_);
}

Standing Bucket::Look(const Moment& m) const {
  Standing s;
  s.left_today = limits_.requests_per_day - UsedToday(m);
  s.left_this_minute = limits_.requests_per_minute - minute_.UsedAt(m.mono);
  s.at = std::max(cool_until_, minute_.ReadyAt(m.mono));
  if (SpentToday(m) || s.left_today <= 0) {
    s.kind = Standing::Kind::kSpent;
  } else if (s.at > m.mono) {
    s.kind = Standing::Kind::kWaiting;
  } else {
    s.kind = Standing::Kind::kReady;
    s.at = minute_.NextLeave();
  }
  return s;
}

std::int64_t Bucket::BlockMax() const {
  return std::max<std::int64_t>(
      1, std::min(limits_.requests_per_minute, limits_.requests_per_day) / kBlocksPerLimit);
}

bool Bucket::Covers(const Moment& m) const {
  return covered_ > 0 && saved_day_ == m.today && saved_clock_ == m.clock;
}

ChargeTicket Bucket::Take(const Moment& m, Mutations* mutations) {
  KP_ASSERT(metered_ && day_ == m.today);
  ChargeTicket ticket = {.at = m.mono, .day = day_, .generation = generation_};
  ticket.carried = m.wall + send_by_ >= m.day_ends;
  const bool probe = growing_steps_ > 0;
  if (probe) {
    cool_until_ = m.mono + kProbeEvery;
    probed_ = true;
  }
  if (!ticket.carried && (probe || !Covers(m))) {
    const std::int64_t left = std::min(limits_.requests_per_day - used_today_,
                                       limits_.requests_per_minute - minute_.UsedAt(m.mono));
    Write(m, std::min(BlockMax(), left), mutations);
  }
  ticket.mark = mark_;
  ++used_today_;
  minute_.Charge(m.mono, 1, ticket.carried && carried_ == 0);
  if (ticket.carried) {
    // Written with its own time, by which Restore knows that it counts tomorrow.
    ++carried_;
    Write(m, 0, mutations);
  } else {
    --covered_;
  }
  return ticket;
}

bool Bucket::Refund(const ChargeTicket& ticket, const Moment& m, Mutations* mutations) {
  if (ticket.generation != generation_) return false;
  const bool in_minute = minute_.Refund(ticket.at);
  const bool same_day = ticket.day == day_;
  const bool in_day = used_today_ > 0 && (same_day || (ticket.carried && ticket.day + 1 == day_));
  if (in_day) --used_today_;
  if (same_day && ticket.carried && carried_ > 0) --carried_;
  if (!in_minute && !in_day) return false;
  // Granted out of the block of the present record, it goes back there. Counted in the record at
  // its own time, it stays there, because a later grant must not hide behind an earlier time.
  ++(ticket.mark == mark_ ? covered_ : refunded_);
  if (covered_ + refunded_ > BlockMax()) Write(m, 0, mutations);
  return in_day;
}

void Bucket::SpendToday(std::string_view reason, const Moment& m, Mutations* mutations) {
  if (spent_today_) return;
  spent_today_ = true;
  cool_reason_ = reason;
  Write(m, 0, mutations);
}

void Bucket::CoolFor(absl::Duration time, std::string_view reason, const Moment& m,
                     Mutations* mutations) {
  const MonoTime until = m.mono + time;
  probed_ = false;  // what holds it back now is more than the wait for a probe
  if (until <= cool_until_) return;
  cool_until_ = until;
  if (!spent_today_) cool_reason_ = reason;
  Write(m, 0, mutations);
}

void Bucket::CoolGrowing(absl::Duration first, std::optional<MonoTime> granted_at,
                         std::string_view reason, const Moment& m, Mutations* mutations) {
  const bool same_burst =
      growing_steps_ > 0 && (granted_at ? *granted_at < growing_since_ : cool_until_ > m.mono);
  if (!same_burst) {
    growing_since_ = m.mono;
    growing_steps_ = std::min(growing_steps_ + 1, kGrowingStepsMax);
  }
  const absl::Duration grown =
      same_burst ? first : kGrowingFirst * (std::int64_t{1} << (growing_steps_ - 1));
  CoolFor(std::min(std::max(first, grown), kGrowingMax), reason, m, mutations);
}

bool Bucket::Works(const Moment& m) {
  if (std::exchange(growing_steps_, 0) == 0 || !std::exchange(probed_, false)) return false;
  if (cool_until_ <= m.mono) return false;
  cool_until_ = m.mono;
  return true;
}

void Bucket::Reset(Mutations* mutations) {
  minute_.Clear();
  used_today_ = 0;
  carried_ = 0;
  spent_today_ = false;
  cool_until_ = MonoTime::FromNanoseconds(INT64_MIN);
  growing_steps_ = 0;
  probed_ = false;
  learned_minute_.reset();
  learned_day_.reset();
  limits_ = configured_.limits;
  minute_.SetLimit(limits_.requests_per_minute);
  cool_reason_.clear();
  ++generation_;
  Erase(mutations);
}

bool Bucket::CountsNothing(const Moment& m) const {
  return UsedToday(m) == 0 && !SpentToday(m) && cool_until_ <= m.mono &&
         minute_.UsedAt(m.mono) == 0;
}

void Bucket::Erase(Mutations* mutations) {
  // A new mark: a refund of an older charge must not find cover in a record that is gone.
  ++mark_;
  covered_ = 0;
  refunded_ = 0;
  if (!std::exchange(saved_, false)) return;
  mutations->push_back(DeleteBucket{{project_->id, model_->name}});
}

bool Bucket::SavedBeforeStep(const Moment& m) const {
  return saved_ && saved_clock_ != m.clock && (minute_.UsedAt(m.mono) > 0 || cool_until_ > m.mono);
}

void Bucket::Write(const Moment& m, std::int64_t ahead, Mutations* mutations) {
  BucketRecord record;
  record.project = project_->id;
  record.model = model_->name;
  record.day = day_;
  record.day_used = used_today_ + ahead;
  record.ahead = ahead;
  minute_.Expire(m.mono);
  record.minute.reserve(minute_.slots().size());
  for (const MinuteWindow::Slot& slot : minute_.slots()) {
    record.minute.push_back({m.ToWall(slot.newest), slot.count});
  }
  if (const std::optional<absl::Time> until = CoolingUntil(m)) {
    record.cooling_until = *until;
    record.cooling_reason = cool_reason_;
  }
  record.learned_minute = learned_minute_;
  record.learned_day = learned_day_;
  mutations->push_back(std::move(record));
  saved_ = true;
  covered_ = ahead;
  refunded_ = 0;
  saved_day_ = day_;
  saved_clock_ = m.clock;
  ++mark_;
}

void Bucket::Restore(const BucketRecord& record, absl::Time record_day_ends, const Moment& m) {
  saved_ = true;
  saved_day_ = record.day;
  saved_clock_ = m.clock;
  learned_minute_ = record.learned_minute;
  learned_day_ = record.learned_day;
  ApplyLimits(m);
  if (record.day >= m.today) used_today_ = record.day_used;
  const auto count = [&](absl::Time at, std::int64_t count) {
    // A time in the future is of a wall clock that went back since: now is the latest it can be.
    at = std::min(at, m.wall);
    if (at + send_by_ >= record_day_ends) {  // carried over
      if (record.day >= m.today) carried_ += count;
      if (record.day + 1 == m.today) used_today_ += count;
    }
    if (m.wall - at < span_ && count > 0) minute_.Charge(m.mono - (m.wall - at), count);
  };
  for (const Charge& charge : record.minute) count(charge.at, charge.count);
  // The block was granted at any time up to now, but on the record's day and before it was carried
  // over: that is always written with its own time.
  const absl::Time block_at = std::min(m.wall, record_day_ends - send_by_ - absl::Nanoseconds(1));
  if (record.ahead > 0) count(record.day < m.today ? block_at : m.wall, record.ahead);
  if (record.cooling_until <= m.wall) return;
  if (record.cooling_until == record_day_ends) {
    spent_today_ = record.day >= m.today;
  } else {
    cool_until_ = m.mono + std::min(record.cooling_until - m.wall, kDelayMax + kDelayMargin);
  }
  cool_reason_ = record.cooling_reason;
}

std::optional<absl::Time> Bucket::CoolingUntil(const Moment& m) const {
  std::optional<absl::Time> until;
  if (cool_until_ > m.mono) until = m.ToWall(cool_until_);
  if (SpentToday(m)) until = std::max(m.day_ends, until.value_or(m.day_ends));
  return until;
}

}  // namespace keypool::policy
