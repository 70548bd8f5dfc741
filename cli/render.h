// What a status looks like: pure functions from a status, a moment and a time zone to text.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/admin.h"

namespace keypool::cli {

struct Look {
  absl::TimeZone zone;
  bool colour = false;
  std::size_t columns = 0;  // longer lines are cut; 0 never cuts
};

// "in 2 h 14 m", "in 35 s", "now" for what has passed.
std::string Until(absl::Duration left);

// "14:05:27 CET (in 2 m 10 s)"; with the date when it is another day than `now`.
std::string Moment(absl::Time time, absl::Time now, absl::TimeZone zone);

// "3 keys in 2 projects: 3 active, 2 usable now. 1 lease is open." and when the day ends, or what
// to do about an empty pool; the last line is empty.
std::vector<std::string> SummaryLines(const PoolSummary& summary, const Look& look);

// A row for each bucket, the key's own columns only in its first row.
std::vector<std::string> KeyLines(const std::vector<KeyStatus>& keys, absl::Time now,
                                  const Look& look);

}  // namespace keypool::cli
