// Every deadline of one thread, in one coarse wheel: arming costs a few instructions, and the
// machine is asked for one timer only.
#pragma once

#include <array>
#include <cstdint>

#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "proxy/wakeup.h"

namespace keypool::proxy {

class TimerWheel;

// A deadline of a session. Leaves the wheel when it is destroyed.
class Timer {
 public:
  // `wakeup` is notified when the time is over; it must outlive the timer.
  explicit Timer(Wakeup* wakeup) : wakeup_(wakeup) {}
  ~Timer() { Disarm(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Disarm();
  // True from the end of the time until it is armed or disarmed again.
  bool Expired() const { return expired_; }

 private:
  friend class TimerWheel;
  Wakeup* wakeup_;
  Timer* next_ = nullptr;
  Timer** link_ = nullptr;  // what points at this; null when not armed
  std::uint64_t due_tick_ = 0;
  bool expired_ = false;
};

// Used by one thread; must outlive its timers.
class TimerWheel {
 public:
  static constexpr absl::Duration kTick = absl::Milliseconds(250);
  static constexpr absl::Duration kMax = absl::Hours(24);

  explicit TimerWheel(MonoTime now) : start_(now) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // The timer expires after `after` (at most kMax) and before `after` + 2 ticks have passed: never
  // early. Arming an armed timer moves it.
  void Arm(Timer* timer, absl::Duration after);
  // Expires what is due. To be called about once a tick; a late call makes up for it.
  void Advance(MonoTime now);

 private:
  static constexpr std::size_t kSlots = 512;  // 128 s; longer times go round more than once

  MonoTime start_;
  std::uint64_t tick_ = 0;  // all ticks up to this one are dealt with
  std::array<Timer*, kSlots> slots_{};
};

}  // namespace keypool::proxy
