#include "tests/fakes/keyd/fake_clock.h"

#include "keyd/base/assert.h"

namespace keypool::fakes {

absl::Time FakeClock::WallNow() const {
  MutexLock lock(&mutex_);
  return wall_;
}

MonoTime FakeClock::MonoNow() const {
  MutexLock lock(&mutex_);
  return mono_;
}

void FakeClock::Advance(absl::Duration step) {
  KP_ASSERT(step >= absl::ZeroDuration());
  MutexLock lock(&mutex_);
  wall_ += step;
  mono_ = mono_ + step;
}

void FakeClock::SetWall(absl::Time wall) {
  MutexLock lock(&mutex_);
  wall_ = wall;
}

}  // namespace keypool::fakes
