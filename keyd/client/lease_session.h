// The only way to a lease: one Session stream to keyd, for one thread of a proxy.
//
// Acquires and reports that are waiting travel together: while one message is being written the
// next one fills. When the stream breaks, acquires without an answer fail with UNAVAILABLE at once,
// the session reconnects by itself (first try at once, then every 50 to 250 ms), and reports that
// keyd did not confirm are sent again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/clock.h"
#include "keyd/base/ids.h"
#include "keyd/base/lease.h"
#include "keyd/base/secret.h"
#include "keyd/client/keyd_address.h"

namespace keypool::client {

struct LeaseGrant {
  LeaseId lease;
  Epoch epoch;
  KeyId key;
  SecretPtr secret;
  ProjectId project;
  MonoTime send_by;         // on this process's monotonic clock
  bool owns = false;        // a resource that the request names lives in the project
  std::string client = {};  // whose token it was granted for; empty: nobody's
};

using AcquireResult = std::variant<LeaseGrant, Refusal>;

struct AcquireOptions {
  AcquireCommand command;
  std::optional<ReportCommand> previous;
  // Beyond command.wait_up_to; then DEADLINE_EXCEEDED, and a grant that comes later is given back
  // unsent.
  absl::Duration timeout = absl::Seconds(2);
};

// The thread behind sessions. Shared by all sessions of a process, it costs them less than one
// each.
class Poller;
std::shared_ptr<Poller> MakePoller();

struct LeaseSessionOptions {
  KeydAddress address;
  std::size_t acquires_max = 16'384;  // without an answer; beyond: RESOURCE_EXHAUSTED
  std::size_t reports_max =
      65'536;  // not confirmed; beyond: the oldest is dropped and counted (its lease expires)
  // Runs a function soon on the owner's thread, never inside the call. Called from the poller's
  // thread and from the owner's, once for many answers, and not after ~LeaseSession.
  std::function<void(std::function<void()>)> post;
  std::shared_ptr<Poller> poller = nullptr;  // none: one of its own
};

// Owned and called by one thread (the owner's); callbacks run there too, by `post`.
class LeaseSession {
 public:
  static std::unique_ptr<LeaseSession> Open(LeaseSessionOptions options, const Clock& clock);
  // Sends what is queued, for at most a second, then closes. No callback runs after it.
  virtual ~LeaseSession() = default;

  using Callback = std::function<void(absl::StatusOr<AcquireResult>)>;
  // `done` runs once, never inside the call; it may use or destroy the session. Returns a number
  // for Cancel. Errors: INVALID_ARGUMENT (the field is named), UNAVAILABLE (no stream to keyd, or
  // it broke), DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED (acquires_max).
  virtual std::uint64_t Acquire(AcquireOptions options, Callback done) = 0;
  // `done` will not run. What is held back is withdrawn; a grant that arrives after all is given
  // back unsent.
  virtual void Cancel(std::uint64_t acquire) = 0;
  // Never blocks, never fails: see reports_max.
  virtual void Report(ReportCommand report) = 0;
  // True while the stream to keyd is up.
  virtual bool Connected() const = 0;
  // Reports that had to be dropped since the start.
  virtual std::uint64_t ReportsDropped() const = 0;
};

}  // namespace keypool::client
