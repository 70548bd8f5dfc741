// One client connection, from its first byte to its last.
//
//   read head → plan → keep the body → acquire → forward → relay → settle → log line
//                                         ↑________│ perhaps the key: describe, ask for another
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "keyd/base/clock.h"
#include "proxy/admin_http.h"
#include "proxy/buffer_pool.h"
#include "proxy/client_connection.h"
#include "proxy/config.h"
#include "proxy/exchange.h"
#include "proxy/lease_client.h"
#include "proxy/pooled_list.h"
#include "proxy/respond.h"
#include "proxy/retry_budget.h"
#include "proxy/socket_events.h"
#include "proxy/task.h"
#include "proxy/timer_wheel.h"
#include "proxy/upstream_pool.h"
#include "proxy/usage_scan.h"

namespace keypool::proxy {

class Session;

// What a thread has for its sessions. Outlives them.
struct Services {
  const ProxyConfig& config;
  const Clock& clock;
  SocketEvents& events;
  TimerWheel& wheel;
  BufferPool& buffers;
  UpstreamPool& upstream;
  LeaseClient& leases;
  AdminHttp& admin;
  RetryBudget retries = {};
  bool stopping = false;  // no new requests; answers end their connection
};

// Used by the thread of its services. Destroying it at any moment closes the connection and settles
// the lease.
class Session {
 public:
  // `descriptor` is a connected, non-blocking socket, which it takes.
  Session(Services& services, int descriptor, std::string client_address);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Serves until the connection ends, which `on_end` is told: it must not destroy the session
  // before it has returned to the event loop.
  void Start(void (*on_end)(void* owner, Session* session), void* owner);
  // Services::stopping has changed: an idle connection ends.
  void Poke() { client_.wakeup().Notify(); }

 private:
  // What becomes of the connection after a request.
  enum class After {
    kKeepAlive,
    kClose,   // the client is gone, or must see that the answer is not whole
    kLinger,  // in order: the client gets the time to read the answer
    kReset,   // where a plain end would look like the end of the answer
  };
  struct Request;
  using End = std::optional<After>;  // empty: the request goes on

  Task<void> Run(void (*on_end)(void*, Session*), void* owner);
  Task<After> ServeRequest();

  // The phases. Each gives how the request ended, or nothing when it goes on.
  Task<End> ReadHead(Request& request);
  Task<After> ServeOwnPage(Request& request);
  Task<End> KeepBody(Request& request);
  Task<End> AcquireLease(Request& request);
  Task<End> Forward(Request& request);
  Task<End> DescribeFailure(Request& request);
  Task<After> RelayAnswer(Request& request);

  // Lists over the whole pool: session_list.cc.
  Task<End> OpenList(Request& request);
  Task<End> TakeListPage(Request& request);
  Task<End> RespondList(Request& request);
  // The refusal is no end of the request, but of a project's part of the list or of the list.
  static bool MovesListOn(const Refusal& refusal, const PooledList& list);
  Task<End> MoveListOn(Request& request, const Refusal& refusal);
  static void AskForListPage(Request& request);

  static void SettleRelayed(Request& request, int http_status,
                            const std::optional<UsageScan>& scan);
  static AnswerFacts Describe(const Request& request, Exchange& exchange);
  // kTimeout when it is over.
  Task<Interrupt> Pause(absl::Duration time);
  Task<End> OnRefusal(Request& request, const Refusal& refusal);
  // How much longer a request may wait for a key.
  absl::Duration Patience(Request& request) const;
  Task<End> OnNoAnswer(Request& request, ExchangeEnd end);
  Task<After> Refuse(Request& request, const ErrorAnswer& error, std::string_view outcome);
  Task<After> RefuseBad(Request& request, std::string_view problem);
  // Counts it, too.
  bool MayTryAgain(const Request& request);
  bool MayKeepAlive(const Request& request) const;
  After Left(Request& request, std::string_view outcome);
  void LogDone(const Request& request) const;

  Services& services_;
  ClientConnection client_;
  const std::string client_address_;  // without the port
  Task<void> running_;
};

}  // namespace keypool::proxy
