// keyd's gRPC server: Lease, Admin, health and reflection on one unix socket, and over mutual TLS
// what the role of the caller's certificate may call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/engine/engine.h"
#include "keyd/rpc/limits_text.h"
#include "keyd/rpc/master_key_rotation.h"
#include "keyd/rpc/socket_path.h"
#include "keyd/rpc/tls_listener.h"

namespace keypool::rpc {

struct ServerOptions {
  std::string listen;  // "unix:/path"
  SocketSharing sharing = {};
  // What every grant says; the same as in policy::PoolConfig.
  absl::Duration send_by = absl::Milliseconds(500);
  absl::Duration lease_time_to_live = absl::Minutes(10);
  // Threads that serve the completion queue. More than one only pays where one is not enough: each
  // wake-up then also wakes a second thread (measured by tests/bench/lease).
  int threads = 1;
  // How long Stop waits for what is under way before it cancels it.
  absl::Duration drain_max = absl::Seconds(5);
  ParseLimitsText parse_limits = {};         // for ImportLimits, which is UNIMPLEMENTED without it
  MasterKeyRotation rotate_master_key = {};  // the same
  TlsListenerOptions tls = {};
};

class Server {
 public:
  // Listens and serves. A socket file of a keyd that is gone is replaced. `engine` must outlive it,
  // and must not be stopped before it. Errors, which name KEYD_LISTEN: INVALID_ARGUMENT (the
  // address; the group), FAILED_PRECONDITION (the path is in use), UNAVAILABLE; those of
  // TlsListener.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       engine::Engine* engine);
  // Stop.
  virtual ~Server() = default;

  // Takes no more, answers what is under way, ends the streams. Idempotent; blocks until done.
  virtual void Stop() = 0;
  // Where TLS is served; 0 when it is not.
  virtual std::uint16_t tls_port() const = 0;
};

}  // namespace keypool::rpc
