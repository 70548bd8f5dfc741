// What the connections of one fake share.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <string>

#include "keyd/base/mutex.h"
#include "tests/fakes/gemini/server.h"

namespace keypool::fake {

// What a test may read and change at any time.
class State {
 public:
  State(QuotaOptions quota, std::set<std::string> models, absl::TimeZone pacific,
        std::size_t requests_kept_max)
      : api(std::move(quota), std::move(models), pacific), journal(requests_kept_max) {}

  FakeCounts Counts() const ABSL_LOCKS_EXCLUDED(mutex);
  void Reset() ABSL_LOCKS_EXCLUDED(mutex);
  // Tells WaitFor that something changed.
  void Changed() ABSL_LOCKS_EXCLUDED(mutex);

  mutable Mutex mutex;
  mutable CondVar changed;
  std::uint64_t changes ABSL_GUARDED_BY(mutex) = 0;
  GeminiApi api ABSL_GUARDED_BY(mutex);
  FaultPlan faults ABSL_GUARDED_BY(mutex);
  Journal journal ABSL_GUARDED_BY(mutex);
  std::uint64_t connections ABSL_GUARDED_BY(mutex) = 0;
  std::int64_t connections_open ABSL_GUARDED_BY(mutex) = 0;
};

// What only the fake's thread touches, besides the state.
struct Shared {
  Shared(State& s, absl::Duration l, bool t) : state(s), latency(l), tls(t), stepped(io) {
    stepped.expires_at(boost::asio::steady_timer::time_point::max());
  }

  void Step(int pieces) {
    steps += pieces;
    stepped.cancel();
  }

  State& state;
  const absl::Duration latency;
  const bool tls;
  boost::asio::io_context io{1};
  // Pieces of kStepStream answers that may go; the timer is cancelled when there are more.
  int steps = 0;
  boost::asio::steady_timer stepped;
};

}  // namespace keypool::fake
