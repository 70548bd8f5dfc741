// Holds back what fails again and again, and lets one through at a time to see whether it works.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "keyd/base/clock.h"

namespace keypool::policy {

// Not thread-safe.
class Breaker {
 public:
  struct Options {
    int failures = 1;            // in a row, to begin with
    absl::Duration first;        // how long nothing is let through, doubling each time
    absl::Duration max;          // up to this
    absl::Duration probe_every;  // afterwards one is let through in this time, until one works
  };

  // `granted_at`: when the request that failed was let through; one from before the present pause
  // is of the same burst and says nothing new. Nothing: not known. True: a pause has begun.
  bool Fails(const Options& options, std::optional<MonoTime> granted_at, MonoTime now) {
    if (steps_ > 0 && (granted_at ? *granted_at < since_ : now < until_)) return false;
    if (++failures_ < options.failures) return false;
    until_ = now + std::min(options.max, options.first * (std::int64_t{1} << steps_));
    since_ = now;
    steps_ = std::min(steps_ + 1, kStepsMax);
    return true;
  }
  // True: it had been held back.
  bool Works(std::optional<MonoTime> granted_at) {
    if (steps_ > 0 && granted_at && *granted_at < since_) return false;
    const bool held_back = steps_ > 0;
    *this = Breaker();
    return held_back;
  }

  // A time that has passed: the next one may be let through.
  MonoTime until() const { return until_; }
  void LetThrough(const Options& options, MonoTime now) {
    if (steps_ > 0) until_ = now + options.probe_every;
  }

 private:
  static constexpr int kStepsMax = 20;  // far beyond any maximum, far below overflow

  int failures_ = 0;  // in a row
  int steps_ = 0;
  MonoTime since_;
  MonoTime until_ = MonoTime::FromNanoseconds(INT64_MIN);
};

}  // namespace keypool::policy
