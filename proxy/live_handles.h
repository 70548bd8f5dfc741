// Tells keyd of the handles that a Live session is given while it runs, so that a client that has
// to connect again finds the session's project through any proxy.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/lease.h"
#include "proxy/lease_client.h"
#include "proxy/lease_guard.h"
#include "proxy/live_scan.h"
#include "proxy/timer_wheel.h"
#include "proxy/wakeup.h"

namespace keypool::proxy {

// Used by one thread and one session.
class LiveHandles {
 public:
  // From one report to the next; what comes meanwhile goes along with that.
  static constexpr absl::Duration kGap = absl::Milliseconds(250);
  // A message waits no longer for keyd to confirm the handle in it: it may be speech.
  static constexpr absl::Duration kConfirmMax = absl::Milliseconds(250);

  // All outlive it. `lease` is that of the session, and open.
  LiveHandles(LeaseClient& leases, TimerWheel& wheel, Wakeup& wakeup, const LeaseGuard& lease)
      : leases_(leases), wheel_(wheel), wakeup_(wakeup), lease_(lease), gap_(&wakeup) {}
  LiveHandles(const LiveHandles&) = delete;
  LiveHandles& operator=(const LiveHandles&) = delete;

  // Takes what `answers` has of handles, and tells keyd, unless it has done so a moment ago. To be
  // called again after each notification of the wakeup. False: keyd has not confirmed yet, and
  // what came from upstream is to wait for that.
  bool Tell(LiveScan* answers);

 private:
  LeaseClient& leases_;
  TimerWheel& wheel_;
  Wakeup& wakeup_;
  const LeaseGuard& lease_;
  Timer gap_;
  bool resting_ = false;  // until the gap is over
  std::unique_ptr<ConfirmWait> telling_;
};

// What keyd is told of handles.
std::vector<ResourceNote> HandleNotes(const std::vector<std::string>& handles);

}  // namespace keypool::proxy
