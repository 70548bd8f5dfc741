// A keyd of the bench's own: the real program, with keys and limits that never run out.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keypool::bench {

// Keys that it starts with, each in a project of its own.
inline constexpr int kKeys = 20;

class KeydProcess {
 public:
  // Starts `program` in a fresh directory; it listens a moment later. Must run before this process
  // has threads.
  static absl::StatusOr<KeydProcess> Start(const std::string& program, const std::string& store);
  ~KeydProcess();
  KeydProcess(KeydProcess&& other) noexcept;
  KeydProcess& operator=(KeydProcess&&) = delete;

  std::string address() const { return "unix:" + directory_ + "/keyd.sock"; }
  // User and system time it has used so far.
  absl::Duration CpuTime() const;

 private:
  KeydProcess(std::string directory, pid_t pid) : directory_(std::move(directory)), pid_(pid) {}

  std::string directory_;
  pid_t pid_;
};

// User and system time of this process so far.
absl::Duration OwnCpuTime();

}  // namespace keypool::bench
