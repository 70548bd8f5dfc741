#include "proxy/timer_wheel.h"

#include <algorithm>
#include <utility>

namespace keypool::proxy {

void Timer::Disarm() {
  expired_ = false;
  if (link_ == nullptr) return;
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  next_ = nullptr;
  link_ = nullptr;
}

void TimerWheel::Arm(Timer* timer, absl::Duration after) {
  timer->Disarm();
  after = std::clamp(after, absl::ZeroDuration(), kMax);
  // One more: the present tick has begun already.
  const std::int64_t ticks =
      (absl::ToInt64Nanoseconds(after) - 1) / absl::ToInt64Nanoseconds(kTick) + 2;
  timer->due_tick_ = tick_ + static_cast<std::uint64_t>(ticks);
  Timer** slot = &slots_[timer->due_tick_ % kSlots];
  timer->next_ = *slot;
  timer->link_ = slot;
  if (timer->next_ != nullptr) timer->next_->link_ = &timer->next_;
  *slot = timer;
}

void TimerWheel::Advance(MonoTime now) {
  const std::int64_t passed = (now - start_) / kTick;
  const std::uint64_t target = static_cast<std::uint64_t>(std::max<std::int64_t>(passed, 0));
  while (tick_ < target) {
    ++tick_;
    // A notified session may arm, disarm and destroy timers, so the walk starts over on a list of
    // its own: what is due is taken off first.
    Timer* due = nullptr;
    for (Timer* timer = slots_[tick_ % kSlots]; timer != nullptr;) {
      Timer* next = timer->next_;
      if (timer->due_tick_ <= tick_) {
        timer->Disarm();
        timer->next_ = due;
        timer->link_ = &due;
        if (due != nullptr) due->link_ = &timer->next_;
        due = timer;
      }
      timer = next;
    }
    while (due != nullptr) {
      Timer* timer = due;
      timer->Disarm();
      timer->expired_ = true;
      timer->wakeup_->Notify();
    }
  }
}

}  // namespace keypool::proxy
