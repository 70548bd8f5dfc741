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
// Without limits: a commit for so much is nothing.
constexpr std::int64_t kBlockMost = 10'000;
constexpr std::int64_t kTokenBlockMost = 1'000'000;

WindowStatus WindowOf(std::int64_t used, std::int64_t limit, LimitSource configured,
                      const std::optional<LearnedLimit>& learned) {
  WindowStatus status = {used, limit, configured, std::nullopt};
  if (learned && learned->limit == limit) {
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
      meters_(limits_, send_by, today),
      day_(today) {}

const Meters* Bucket::Together() const { return metered_ ? project_->together.get() : nullptr; }

void Bucket::Turn(const Moment& m) {
  if (metered_ && project_->together) project_->together->Turn(m);
  if (meters_.Turn(m)) {
    spent_today_ = false;
    ApplyLimits(m);
  }
  day_ = m.today;  // a later day was taken back: its counts go on, see PacificDay
}

void Bucket::ApplyLimits(const Moment& m) {
  for (std::optional<LearnedLimit>* learned :
       {&learned_minute_, &learned_day_, &learned_tokens_minute_, &learned_tokens_day_}) {
    if (*learned && m.wall - (*learned)->at >= kLearnedFor) learned->reset();
  }
  if (alias_ && m.wall - alias_->at >= kLearnedFor) alias_.reset();
  const auto in_force = [](std::int64_t configured, LimitSource source,
                           const std::optional<LearnedLimit>& learned) {
    if (!learned) return configured;
    return source == LimitSource::kDefault ? learned->limit : std::min(configured, learned->limit);
  };
  const ConfiguredLimits& c = configured_;
  limits_ = {
      in_force(c.limits.requests_per_minute, c.minute_source, learned_minute_),
      in_force(c.limits.requests_per_day, c.day_source, learned_day_),
      in_force(c.limits.input_tokens_per_minute, c.tokens_minute_source, learned_tokens_minute_),
      in_force(c.limits.input_tokens_per_day, c.tokens_day_source, learned_tokens_day_)};
  meters_.SetLimits(limits_);
}

void Bucket::Configure(const ConfiguredLimits& limits, const Moment& m, Mutations* mutations) {
  configured_ = limits;
  ApplyLimits(m);
  if (saved_ && IsTooFarAhead(0)) Write(m, {}, mutations);
}

bool Bucket::IsTooFarAhead(std::int64_t tokens) const {
  return covered_.requests + refunded_.requests > BlockMax() ||
         covered_.tokens + refunded_.tokens > TokenBlockMax() + tokens;
}

void Bucket::Learn(const Lesson& lesson, const Moment& m, Mutations* mutations) {
  if (!metered_ || lesson.empty()) return;
  const auto learn = [&m](const std::optional<std::int64_t>& told,
                          std::optional<LearnedLimit>* learned) {
    if (told) *learned = {*told, m.wall};
  };
  learn(lesson.requests_per_minute, &learned_minute_);
  learn(lesson.requests_per_day, &learned_day_);
  learn(lesson.input_tokens_per_minute, &learned_tokens_minute_);
  learn(lesson.input_tokens_per_day, &learned_tokens_day_);
  ApplyLimits(m);
  Write(m, {}, mutations);
}

WindowStatus Bucket::MinuteStatus(const Moment& m) const {
  return WindowOf(UsedThisMinute(m), limits_.requests_per_minute, configured_.minute_source,
                  learned_minute_);
}

WindowStatus Bucket::DayStatus(const Moment& m) const {
  return WindowOf(UsedToday(m), limits_.requests_per_day, configured_.day_source, learned_day_);
}

WindowStatus Bucket::TokensMinuteStatus(const Moment& m) const {
  return WindowOf(meters_.tokens.UsedThisMinute(m), limits_.input_tokens_per_minute,
                  configured_.tokens_minute_source, learned_tokens_minute_);
}

WindowStatus Bucket::TokensDayStatus(const Moment& m) const {
  return WindowOf(meters_.tokens.UsedToday(m), limits_.input_tokens_per_day,
                  configured_.tokens_day_source, learned_tokens_day_);
}

Standing Bucket::Look(const Moment& m) const {
  Standing s;
  s.left_today = meters_.requests.LeftToday(m);
  s.left_this_minute = meters_.requests.LeftThisMinute(m);
  s.room = meters_.Room(m);
  s.capacity = meters_.Largest();
  s.at = std::max(cool_until_, meters_.MinuteReadyAt(m));
  bool spent = SpentToday(m) || meters_.SpentToday(m);
  MonoTime improves = std::min(meters_.requests.NextLeave(), meters_.tokens.NextLeave());
  if (const Meters* all = Together()) {
    s.left_today = std::min(s.left_today, all->requests.LeftToday(m));
    s.room = std::min(s.room, all->Room(m));
    s.capacity = std::min(s.capacity, all->Largest());
    s.at = std::max(s.at, all->MinuteReadyAt(m));
    spent = spent || all->SpentToday(m);
  }
  if (spent) {
    s.kind = Standing::Kind::kSpent;
  } else if (s.at > m.mono) {
    s.kind = Standing::Kind::kWaiting;
  } else {
    s.kind = Standing::Kind::kReady;
    s.at = improves;
  }
  return s;
}

Fit Bucket::FitOf(std::int64_t tokens, const Moment& m) const {
  Fit fit = meters_.FitOf(tokens, m);
  if (const Meters* all = Together()) fit = Later(fit, all->FitOf(tokens, m));
  if (SpentToday(m)) fit = Later(fit, {m.mono + (m.day_ends - m.wall), fit.window, 0});
  return Later(fit, {cool_until_, fit.window, 0});
}

std::string_view Bucket::WhyNot(const Standing& standing, const Moment& m) const {
  const Meters* all = Together();
  if (standing.kind == Standing::Kind::kSpent) {
    if (SpentToday(m) || meters_.requests.LeftToday(m) <= 0) return "out of requests today";
    if (meters_.SpentToday(m)) return "out of input tokens today";
    return all && all->requests.LeftToday(m) > 0
               ? "its project is out of input tokens today, over all models"
               : "its project is out of requests today, over all models";
  }
  if (meters_.requests.MinuteReadyAt(1, m) >= standing.at) return "out of requests this minute";
  if (meters_.MinuteReadyAt(m) >= standing.at) return "out of input tokens this minute";
  return all && all->requests.MinuteReadyAt(1, m) < standing.at
             ? "its project is out of input tokens this minute, over all models"
             : "its project is out of requests this minute, over all models";
}

std::int64_t Bucket::BlockMax() const {
  return std::clamp<std::int64_t>(
      std::min(limits_.requests_per_minute, limits_.requests_per_day) / kBlocksPerLimit, 1,
      kBlockMost);
}

std::int64_t Bucket::TokenBlockMax() const {
  return std::clamp<std::int64_t>(
      std::min(limits_.input_tokens_per_minute, limits_.input_tokens_per_day) / kBlocksPerLimit, 1,
      kTokenBlockMost);
}

Amounts Bucket::Block(std::int64_t tokens, const Moment& m) const {
  const Meter& requests = meters_.requests;
  const std::int64_t left = std::min(requests.LeftToday(m), requests.LeftThisMinute(m));
  return {std::clamp<std::int64_t>(left, 0, BlockMax()),
          tokens + std::clamp<std::int64_t>(meters_.Room(m) - tokens, 0, TokenBlockMax())};
}

bool Bucket::Covers(const Amounts& amounts, const Moment& m) const {
  return covered_.requests >= amounts.requests && covered_.tokens >= amounts.tokens &&
         saved_day_ == m.today && saved_clock_ == m.clock;
}

ChargeTicket Bucket::Take(std::int64_t tokens, const Moment& m, Mutations* mutations) {
  KP_ASSERT(metered_ && day_ == m.today);
  ChargeTicket ticket;
  ticket.at = m.mono;
  ticket.day = day_;
  ticket.carried = m.wall + send_by_ >= m.day_ends;
  ticket.tokens = tokens;
  ticket.generation = generation_;
  const bool probe = growing_steps_ > 0;
  if (probe) {
    cool_until_ = m.mono + kProbeEvery;
    probed_ = true;
  }
  if (!ticket.carried && (probe || !Covers({1, tokens}, m))) {
    Write(m, Block(tokens, m), mutations);
  }
  ticket.mark = mark_;
  const auto charge = [&](Meters* meters) {
    meters->requests.Charge(1, ticket.carried, m);
    meters->tokens.Charge(tokens, ticket.carried, m);
  };
  charge(&meters_);
  if (project_->together) charge(project_->together.get());
  if (ticket.carried) {
    // Written with its own time, by which Restore knows that it counts tomorrow.
    Write(m, {}, mutations);
  } else {
    --covered_.requests;
    covered_.tokens -= tokens;
  }
  return ticket;
}

bool Bucket::Refund(const ChargeTicket& ticket, const Moment& m, Mutations* mutations) {
  if (ticket.generation != generation_) return false;
  const Meter::Corrected requests = meters_.requests.Correct(ticket, -1);
  meters_.tokens.Correct(ticket, -ticket.tokens);
  CorrectTogether(ticket, {-1, -ticket.tokens});
  if (!requests.minute && !requests.day) return false;
  // Granted out of the block of the present record, it goes back there. Counted in the record at
  // its own time, it stays there, because a later grant must not hide behind an earlier time.
  Amounts& back = ticket.mark == mark_ ? covered_ : refunded_;
  ++back.requests;
  back.tokens += ticket.tokens;
  if (IsTooFarAhead(ticket.tokens)) Write(m, {}, mutations);
  return requests.day;
}

void Bucket::CorrectTokens(const ChargeTicket& ticket, std::int64_t tokens, const Moment& m,
                           Mutations* mutations) {
  const std::int64_t by = tokens - ticket.tokens;
  if (ticket.generation != generation_ || by == 0) return;
  const Meter::Corrected corrected = meters_.tokens.Correct(ticket, by);
  CorrectTogether(ticket, {0, by});
  if (!corrected.minute && !corrected.day) return;
  if (by < 0) {
    (ticket.mark == mark_ ? covered_ : refunded_).tokens -= by;
    if (IsTooFarAhead(ticket.tokens)) Write(m, {}, mutations);
    return;
  }
  if (!ticket.carried && Covers({0, by}, m)) {
    covered_.tokens -= by;
    return;
  }
  // In the last moments of the day a record promises nothing: its block would count on one day.
  const bool late = m.wall + send_by_ >= m.day_ends;
  Write(m, late ? Amounts{} : Block(0, m), mutations);
}

void Bucket::CorrectTogether(const ChargeTicket& ticket, const Amounts& by) {
  if (!project_->together) return;
  if (by.requests != 0) project_->together->requests.Correct(ticket, by.requests);
  project_->together->tokens.Correct(ticket, by.tokens);
}

void Bucket::SpendToday(std::string_view reason, const Moment& m, Mutations* mutations) {
  if (spent_today_) return;
  spent_today_ = true;
  cool_reason_ = reason;
  Write(m, {}, mutations);
}

void Bucket::CoolFor(absl::Duration time, std::string_view reason, const Moment& m,
                     Mutations* mutations) {
  const MonoTime until = m.mono + time;
  probed_ = false;  // what holds it back now is more than the wait for a probe
  if (until <= cool_until_) return;
  cool_until_ = until;
  if (!spent_today_) cool_reason_ = reason;
  Write(m, {}, mutations);
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
  meters_.Clear();
  // An operator resets a project with all its buckets.
  if (project_->together) project_->together->Clear();
  spent_today_ = false;
  cool_until_ = MonoTime::FromNanoseconds(INT64_MIN);
  growing_steps_ = 0;
  probed_ = false;
  learned_minute_.reset();
  learned_day_.reset();
  learned_tokens_minute_.reset();
  learned_tokens_day_.reset();
  alias_.reset();
  limits_ = configured_.limits;
  meters_.SetLimits(limits_);
  cool_reason_.clear();
  ++generation_;
  Erase(mutations);
}

bool Bucket::CountsNothing(const Moment& m) const {
  return meters_.CountsNothing(m) && !SpentToday(m) && cool_until_ <= m.mono;
}

void Bucket::Erase(Mutations* mutations) {
  // A new mark: a refund of an older charge must not find cover in a record that is gone.
  ++mark_;
  covered_ = {};
  refunded_ = {};
  if (!std::exchange(saved_, false)) return;
  mutations->push_back(DeleteBucket{{project_->id, model_->name}});
}

bool Bucket::SavedBeforeStep(const Moment& m) const {
  const bool weighs = UsedThisMinute(m) > 0 || meters_.tokens.UsedThisMinute(m) > 0;
  return saved_ && saved_clock_ != m.clock && (weighs || cool_until_ > m.mono);
}

void Bucket::Write(const Moment& m, const Amounts& ahead, Mutations* mutations) {
  BucketRecord record;
  record.project = project_->id;
  record.model = model_->name;
  record.day = day_;
  meters_.Turn(m);
  record.day_used = UsedToday(m) + ahead.requests;
  record.ahead = ahead.requests;
  record.minute = meters_.requests.MinuteCharges(m);
  record.day_tokens = meters_.tokens.UsedToday(m) + ahead.tokens;
  record.ahead_tokens = ahead.tokens;
  record.minute_tokens = meters_.tokens.MinuteCharges(m);
  if (const std::optional<absl::Time> until = CoolingUntil(m)) {
    record.cooling_until = *until;
    record.cooling_reason = cool_reason_;
  }
  record.learned_minute = learned_minute_;
  record.learned_day = learned_day_;
  record.alias = alias_;
  record.learned_tokens_minute = learned_tokens_minute_;
  record.learned_tokens_day = learned_tokens_day_;
  mutations->push_back(std::move(record));
  saved_ = true;
  covered_ = ahead;
  refunded_ = {};
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
  alias_ = record.alias;
  learned_tokens_minute_ = record.learned_tokens_minute;
  learned_tokens_day_ = record.learned_tokens_day;
  ApplyLimits(m);
  meters_.Restore(record, record_day_ends, m);
  if (metered_ && project_->together) project_->together->Restore(record, record_day_ends, m);
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
