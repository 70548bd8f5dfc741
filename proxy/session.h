// One client connection, from its first byte to its last.
//
//   read head → plan → keep the body → acquire → forward → relay → settle → log line
//                                         ↑________│ perhaps the key: describe, ask for another
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "keyd/base/clock.h"
#include "proxy/admin_http.h"
#include "proxy/answer_scan.h"
#include "proxy/body_memory.h"
#include "proxy/buffer_pool.h"
#include "proxy/client_connection.h"
#include "proxy/config.h"
#include "proxy/connection_caps.h"
#include "proxy/cors.h"
#include "proxy/exchange.h"
#include "proxy/headers.h"
#include "proxy/lease_client.h"
#include "proxy/lease_guard.h"
#include "proxy/pooled_list.h"
#include "proxy/respond.h"
#include "proxy/retry_budget.h"
#include "proxy/socket_events.h"
#include "proxy/task.h"
#include "proxy/timer_wheel.h"
#include "proxy/upstream_pool.h"

namespace keypool::proxy {

class LiveTunnel;
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
  ConnectionCaps& clients;
  BodyMemory& body_memory;
  RetryBudget retries = {};
  bool stopping = false;  // no new requests; answers end their connection
};

// Used by the thread of its services. Destroying it at any moment closes the connection and settles
// the lease.
class Session {
 public:
  // `descriptor` is a connected, non-blocking socket, which it takes; `ssl` is over it, or null.
  Session(Services& services, int descriptor, SslPtr ssl, std::string client_address);
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
  // kKeepAlive when the connection is ready for requests.
  Task<After> Secure();
  Task<After> ServeRequest();

  // The phases. Each gives how the request ended, or nothing when it goes on.
  Task<End> ReadHead(Request& request);
  Task<After> ServeOwnPage(Request& request);
  Task<End> JudgeOrigin(Request& request, const CrossOrigin& from);
  // Counts the connection as the client's. False: it has as many as it may have.
  bool TakeClientPlace(const Plan& plan);
  Task<End> KeepBody(Request& request);
  Task<End> AcquireLease(Request& request);
  Task<End> Forward(Request& request);
  Task<End> DescribeFailure(Request& request);
  Task<After> RelayAnswer(Request& request);
  // Behind 101: see session_live.cc.
  Task<After> ServeLive(Request& request);
  Task<End> OpenLive(Request& request, LiveTunnel& tunnel);
  Task<End> AwaitSetup(Request& request, LiveTunnel& tunnel);
  Task<End> AcquireForSetup(Request& request, LiveTunnel& tunnel);
  Task<End> ConnectForSetup(Request& request, LiveTunnel& tunnel);
  Task<After> RunLive(Request& request, LiveTunnel& tunnel);
  Task<After> CloseLive(Request& request, int code, std::string_view reason,
                        std::string_view outcome);

  // Lists over the whole pool: session_list.cc.
  Task<End> OpenList(Request& request);
  Task<End> TakeListPage(Request& request);
  Task<Interrupt> LearnListed(Request& request, AnswerFacts facts);
  Task<bool> FindOwn(Request& request, std::string_view page,
                     absl::flat_hash_set<std::string>* own);
  Task<End> RespondList(Request& request);
  // The refusal is no end of the request, but of a project's part of the list or of the list.
  static bool MovesListOn(const Refusal& refusal, const PooledList& list);
  Task<End> MoveListOn(Request& request, const Refusal& refusal);
  static void AskForListPage(Request& request);

  // Resources that live in one project: session_resources.cc.
  enum class Step { kFound, kNext, kEnd, kGone };
  static AnswerScan ScanFor(const Request& request, const ResponseHead& head);
  static LeaseGuard::Account AccountOf(const AnswerScan& scan);
  std::vector<ResourceNote> NotesOf(const Request& request, const ResponseHead& head,
                                    const AnswerScan& scan) const;
  static bool TellsNews(const Request& request, const std::vector<ResourceNote>& notes);
  // Has keyd know what a small answer shows before the client sees its end.
  Task<Interrupt> Learn(Request& request, AnswerScan* scan);
  // Waits until keyd has the report of a success, but not for long. kGone: the client has left.
  Task<Interrupt> Confirm(std::optional<ReportCommand> report);
  // Nothing: the client has left.
  Task<std::optional<absl::StatusOr<client::AcquireResult>>> Ask(client::AcquireOptions options);
  // The answer is of a project of which nobody knows whether it is the right one.
  static bool MayBeElsewhere(Request& request);
  static bool IsUnknownResource(const AnswerFacts& facts);
  // Asks the other projects, one after the other, until one knows what the request names.
  Task<End> Walk(Request& request);
  Task<Step> AskNextProject(Request& request, Exchange* probe);
  void ShowUploadUrls(Request& request, ClientHeadOptions* options) const;

  void SettleRelayed(Request& request, const ResponseHead& head, const AnswerScan& scan);
  static AnswerFacts Describe(const Request& request, Exchange& exchange);
  // kTimeout when it is over.
  Task<Interrupt> Pause(absl::Duration time);
  // Sends it with the lease, on a connection of the pool or a new one.
  Task<ExchangeEnd> Send(Request& request);
  Task<End> OnRefusal(Request& request, const Refusal& refusal);
  // True when the request is to be asked for again, and may wait for its turn in keyd.
  bool WaitsFor(Request& request, const Refusal& refusal) const;
  // How much longer a request may wait for a key.
  absl::Duration Patience(Request& request) const;
  Task<End> OnNoAnswer(Request& request, ExchangeEnd end);
  Task<After> Refuse(Request& request, const ErrorAnswer& error, std::string_view outcome);
  AnswerTo To(const Request& request) const;
  Task<After> RefuseBad(Request& request, std::string_view problem);
  // Counts it, too.
  bool MayTryAgain(const Request& request);
  bool MayKeepAlive(const Request& request) const;
  After Left(Request& request, std::string_view outcome);
  void LogDone(const Request& request) const;

  Services& services_;
  ClientConnection client_;
  const std::string client_address_;  // without the port
  std::string client_id_;  // whose token was shown last on this connection; empty: nobody's
  ConnectionCaps::Place client_place_;
  Task<void> running_;
};

}  // namespace keypool::proxy
