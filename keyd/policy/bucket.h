// The quota state of one (project, model): its windows, its cooldown, and how far the store covers
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "keyd/policy/blame.h"
#include "keyd/policy/meter.h"
#include "keyd/policy/moment.h"
#include "keyd/policy/selector.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

struct Model;
struct Project;

// What a refund or a correction needs to know about a charge.
struct ChargeTicket : ChargeTime {
  std::int64_t tokens = 0;  // charged by estimate
  std::uint32_t generation = 0;
  std::uint32_t mark = 0;
};

// Requests and their input tokens.
struct Amounts {
  std::int64_t requests = 0;
  std::int64_t tokens = 0;
};

// Marks. The last record in the store covers `covered_` more requests and tokens than were granted.
// A grant beyond that first writes a record that is a block ahead, so the store never knows of less
// than was granted. Restored, a record counts its whole block: at most BlockMax() requests too
// much, and of tokens TokenBlockMax() and those of one request. A report of more tokens than were
// charged is such a grant; one of less leaves the record as it is, within those bounds.
//
// A record covers only its own day and only while the wall clock has not stepped since, because its
// times are wall times.
//
// Midnight. A request granted within the send-by time before midnight may reach Google after it, so
// it is carried over: it counts on both days.
//
// Not thread-safe. Functions that take a Moment require Turn for it first unless they are const.
class Bucket {
 public:
  // Without limits nothing is counted: the bucket of unmetered calls. A grant weighs on the minute
  // for a minute and `send_by`.
  Bucket(Project* project, Model* model, std::optional<ConfiguredLimits> limits,
         absl::Duration send_by, std::int64_t today);

  Project* project() const { return project_; }
  Model* model() const { return model_; }
  const Meters& meters() const { return meters_; }
  // In force: what Google has told instead of a default; of what is configured and what Google has
  // told the lower one.
  const Limits& limits() const { return limits_; }
  // The operator says otherwise; what was learned stays. Appends a record when the store would
  // count too much for the new limits. Requires a metered model.
  void Configure(const ConfiguredLimits& limits, const Moment& m, Mutations* mutations);
  // For the status: `used`, and the limit with its source.
  WindowStatus MinuteStatus(const Moment& m) const;
  WindowStatus DayStatus(const Moment& m) const;
  WindowStatus TokensMinuteStatus(const Moment& m) const;
  WindowStatus TokensDayStatus(const Moment& m) const;

  // Brings the counts to today and forgets what has left the minute.
  void Turn(const Moment& m);

  // Where it stands, without side effects.
  Standing Look(const Moment& m) const;
  // When a request with so many tokens fits, whatever else it waits for: a limit of 0 when that is
  // no window.
  Fit FitOf(std::int64_t tokens, const Moment& m) const;
  // Why it is not ready, as a phrase, but for a cooldown.
  std::string_view WhyNot(const Standing& standing, const Moment& m) const;

  // One grant. Requires that Look says kReady. Appends a record when the store does not cover it.
  ChargeTicket Take(std::int64_t tokens, const Moment& m, Mutations* mutations);
  // Takes one grant back. True when today's count went down. A charge from before a reset, or of a
  // day that is over, is not in the counts any more and is left alone.
  bool Refund(const ChargeTicket& ticket, const Moment& m, Mutations* mutations);
  // The request had so many tokens in truth. Left alone as by Refund.
  void CorrectTokens(const ChargeTicket& ticket, std::int64_t tokens, const Moment& m,
                     Mutations* mutations);

  // Google says that the day is spent: nothing until it ends.
  void SpendToday(std::string_view reason, const Moment& m, Mutations* mutations);
  void CoolFor(absl::Duration time, std::string_view reason, const Moment& m, Mutations* mutations);
  // For `first`, then twice as long each time, up to kGrowingMax, until Works. Answers to requests
  // that were granted before the last cooldown began are of the same burst and do not double it.
  void CoolGrowing(absl::Duration first, std::optional<MonoTime> granted_at,
                   std::string_view reason, const Moment& m, Mutations* mutations);
  // It answered a request. True: it is ready earlier than it was.
  bool Works(const Moment& m);
  // Google has told a limit.
  void Learn(const Lesson& lesson, const Moment& m, Mutations* mutations);
  bool HasLearned() const {
    return learned_minute_ || learned_day_ || learned_tokens_minute_ || learned_tokens_day_;
  }
  // Google counts the model under another name, as it has told in this project.
  void SetAlias(std::optional<LearnedAlias> alias, const Moment& m, Mutations* mutations) {
    alias_ = std::move(alias);
    Write(m, {}, mutations);
  }
  const std::optional<LearnedAlias>& alias() const { return alias_; }
  // When the cooldown ends; a time that has passed when there is none.
  MonoTime cool_until() const { return cool_until_; }

