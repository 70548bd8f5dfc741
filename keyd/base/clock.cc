#include "keyd/base/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace keypool {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time WallNow() const override { return absl::Now(); }
  MonoTime MonoNow() const override {
    const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
    return MonoTime::FromNanoseconds(
        std::chrono::duration_cast<std::chrono::nanoseconds>(since_start).count());
  }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

}  // namespace keypool
