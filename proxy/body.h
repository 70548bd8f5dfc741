// A request body that can be sent more than once: in memory, and beyond a threshold in a temporary
// file that has no name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proxy/body_memory.h"

namespace keypool::proxy {

struct BodyLimits {
  std::uint64_t bytes_max = 100 * 1024 * 1024;
  std::size_t memory_bytes_max = 1024 * 1024;  // beyond, all of it moves to a file
  std::string spool_dir = "/tmp";
};

// Used by one thread. File access blocks the thread, but is served from the page cache.
class Body {
 public:
  // What a body may take without asking for memory of all.
  static constexpr std::size_t kFreeBytes = 16 * 1024;
  // Both must outlive the body. Without memory left in `all` it moves to a file early; null: there
  // is always some.
  explicit Body(const BodyLimits& limits, BodyMemory* all = nullptr) : limits_(limits), all_(all) {}
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  ~Body();

  // The whole body lies in a buffer of the caller's, which outlives this.
  void Borrow(std::string_view all);
  // About to be this long. Saves moving it about.
  void Expect(std::uint64_t bytes);
  // Errors: OUT_OF_RANGE (more than bytes_max), RESOURCE_EXHAUSTED (the disk is full),
  // UNAVAILABLE (no descriptor is free), INTERNAL (the file cannot be made or written). The
  // directory is named.
  absl::Status Append(std::string_view piece);

  std::uint64_t size() const { return size_; }
  // Everything, when it is in memory; else empty.
  std::string_view InMemory() const { return memory_view_; }
  bool Spooled() const { return file_ >= 0; }
  // With Spooled: up to `room` bytes from `offset` on; 0 only at the end. Errors: INTERNAL.
  absl::StatusOr<std::size_t> Read(std::uint64_t offset, char* to, std::size_t room) const;

 private:
  // False: it is to go to a file.
  bool MayKeep(std::size_t more);
  void GiveMemoryBack();
  absl::Status OpenFile();
  absl::Status WriteFile(std::string_view piece);

  const BodyLimits& limits_;
  BodyMemory* const all_;
  std::size_t taken_ = 0;  // of all_
  std::string memory_;
  std::string_view memory_view_;
  std::uint64_t size_ = 0;
  int file_ = -1;
};

}  // namespace keypool::proxy
