#include "proxy/key_validator.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "proxy/answer_facts.h"
#include "proxy/client_connection.h"
#include "proxy/redact.h"
#include "proxy/relay.h"
#include "proxy/request_head.h"
#include "proxy/request_plan.h"

namespace keypool::proxy {
namespace {

constexpr absl::Duration kAskEvery = absl::Seconds(5);
constexpr absl::Duration kTimeMax = absl::Seconds(20);
// Costs nothing and needs a key that is good.
constexpr std::string_view kRequest =
    "GET /v1beta/models?pageSize=1 HTTP/1.1\r\nHost: pool\r\n\r\n";

// Both ends of a connection that nobody writes to: an exchange waits on behalf of a client.
struct NobodysConnection {
  int ours = -1;    // taken by ClientConnection
  int theirs = -1;  // kept open
  NobodysConnection() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return;
    ours = ends[0];
    theirs = ends[1];
  }
  NobodysConnection(const NobodysConnection&) = delete;
  NobodysConnection& operator=(const NobodysConnection&) = delete;
  ~NobodysConnection() {
    if (theirs >= 0) ::close(theirs);
  }
};

}  // namespace

void KeyValidator::Tick() {
  const MonoTime now = services_.clock.MonoNow();
  if (!done_ || now < next_at_ || services_.stopping) return;
  next_at_ = now + kAskEvery;
  done_ = false;
  running_.emplace(Run());
  running_->Start();
}

Task<void> KeyValidator::Run() {
  Wakeup wakeup;
  client::AcquireOptions options;
  options.command.kind = Kind::kValidation;
  AcquireWait wait(services_.leases, std::move(options), &wakeup);
  while (!wait.Done()) co_await wakeup.Wait();
  absl::StatusOr<client::AcquireResult> result = wait.Take();
  client::LeaseGrant* grant = result.ok() ? std::get_if<client::LeaseGrant>(&*result) : nullptr;
  if (grant != nullptr) {
    co_await Check(std::move(*grant));
    next_at_ = services_.clock.MonoNow();  // there may be more
  }
  done_ = true;
}

Task<void> KeyValidator::Check(client::LeaseGrant grant) {
  AcquireCommand asked;
  asked.kind = Kind::kValidation;
  LeaseGuard lease(services_.leases.session(), std::move(grant), asked);
  NobodysConnection connection;
  if (connection.ours < 0) co_return;
  ClientConnection client(services_.events, connection.ours, services_.wheel, services_.buffers,
                          services_.config.patience);
  if (!client.IsOpen()) co_return;
  RequestHead head;
  std::size_t scanned = 0;
  if (ParseRequestHead(kRequest, &scanned, &head).state != HeadState::kComplete) co_return;
  Plan plan = MakePlan(head);
  const Origin& origin = services_.config.origin;
  plan.target.insert(0, origin.prefix);
  const Body body(services_.config.body);
  Exchange exchange({client, services_.upstream, services_.buffers, services_.clock,
                     std::min(kTimeMax, services_.config.upstream_timeout)});
  const ExchangeEnd end =
      co_await exchange.Run({head, plan, origin.authority, body}, /*fresh=*/false, &lease);
  if (end != ExchangeEnd::kAnswered) co_return;
  Redactor keys;
  keys.Add(lease.grant().secret);
  co_await KeepPayload(client, exchange, keys);
  lease.Settle(DescribeAnswer(exchange.answer().head(), exchange.answer().kept));
  if (exchange.answer().complete) exchange.Finish();
}

}  // namespace keypool::proxy
