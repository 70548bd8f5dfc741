// Which day Google's daily quotas count on.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace keypool::policy {

// The civil day in America/Los_Angeles, 23 and 25 hour days included, as days since 1970-01-01.
//
// The wall clock may be wrong, and a day that begins gives every project its quota back, so:
//  - a clock that goes back over midnight does not bring the old day back; the later day stays
//  until
//    the clock has caught up with it, so quota is never given twice for one correction;
//  - but a day more than one ahead of the clock comes from a clock that was wrong by days. Keeping
//    it would stop the turn of the day for as long, so it is taken back. The counts of the wrong
//    day go on as those of the right one: too careful for a day, never too generous.
// Not thread-safe.
class PacificDay {
 public:
  PacificDay(absl::TimeZone zone, absl::Time wall);

  // Follows the clock. True when number() changed.
  bool Advance(absl::Time wall);
  // A day that records of an earlier reign have counted on; kept if it is just one ahead.
  void Remember(std::int64_t day);

  std::int64_t number() const { return number_; }
  // The midnight at which number() ends.
  absl::Time ends() const { return ends_; }
  // The number that Advance(wall) would leave, and the end of that day.
  std::int64_t NumberAt(absl::Time wall) const;
  absl::Time StartOf(std::int64_t day) const;

 private:
  std::int64_t CivilDayOf(absl::Time wall) const;
  void Set(std::int64_t day);

  absl::TimeZone zone_;
  std::int64_t number_ = 0;
  absl::Time starts_, ends_;
};

}  // namespace keypool::policy
