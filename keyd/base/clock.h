// The only place that reads the time. Everybody else is handed a Clock or a Now.
#pragma once

#include <compare>
#include <cstdint>

#include "absl/time/time.h"

namespace keypool {

// A point on the monotonic clock: never goes back, means nothing in another process, never
// persisted.
class MonoTime {
 public:
  constexpr MonoTime() = default;
  static constexpr MonoTime FromNanoseconds(std::int64_t ns) { return MonoTime(ns); }
  static constexpr MonoTime Max() { return MonoTime(INT64_MAX); }
  constexpr std::int64_t nanoseconds() const { return ns_; }

  friend MonoTime operator+(MonoTime t, absl::Duration d) {
    return MonoTime(t.ns_ + absl::ToInt64Nanoseconds(d));
  }
  friend MonoTime operator-(MonoTime t, absl::Duration d) {
    return MonoTime(t.ns_ - absl::ToInt64Nanoseconds(d));
  }
  friend absl::Duration operator-(MonoTime a, MonoTime b) {
    return absl::Nanoseconds(a.ns_ - b.ns_);
  }
  friend constexpr auto operator<=>(MonoTime, MonoTime) = default;

 private:
  explicit constexpr MonoTime(std::int64_t ns) : ns_(ns) {}
  std::int64_t ns_ = 0;
};

// Both clocks, read once for one command or batch. Wall time is for days and people, monotonic time
// for waiting.
struct Now {
  absl::Time wall;
  MonoTime mono;
};

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time WallNow() const = 0;  // may jump
  virtual MonoTime MonoNow() const = 0;    // never goes back
  Now Read() const { return {WallNow(), MonoNow()}; }
};

// The machine's clocks. Lives as long as the process.
const Clock& SystemClock();

}  // namespace keypool
