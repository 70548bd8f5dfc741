// Many clients that ask one after the other, each on a connection of its own, until they are
// stopped.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/mutex.h"
#include "tests/integration/harness/raw_http.h"

namespace keypool::itest {

struct LoadOptions {
  std::vector<std::uint16_t> ports;  // client i talks to port i modulo their number
  int clients = 1;
  HttpRequest request;
  // After any answer but 200 a client waits as long as Retry-After says, but no longer than this.
  absl::Duration wait_max = absl::Milliseconds(50);
};

struct Tally {
  std::map<int, std::int64_t> by_status;         // 0: no complete answer
  std::int64_t refused_without_retry_after = 0;  // 429 or 503
  std::string ToString() const;
};

class Load {
 public:
  explicit Load(LoadOptions options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  Tally Now();
  // Waits for the requests under way.
  Tally Stop();

 private:
  void RunClient(std::uint16_t port);
  void Count(const Answer& answer);
  // Returns early when the load is stopped.
  void Wait(absl::Duration d);

  const LoadOptions options_;
  std::atomic<bool> stop_ = false;
  Mutex mutex_;
  CondVar stopped_;
  Tally tally_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> clients_;
};

}  // namespace keypool::itest
