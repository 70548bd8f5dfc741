// All threads of the proxy, from the first listening socket to the last report.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/clock.h"
#include "keyd/client/admin_client.h"
#include "proxy/config.h"
#include "proxy/worker.h"

namespace keypool::proxy {

class Server {
 public:
  // Lets SIGTERM and SIGINT wait for Run. To be called before the first thread, which inherits it.
  static void BlockSignals();

  // Listens with one socket for each thread. `config` and `clock` must outlive it. Errors:
  // UNAVAILABLE (the address cannot be listened on: HOST and PORT are named), those of
  // Worker::Create.
  static absl::StatusOr<std::unique_ptr<Server>> Open(const ProxyConfig& config,
                                                      const Clock& clock);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until SIGTERM or SIGINT, then finishes what runs, for at most shutdown_grace. A second
  // signal ends it at once. Called once.
  void Run();

 private:
  Server(const ProxyConfig& config, const Clock& clock);

  const ProxyConfig& config_;
  int port_ = 0;
  // Before the workers: their threads are gone when it is destroyed, and their event loops are not,
  // so that its last callbacks have a place to go.
  std::unique_ptr<Worker::Common> common_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<client::AdminClient> keyd_;
};

}  // namespace keypool::proxy
