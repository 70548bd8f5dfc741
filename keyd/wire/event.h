// One event of a gRPC completion queue: what its tag points to.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define KEYPOOL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KEYPOOL_TSAN 1
#endif
#endif
#ifdef KEYPOOL_TSAN
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
#ifdef KEYPOOL_TSAN
    __tsan_release(this);
#endif
    return this;
  }

  // Runs what `tag` stands for, on the thread of the queue. `ok` as in grpc::CompletionQueue::Next.
  static void Dispatch(void* tag, bool ok) {
#ifdef KEYPOOL_TSAN
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
