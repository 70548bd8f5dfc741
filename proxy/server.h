// All threads of the proxy, from the first listening socket to the last report.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/clock.h"
#include "keyd/client/admin_client.h"
#include "proxy/certificates.h"
#include "proxy/config.h"
#include "proxy/worker.h"

namespace keypool::proxy {

class Server {
 public:
  // Lets SIGTERM, SIGINT and SIGHUP wait for Run. To be called before the first thread, which
  // inherits it.
  static void BlockSignals();

  // Listens with one socket for each thread. `config` and `clock` must outlive it. Errors:
  // UNAVAILABLE (the address cannot be listened on: HOST and PORT are named), those of
  // Certificates::Load and Worker::Create.
  static absl::StatusOr<std::unique_ptr<Server>> Open(const ProxyConfig& config,
                                                      const Clock& clock);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until SIGTERM or SIGINT, then finishes what runs, for at most shutdown_grace. A second
  // signal ends it at once. SIGHUP reads the certificates again. Called once.
  void Run();

 private:
  explicit Server(const ProxyConfig& config);

  const ProxyConfig& config_;
  // One listener of each kind for each thread.
  absl::Status ListenOnAll(std::vector<std::vector<Worker::Listener>>* threads);
  void ReloadCertificates();

  // Real ones; 0: not served.
  int port_ = 0;
  int tls_port_ = 0;
  std::unique_ptr<Certificates> certificates_;
  // Before the workers: their threads are gone when it is destroyed, and their event loops are not,
  // so that its last callbacks have a place to go.
  std::unique_ptr<Worker::Common> common_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<client::AdminClient> keyd_;
};

}  // namespace keypool::proxy
