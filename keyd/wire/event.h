// One event of a gRPC completion queue: what its tag points to.
#pragma once

#include "absl/base/config.h"
#ifdef ABSL_HAVE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace keypool::wire {

class Event {
 public:
  virtual ~Event() = default;

  // The tag to start an operation with. What the starting thread did before is seen by the thread
  // that gets the event: gRPC orders the two, and ThreadSanitizer, which cannot look into gRPC, is
  // told so.
  void* Tag() {
#ifdef ABSL_HAVE_THREAD_SANITIZER
    __tsan_release(this);
#endif
    return this;
  }

  // Runs what `tag` stands for, on the thread of the queue. `ok` as in grpc::CompletionQueue::Next.
  static void Dispatch(void* tag, bool ok) {
#ifdef ABSL_HAVE_THREAD_SANITIZER
    __tsan_acquire(tag);
#endif
    static_cast<Event*>(tag)->Run(ok);
  }

 protected:
  virtual void Run(bool ok) = 0;
};

// Calls one member function. The object must outlive the operation that was given this tag.
template <class T, void (T::*kMethod)(bool)>
class MemberEvent final : public Event {
 public:
  explicit MemberEvent(T* object) : object_(object) {}

 protected:
  void Run(bool ok) override { (object_->*kMethod)(ok); }

 private:
  T* const object_;
};

}  // namespace keypool::wire
