// One thread of the proxy: it accepts connections and serves them, and shares nothing with the
// others while it does.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "keyd/base/clock.h"
#include "keyd/client/admin_client.h"
#include "keyd/client/lease_session.h"
#include "proxy/admin_http.h"
#include "proxy/buffer_pool.h"
#include "proxy/certificates.h"
#include "proxy/config.h"
#include "proxy/connection_caps.h"
#include "proxy/doorman.h"
#include "proxy/guess_limit.h"
#include "proxy/key_validator.h"
#include "proxy/lease_client.h"
#include "proxy/session.h"
#include "proxy/socket.h"
#include "proxy/socket_events.h"
#include "proxy/timer_wheel.h"
#include "proxy/tls_context.h"
#include "proxy/upstream_pool.h"

namespace keypool::proxy {

class Worker {
 public:
  // What all threads have in common. Outlives them.
  struct Common {
    const ProxyConfig& config;
    const Clock& clock;
    client::AdminClient& keyd;
    const Certificates* certificates;  // null: no HTTPS
    ConnectionCaps addresses;
    ConnectionCaps clients;
    BodyMemory body_memory;
    GuessLimit guesses = {};
    std::atomic<std::int64_t> connections{0};  // clients of all threads
    std::atomic<bool> validates{false};        // one of the threads checks keys
    // Behind the leases of all threads.
    const std::shared_ptr<client::Poller> poller = client::MakePoller();
  };

  // A listening, non-blocking socket.
  struct Listener {
    int descriptor = -1;
    bool tls = false;
  };
  // Takes the descriptors. Errors: those of TlsContext::Create and SocketEvents::Create.
  static absl::StatusOr<std::unique_ptr<Worker>> Create(Common& common,
                                                        const std::vector<Listener>& listeners);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Serves on the calling thread, until it was told to stop and did. Then every lease is settled
  // and reported. Called once.
  void Run();
  // Thread-safe. No new connections and requests; Run returns when those under way are done.
  void BeginStop();
  // Thread-safe. Ends what still runs.
  void EndNow();

 private:
  Worker(Common& common, std::unique_ptr<boost::asio::io_context> io,
         std::unique_ptr<SocketEvents> events, const std::vector<Listener>& listeners,
         std::unique_ptr<TlsContext> tls);

  struct Listening;
  void Accept();
  void AcceptFrom(Listening& listening);
  bool AcceptOne(Listening& listening);
  // After accept4 has failed. True: another try may get somewhere.
  bool OnAcceptFailure(int error, Listening& listening);
  void TellRefused(std::string_view address, std::string_view why);
  bool PauseAccepting();
  void OnTick();
  void ScheduleTick();
  void Retire(Session* session);
  void FinishIfIdle();

  // In this order they are made; in the other order they go: sessions settle their leases before
  // the lease session sends its last reports, and nothing posts to an io_context that is gone.
  Common& common_;
  const std::unique_ptr<boost::asio::io_context> io_;
  const std::unique_ptr<SocketEvents> events_;  // after it the sockets
  TimerWheel wheel_;
  BufferPool buffers_;
  std::unique_ptr<TlsContext> tls_;
  std::unique_ptr<LeaseClient> leases_;
  UpstreamPool upstream_;
  AdminHttp admin_;
  Services services_;
  std::optional<KeyValidator> validator_;  // of one thread
  std::vector<std::unique_ptr<Listening>> listening_;
  boost::asio::steady_timer ticker_;
  std::uint64_t ticks_ = 0;
  bool accepting_paused_ = false;
  bool pause_told_ = false;  // in the log
  Doorman doorman_;
  std::optional<MonoTime> refused_told_at_;
  std::int64_t refused_since_ = 0;  // it was told
  struct Guest {
    std::unique_ptr<Session> session;
    ConnectionCaps::Place place;
  };
  absl::flat_hash_map<Session*, Guest> sessions_;
  std::vector<std::unique_ptr<Session>> retired_;  // have ended, and wait to be destroyed
};

}  // namespace keypool::proxy
