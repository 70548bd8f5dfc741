// Memory for the frames of coroutines. A request makes the same dozen frames as the one before it,
// some too large for the allocator's own quick lists.
#pragma once

#include <array>
#include <cstddef>
#include <new>

#include "absl/base/config.h"

namespace keypool::proxy {

// One for each thread. What is given back to another thread than it was taken from stays there.
class FrameCache {
 public:
  static void* Take(std::size_t bytes) {
    if (kOff || bytes > kBytesMax) return ::operator new(bytes);
    return mine_.TakeFrom(ListOf(bytes), RoundedUp(bytes));
  }
  static void Give(void* frame, std::size_t bytes) {
    if (kOff || bytes > kBytesMax) return ::operator delete(frame);
    mine_.GiveTo(ListOf(bytes), frame);
  }

 private:
  static constexpr std::size_t kStepBytes = 64;
  static constexpr std::size_t kBytesMax = 4096;
  static constexpr int kKeptMax = 64;  // of one size
  // AddressSanitizer is to see each frame's end.
#if defined(ABSL_HAVE_ADDRESS_SANITIZER)
  static constexpr bool kOff = true;
#else
  static constexpr bool kOff = false;
#endif

  struct Free {
    Free* next;
  };
  struct List {
    Free* first = nullptr;
    int kept = 0;
  };

  static constexpr std::size_t RoundedUp(std::size_t bytes) {
    return (bytes + kStepBytes - 1) / kStepBytes * kStepBytes;
  }
  static constexpr std::size_t ListOf(std::size_t bytes) { return (bytes - 1) / kStepBytes; }

  constexpr FrameCache() = default;
  ~FrameCache() {
    for (List& list : lists_) {
      while (Free* const frame = list.first) {
        list.first = frame->next;
        ::operator delete(frame);
      }
      list.kept = kKeptMax;  // what comes later goes to the allocator
    }
  }

  void* TakeFrom(std::size_t index, std::size_t bytes) {
    List& list = lists_[index];
    Free* const frame = list.first;
    if (frame == nullptr) return ::operator new(bytes);
    list.first = frame->next;
    --list.kept;
    return frame;
  }
  void GiveTo(std::size_t index, void* memory) {
    List& list = lists_[index];
    if (list.kept >= kKeptMax) return ::operator delete(memory);
    list.first = new (memory) Free{list.first};
    ++list.kept;
  }

  std::array<List, kBytesMax / kStepBytes> lists_;
  static thread_local FrameCache mine_;
};

inline thread_local constinit FrameCache FrameCache::mine_;

}  // namespace keypool::proxy
