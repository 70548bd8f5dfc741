// How many requests may be tried again: when everything fails, trying everything four times makes
// it worse.
#pragma once

#include <array>
#include <cstdint>

#include "keyd/base/clock.h"

namespace keypool::proxy {

// Over the last ten seconds, in slots of one. Not thread-safe.
class RetryBudget {
 public:
  static constexpr absl::Duration kSlot = absl::Seconds(1);
  static constexpr std::size_t kSlots = 10;
  // Of the requests; and so many in any case, or a single request could never be tried again.
  static constexpr std::int64_t kPercent = 20;
  static constexpr std::int64_t kAlways = 10;

  // A request begins.
  void CountRequest(MonoTime now) { ++SlotAt(now).requests; }
  // True: it may be tried once more, and that is counted.
  bool Take(MonoTime now);

 private:
  struct Slot {
    std::int64_t number = -1;  // of slots since the clock's start
    std::int64_t requests = 0;
    std::int64_t retries = 0;
  };
  Slot& SlotAt(MonoTime now);

  std::array<Slot, kSlots> slots_;
};

}  // namespace keypool::proxy
