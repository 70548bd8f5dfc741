// The read buffers of one thread. The one that was returned last is given out first: it is still in
// the processor's cache.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace keypool::proxy {

// Used by one thread; must outlive its blocks.
class BufferPool {
 public:
  // The largest head that is accepted, and at least 16 KiB behind it.
  static constexpr std::size_t kBlockBytes = 80 * 1024;
  // Free blocks that are kept for the next request; more go back to the allocator.
  static constexpr std::size_t kKeptMax = 64;

  struct Return {
    BufferPool* pool = nullptr;
    void operator()(char* block) const { pool->Give(block); }
  };
  // kBlockBytes bytes, not initialised.
  using Block = std::unique_ptr<char[], Return>;

  BufferPool() { free_.reserve(kKeptMax); }
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool() {
    for (char* block : free_) ::operator delete(block);
  }

  Block Take() {
    if (free_.empty()) return Block(static_cast<char*>(::operator new(kBlockBytes)), Return{this});
    char* block = free_.back();
    free_.pop_back();
    return Block(block, Return{this});
  }

 private:
  void Give(char* block) {
    if (free_.size() < kKeptMax) {
      free_.push_back(block);
    } else {
      ::operator delete(block);
    }
  }
  std::vector<char*> free_;
};

}  // namespace keypool::proxy
