// What was used of requests and of input tokens, in the last minute and on the Pacific day.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "keyd/base/lease.h"
#include "keyd/policy/limits.h"
#include "keyd/policy/moment.h"
#include "keyd/policy/quota_window.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

// When something was charged.
struct ChargeTime {
  MonoTime at;
  std::int64_t day = 0;
  bool carried = false;  // counts on the day after `day` too
};

// The day that a record counts on.
struct RecordDay {
  std::int64_t number = 0;
  absl::Time ends;
};

// One amount, of requests or of tokens, in its two windows. A charge within the send-by time before
// midnight is carried over: it counts on both days. Not thread-safe. Functions that take a Moment
// require Turn for it first unless they are const.
class Meter {
 public:
  // A charge weighs on the minute for a minute and `send_by`.
  Meter(std::int64_t per_minute, std::int64_t per_day, absl::Duration send_by, std::int64_t today);

  std::int64_t per_minute() const { return minute_.limit(); }
  std::int64_t per_day() const { return per_day_; }
  void SetLimits(std::int64_t per_minute, std::int64_t per_day);

  // Brings the counts to today and forgets what has left the minute. True: a day is over.
  bool Turn(const Moment& m);
  void Charge(std::int64_t amount, bool carried, const Moment& m);
  // The windows in which something changed: those that the charge has not left.
  struct Corrected {
    bool minute = false;
    bool day = false;
  };
  Corrected Correct(const ChargeTime& charge, std::int64_t by);
  void Clear();
  // Counts what `parts` count as well, of which it counts nothing yet. Requires Turn for the same
  // moment of all.
  void Add(const std::vector<const Meter*>& parts);

  std::int64_t UsedToday(const Moment& m) const {
    if (day_ >= m.today) return used_today_;
    return day_ + 1 == m.today ? carried_ : 0;
  }
  std::int64_t UsedTomorrow() const { return carried_; }
  std::int64_t UsedThisMinute(const Moment& m) const { return minute_.UsedAt(m.mono); }
  std::int64_t LeftToday(const Moment& m) const { return per_day_ - UsedToday(m); }
  std::int64_t LeftThisMinute(const Moment& m) const { return per_minute() - UsedThisMinute(m); }
  bool CountsNothing(const Moment& m) const { return UsedToday(m) == 0 && UsedThisMinute(m) == 0; }
  // The first time from now on at which `amount` more fit into the minute; MonoTime::Max(): never.
  MonoTime MinuteReadyAt(std::int64_t amount, const Moment& m) const;
  // The same of the day, if it turns when the clocks say.
  MonoTime DayReadyAt(std::int64_t amount, const Moment& m) const;
  // When the oldest charge leaves the minute.
  MonoTime NextLeave() const { return minute_.NextLeave(); }

  // What weighs on the minute, oldest first, by wall time.
  std::vector<policy::Charge> MinuteCharges(const Moment& m) const;
  // Adds what a record counts.
  void Restore(std::int64_t day_used, const std::vector<policy::Charge>& minute, std::int64_t ahead,
               const RecordDay& day, const Moment& m);

 private:
  MinuteWindow minute_;
  std::int64_t per_day_;
  absl::Duration send_by_;
  std::int64_t day_;
  std::int64_t used_today_ = 0;
  std::int64_t carried_ = 0;  // of used_today_: counts tomorrow too
};

// When a request fits, and the window that it waits for last.
struct Fit {
  MonoTime at;  // MonoTime::Max(): never
  QuotaWindow window = QuotaWindow::kRequestsPerMinute;
  std::int64_t limit = 0;
};

// The most input tokens that one request may ever have, and the window that says so.
struct Capacity {
  std::int64_t tokens = 0;
  QuotaWindow window = QuotaWindow::kInputTokensPerMinute;
  friend auto operator<=>(const Capacity&, const Capacity&) = default;
};

// Both amounts: of one bucket, or of a project over all its models.
struct Meters {
  Meters(const Limits& limits, absl::Duration send_by, std::int64_t today);

  void SetLimits(const Limits& limits);
  bool Turn(const Moment& m);
  void Clear();
  void Add(const std::vector<const Meters*>& parts);
  void Restore(const BucketRecord& record, absl::Time record_day_ends, const Moment& m);

  // No request more today.
  bool SpentToday(const Moment& m) const {
    return requests.LeftToday(m) <= 0 || tokens.LeftToday(m) <= 0;
  }
  // When the minute has room for any request at all.
  MonoTime MinuteReadyAt(const Moment& m) const;
  // When one with so many tokens fits.
  Fit FitOf(std::int64_t request_tokens, const Moment& m) const;
  // The most tokens that fit now.
  std::int64_t Room(const Moment& m) const;
  Capacity Largest() const;
  bool CountsNothing(const Moment& m) const {
    return requests.CountsNothing(m) && tokens.CountsNothing(m);
  }

  Meter requests;
  Meter tokens;
};

// Of the two the one that makes a request wait longer.
inline const Fit& Later(const Fit& a, const Fit& b) { return b.at > a.at ? b : a; }

}  // namespace keypool::policy
