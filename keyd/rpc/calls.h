// What is under way on the server's completion queue. The queue may be shut down only when nothing
// is: gRPC ends the process when an operation is started on a queue that is shut down.
#pragma once

#include <cstddef>

#include "absl/container/flat_hash_set.h"
#include "keyd/base/mutex.h"

namespace keypool::rpc {

// Thread-safe.
class Calls {
 public:
  // A call that does not end by itself.
  class Endless {
   public:
    virtual ~Endless() = default;
    // Ends soon, and answers before what it has been asked. Must not begin or end a call inside.
    virtual void Drain() = 0;
  };

  // One call. Declared as the last member of what it stands for, so that Drain never meets an
  // object half gone. `endless` is null for a call that ends by itself.
  class Membership {
   public:
    Membership(Calls* calls, Endless* endless);
    ~Membership();
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

   private:
    Calls* const calls_;
    Endless* const endless_;
  };

  // Drains every endless call. One that begins later sees draining().
  void DrainAll();
  bool draining() const;
  // Returns when no call is left.
  void WaitForNone();

 private:
  mutable Mutex mutex_;
  CondVar none_;
  std::size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_set<Endless*> endless_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace keypool::rpc
