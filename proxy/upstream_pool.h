// The connections to upstream of one thread: kept alive, used again last in first out.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "proxy/client_connection.h"
#include "proxy/name_cache.h"
#include "proxy/origin.h"
#include "proxy/task.h"
#include "proxy/tls_context.h"
#include "proxy/upstream_connection.h"

namespace keypool::proxy {

// Used by the thread of `io`; must outlive its connections.
class UpstreamPool {
 public:
  static constexpr std::size_t kIdleMax = 256;
  static constexpr absl::Duration kIdleTimeMax = absl::Seconds(60);
  // For looking up the name, connecting and TLS together.
  static constexpr absl::Duration kConnectMax = absl::Seconds(10);

  using Connection = std::unique_ptr<UpstreamConnection>;

  // `tls` is null for plain HTTP. All arguments must outlive the pool.
  UpstreamPool(boost::asio::io_context& io, SocketEvents& events, const Origin& origin,
               TlsContext* tls, const Clock& clock);
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  // The youngest connection that is still good, or null.
  Connection TakeIdle(Wakeup* wakeup);

  struct Connected {
    Connection connection;                   // null: see the others
    Interrupt interrupt = Interrupt::kNone;  // kTimeout: nobody answered in time
    std::string problem;                     // what went wrong, for people
    bool no_descriptor = false;              // it was that none is left
  };
  // Makes a new one, trying the addresses in turn, while `client` waits.
  Task<Connected> Connect(ClientConnection& client);

  // Takes back a connection on which nothing is due: the last answer has come whole, or nothing was
  // sent.
  void Give(Connection connection);
  // Closes what was idle for too long. About once a second.
  void Tick();

 private:
  Task<Connected> ConnectTo(ClientConnection& client, const NameCache::Endpoint& endpoint);

  SocketEvents& events_;
  const Origin& origin_;
  TlsContext* tls_;
  const Clock& clock_;
  NameCache names_;
  std::vector<Connection> idle_;  // the youngest at the end
};

}  // namespace keypool::proxy
