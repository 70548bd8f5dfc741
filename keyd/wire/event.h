// One event of a gRPC completion queue: what its tag points to.
#pragma once

namespace keypool::wire {

class Event {
 public:
  virtual ~Event() = default;
  // Runs on the thread of the queue. `ok` as in grpc::CompletionQueue::Next.
  virtual void Run(bool ok) = 0;
};

// Calls one member function. The object must outlive the operation that was given this tag.
template <class T, void (T::*kMethod)(bool)>
class MemberEvent final : public Event {
 public:
  explicit MemberEvent(T* object) : object_(object) {}
  void Run(bool ok) override { (object_->*kMethod)(ok); }

 private:
  T* const object_;
};

}  // namespace keypool::wire
