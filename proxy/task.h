// A coroutine that is awaited by one other, or started by its owner. Lazy, single-threaded, no
// exceptions.
//
//   Task<int> Add(Socket& socket);          // runs when it is awaited
//   const int n = co_await Add(socket);
//
// Not asio::awaitable: a frame here is owned like any other object (destroying the Task destroys
// the frames below it, and with them their guards, at a moment that the owner chooses), and
// starting one costs an allocation and nothing else.
//
// GCC 12 copies some temporaries of a co_await expression twice: name every argument that owns
// memory before the co_await, and put no capturing lambda into it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "proxy/frame_cache.h"

namespace keypool::proxy {

template <class T>
class [[nodiscard]] Task;

struct TaskPromiseBase {
  std::coroutine_handle<> continuation;

  static void* operator new(std::size_t bytes) { return FrameCache::Take(bytes); }
  static void operator delete(void* frame, std::size_t bytes) { FrameCache::Give(frame, bytes); }

  // Plain calls instead of symmetric transfer: that one needs tail calls, which GCC makes only when
  // it optimizes. The stack stays bounded by the nesting of tasks, because a task that ends without
  // having been suspended is not resumed through here (see Task::Awaiter).
  struct Final {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> done) noexcept {
      if (std::coroutine_handle<> next = done.promise().continuation) next.resume();
    }
    void await_resume() noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T Take() { return std::move(*value); }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void Take() {}
};

template <class T>
class Task {
 public:
  using promise_type = TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      Destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { Destroy(); }

  // Runs it until it waits for the first time. For the owner of a task that nobody awaits.
  void Start() { handle_.resume(); }

  struct Awaiter {
    Handle task;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> parent) {
      task.resume();
      if (task.done()) return false;  // it never waited: go on at once
      task.promise().continuation = parent;
      return true;
    }
    T await_resume() { return task.promise().Take(); }
  };
  Awaiter operator co_await() && noexcept { return Awaiter{handle_}; }

 private:
  void Destroy() {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }
  Handle handle_;
};

template <class T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

}  // namespace keypool::proxy
