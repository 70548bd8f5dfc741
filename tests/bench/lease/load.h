// Closed loops of leases: each is acquired, reported, and followed by the next one.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace keypool::bench {

struct Load {
  int sessions = 1;  // streams, a thread each; unary: ignored
  int in_flight = 1;
  absl::Duration time = absl::Seconds(2);
};

struct Result {
  std::int64_t leases = 0;
  std::int64_t failures = 0;
  absl::Duration wall;
};

Result RunSessions(const std::string& address, const Load& load);
// Acquire and Report are two calls each.
Result RunUnary(const std::string& address, const Load& load);

}  // namespace keypool::bench
