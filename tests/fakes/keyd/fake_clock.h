// A clock that stands still until a test moves it.
#pragma once

#include "keyd/base/clock.h"
#include "keyd/base/mutex.h"

namespace keypool::fakes {

// Thread-safe. Both clocks start at fixed values, the wall clock at noon in Los Angeles of a winter
// day.
class FakeClock final : public Clock {
 public:
  absl::Time WallNow() const override;
  MonoTime MonoNow() const override;

  // Moves both clocks. `step` must not be negative.
  void Advance(absl::Duration step);
  // Moves the wall clock alone, forth or back.
  void SetWall(absl::Time wall);

 private:
  mutable Mutex mutex_;
  absl::Time wall_ ABSL_GUARDED_BY(mutex_) = absl::FromUnixSeconds(1'768'507'200);
  MonoTime mono_ ABSL_GUARDED_BY(mutex_) = MonoTime::FromNanoseconds(1'000'000'000);
};

}  // namespace keypool::fakes