  // Forgets counts and cooldowns. Refunds of charges from before it are ignored.
  void Reset(Mutations* mutations);
  // Not even a limit that was learned.
  bool HoldsNothing(const Moment& m) const { return CountsNothing(m) && !HasLearned() && !alias_; }
  bool CountsNothing(const Moment& m) const;
  // Takes its record out of the store.
  void Erase(Mutations* mutations);
  // Writes a record with the present counts.
  void Save(const Moment& m, Mutations* mutations) { Write(m, {}, mutations); }
  // The record in the store has times of before a step of the wall clock.
  bool SavedBeforeStep(const Moment& m) const;
  bool saved() const { return saved_; }

  // Counts what `record` says; `record_day_ends` is the end of record.day. Needs no new record: a
  // second restart would read the same one, which still says no less than what was granted.
  void Restore(const BucketRecord& record, absl::Time record_day_ends, const Moment& m);

  // For the status.
  std::int64_t UsedToday(const Moment& m) const { return meters_.requests.UsedToday(m); }
  std::int64_t UsedTomorrow() const { return meters_.requests.UsedTomorrow(); }
  std::int64_t UsedThisMinute(const Moment& m) const { return meters_.requests.UsedThisMinute(m); }
  // By Google's word, not by our count.
  bool SpentToday(const Moment& m) const { return day_ >= m.today && spent_today_; }
  std::optional<absl::Time> CoolingUntil(const Moment& m) const;
  const std::string& cool_reason() const { return cool_reason_; }
  // Most requests that a restart may count too much, and most tokens but for those of one request.
  std::int64_t BlockMax() const;
  std::int64_t TokenBlockMax() const;

  Place place;                  // the selector's
  std::size_t index = 0;        // in the model's buckets
  std::uint32_t leases = 0;     // open or late, pointing here
  std::uint64_t last_used = 0;  // number of the pool's grant; 0: never
  Cause cause;                  // of the present cooldown

 private:
  const Meters* Together() const;
  // Whether the record in the store covers so much more, now.
  bool Covers(const Amounts& amounts, const Moment& m) const;
  // Does to the project's count what was done to its bucket's.
  void CorrectTogether(const ChargeTicket& ticket, const Amounts& by);
  // What a record may promise beyond what is used: for a grant of `tokens`, and a block more, out
  // of which small corrections are covered too.
  Amounts Block(std::int64_t tokens, const Moment& m) const;
  void Write(const Moment& m, const Amounts& ahead, Mutations* mutations);
  // Forgets what was told too long ago.
  void ApplyLimits(const Moment& m);
  // The record in the store counts more beyond what is used than its blocks may be, and besides
  // `tokens` of a request.
  bool IsTooFarAhead(std::int64_t tokens) const;

  Project* project_;
  Model* model_;
  ConfiguredLimits configured_;
  std::optional<LearnedAlias> alias_;
  std::optional<LearnedLimit> learned_minute_, learned_day_;
  std::optional<LearnedLimit> learned_tokens_minute_, learned_tokens_day_;
  Limits limits_;  // in force
  bool metered_;
  absl::Duration send_by_;
  Meters meters_;

  std::int64_t day_;
  bool spent_today_ = false;  // by Google's word, until day_ ends

  MonoTime cool_until_ = MonoTime::FromNanoseconds(INT64_MIN);
  MonoTime growing_since_;
  int growing_steps_ = 0;
  bool probed_ = false;  // cool_until_ is only the wait for a probe's answer
  std::string cool_reason_;

  bool saved_ = false;  // there is a record in the store
  Amounts covered_;
  Amounts refunded_;  // what the record counts and was taken back since
  std::int64_t saved_day_ = 0;
  std::uint32_t saved_clock_ = 0;
  std::uint32_t mark_ = 0;        // grows with every record
  std::uint32_t generation_ = 0;  // grows with every reset
};

}  // namespace keypool::policy
