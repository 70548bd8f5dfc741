// How a session waits: on one thing, woken by many.
//
//   while (socket.ReadArmed() && !timer.Expired()) co_await wakeup.Wait();
//
// Sockets, timers and answers of keyd set a flag of their own and notify; the session looks at the
// flags again. A notification is never lost, and one too many does no harm.
#pragma once

#include <coroutine>
#include <utility>

namespace keypool::proxy {

// Used by one thread. Outlives everything that notifies it.
class Wakeup {
 public:
  Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Continues the coroutine that waits, before it returns; that may end the session and this object
  // with it.
  void Notify() {
    if (waiting_) {
      std::exchange(waiting_, nullptr).resume();
    } else {
      notified_ = true;
    }
  }

  struct Awaiter {
    Wakeup* wakeup;
    bool await_ready() noexcept { return std::exchange(wakeup->notified_, false); }
    void await_suspend(std::coroutine_handle<> handle) noexcept { wakeup->waiting_ = handle; }
    void await_resume() noexcept {}
  };
  // At most one coroutine at a time.
  Awaiter Wait() { return Awaiter{this}; }

 private:
  std::coroutine_handle<> waiting_;
  bool notified_ = false;
};

}  // namespace keypool::proxy
