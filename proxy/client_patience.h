// How long the proxy waits for a client. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "keyd/base/clock.h"

namespace keypool::proxy {

struct ClientPatience {
  absl::Duration head = absl::Seconds(10);         // for a whole head; for the TLS handshake, too
  absl::Duration body_stall = absl::Seconds(30);   // without a byte of a body that is owed
  absl::Duration idle = absl::Seconds(75);         // between requests
  absl::Duration write_stall = absl::Seconds(60);  // without taking a byte of its answer
  std::int64_t body_bytes_per_second_min = 240;    // 0: none
};

// The waits for one body: each may last `body_stall`, and all together as long as that and the time
// that the payload takes at the smallest rate. Only waits count: a client is not blamed for what
// upstream or the disk does not take.
class BodyPace {
 public:
  // `patience` must outlive the pace.
  explicit BodyPace(const ClientPatience& patience) : patience_(patience) {}

  // A wait begins, after so many bytes of payload. How long it may last; not negative.
  absl::Duration BeginWait(std::uint64_t payload_bytes, MonoTime now) {
    began_ = now;
    if (patience_.body_bytes_per_second_min == 0) return patience_.body_stall;
    const absl::Duration earned =
        absl::Seconds(static_cast<double>(payload_bytes) /
                      static_cast<double>(patience_.body_bytes_per_second_min));
    const absl::Duration left = patience_.body_stall + earned - waited_;
    return std::clamp(left, absl::ZeroDuration(), patience_.body_stall);
  }
  void EndWait(MonoTime now) { waited_ += now - began_; }

 private:
  const ClientPatience& patience_;
  absl::Duration waited_;
  MonoTime began_;
};

}  // namespace keypool::proxy
