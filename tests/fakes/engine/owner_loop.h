// The owner's thread of a LeaseSession in a test: what is posted runs inside RunUntil.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <utility>

#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "keyd/base/mutex.h"

namespace keypool::fakes {

// Post is thread-safe; the rest belongs to one thread.
class OwnerLoop {
 public:
  std::function<void(std::function<void()>)> Poster() {
    return [this](std::function<void()> job) {
      MutexLock lock(&mutex_);
      jobs_.push_back(std::move(job));
      ++posts_;
      changed_.NotifyAll();
    };
  }

  // Runs what is posted until `done`; false when that takes longer than a test may.
  bool RunUntil(const std::function<bool()>& done, absl::Duration at_most = absl::Seconds(20)) {
    const MonoTime deadline = SystemClock().MonoNow() + at_most;
    while (!done()) {
      if (SystemClock().MonoNow() > deadline) return false;
      RunOne();
    }
    return true;
  }

  int posts() const {
    MutexLock lock(&mutex_);
    return posts_;
  }

 private:
  // Waits a moment for a job: `done` may also change without one.
  void RunOne() {
    std::function<void()> job;
    {
      MutexLock lock(&mutex_);
      if (jobs_.empty()) changed_.WaitFor(&mutex_, std::chrono::milliseconds(1));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  int posts_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace keypool::fakes
