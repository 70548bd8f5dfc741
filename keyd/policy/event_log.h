// The last things that happened to the pool, numbered, for an operator who asks why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/admin.h"

namespace keypool::policy {

inline constexpr std::size_t kEventsMax = 1'000;

// In memory, of this reign. What happens again to the same subject within kTogether is one event
// with a count, so that a burst of answers does not wash everything else away. Not thread-safe.
class EventLog {
 public:
  static constexpr absl::Duration kTogether = absl::Seconds(1);

  explicit EventLog(std::size_t max = kEventsMax) : max_(max) {}

  // Takes all but its number, times and count from `event`. O(1): only the newest few are looked at
  // for the same.
  void Add(PoolEvent event, absl::Time at);
  // The newest `limit` of those with a greater number than `after`, oldest first.
  std::vector<PoolEvent> After(std::uint64_t after, std::size_t limit) const;

 private:
  std::size_t max_;
  std::uint64_t last_ = 0;  // number
  std::deque<PoolEvent> events_;
};

}  // namespace keypool::policy
