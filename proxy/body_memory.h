// How much memory the request bodies of a proxy may take together.
#pragma once

#include <atomic>
#include <cstdint>

namespace keypool::proxy {

// Thread-safe.
class BodyMemory {
 public:
  explicit BodyMemory(std::int64_t bytes_max) : left_(bytes_max) {}
  BodyMemory(const BodyMemory&) = delete;
  BodyMemory& operator=(const BodyMemory&) = delete;

  // False, and nothing is taken: so many bytes are not left.
  bool Take(std::int64_t bytes) {
    if (left_.fetch_sub(bytes, std::memory_order_relaxed) >= bytes) return true;
    Give(bytes);
    return false;
  }
  void Give(std::int64_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> left_;
};

}  // namespace keypool::proxy
