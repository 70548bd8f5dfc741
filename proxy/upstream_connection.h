// One connection to upstream.
#pragma once

#include "keyd/base/clock.h"
#include "proxy/transport.h"

namespace keypool::proxy {

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
