// One completion queue and its thread, for all lease sessions of a process.
//
// gRPC lets one thread of a process poll. With a queue for each session the threads would hand that
// role around, and each hand-over is a thread switch; here there is nobody to hand it to.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <thread>

#include "absl/container/flat_hash_set.h"
#include "keyd/base/mutex.h"
#include "keyd/wire/event.h"

namespace keypool::client {

// Thread-safe.
class Poller {
 public:
  class Ticking {
   public:
    virtual ~Ticking() = default;
    // Every 50 ms on the poller's thread. False: not needed again before the next event.
    virtual bool Tick() = 0;
  };

  Poller();
  // After Remove of everybody, and after all their operations.
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Tags are wire::Event::Tag(). Events and ticks run one at a time.
  grpc::CompletionQueue* queue() { return &queue_; }

  void Add(Ticking* ticking);
  // When it returns, neither an event nor a tick runs that began before. Not from inside of one.
  void Remove(Ticking* ticking);

 private:
  void Run();
  bool TickAll();
  void OnWake(bool ok);

  grpc::CompletionQueue queue_;
  wire::MemberEvent<Poller, &Poller::OnWake> wake_{this};
  Mutex running_;  // held while an event or a tick runs
  absl::flat_hash_set<Ticking*> ticking_ ABSL_GUARDED_BY(running_);
  Mutex mutex_;
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  bool waking_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the last member: it uses all others
};

}  // namespace keypool::client
