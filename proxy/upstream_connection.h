// One connection to upstream.
#pragma once

#include "keyd/base/clock.h"
#include "proxy/transport.h"

namespace keypool::proxy {

// An upstream that takes nothing of a request for this long is given up.
inline constexpr absl::Duration kUpstreamStallMax = absl::Seconds(60);

// Used by one thread.
class UpstreamConnection : public Transport {
 public:
  using Transport::Transport;

  // Between requests: true when the connection has ended, or something came that nobody asked for.
  bool Stale() { return HasBytes(); }

  // The pool's bookkeeping.
  MonoTime idle_since;
};

}  // namespace keypool::proxy
