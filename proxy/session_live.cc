// Live sessions: a WebSocket between client and upstream, whose first message says which model's
// quota it takes.
//
//   upgrade with any key → the client's setup → a lease for its model → (its key on a connection of
//   its own) → setup → relay → settle
//
// The upgrade costs no quota, so it goes with any key. The client learns nothing of what happens
// between its setup and the first answer to it: until then another key can be tried.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "keyd/base/log.h"
#include "proxy/field_names.h"
#include "proxy/live_handles.h"
#include "proxy/live_tunnel.h"
#include "proxy/message_class.h"
#include "proxy/refusals.h"
#include "proxy/relay.h"
#include "proxy/resource_names.h"
#include "proxy/session.h"
#include "proxy/session_request.h"
#include "proxy/ws_frames.h"

namespace keypool::proxy {
namespace {

constexpr int kSwitchingProtocols = 101;

// Close codes (RFC 6455, section 7.4).
constexpr int kNormal = 1000;
constexpr int kGoingAway = 1001;
constexpr int kProtocolError = 1002;
constexpr int kNotConsistent = 1007;
constexpr int kPolicy = 1008;
constexpr int kTooBig = 1009;
constexpr int kInternal = 1011;  // also what Google says when quota is spent
constexpr int kTryAgainLater = 1013;

// Drops and late leases in a row, in which nobody has refused anything.
constexpr int kLateMax = 3;

// What both sides have agreed on, which a second connection has to agree on, too.
std::string AgreementOf(const ResponseHead& head) {
  std::string agreement;
  for (const Field& field : head.fields) {
    if (SameName(field.name, "sec-websocket-accept") ||
        SameName(field.name, "sec-websocket-protocol") ||
        SameName(field.name, "sec-websocket-extensions")) {
      agreement.append(field.value).append("\n");
    }
  }
  return agreement;
}

bool Deflates(const ResponseHead& head) {
  return std::any_of(head.fields.begin(), head.fields.end(), [](const Field& field) {
    return SameName(field.name, "sec-websocket-extensions") && HasMessageDeflate(field.value);
  });
}

AnswerFacts FactsOf(const LiveTunnel& tunnel) {
  AnswerFacts facts;
  facts.http_status = kSwitchingProtocols;
  if (tunnel.ClosedHere()) {
    // The other side's close frame only repeats ours. What counts is that it had served.
    if (tunnel.answers().Begun()) facts.websocket_close_code = kNormal;
  } else if (const std::optional<WsClose>& close = tunnel.upstream_close()) {
    facts.websocket_close_code = close->code;
    facts.message = ClassifyMessage(close->reason);
  }
  return facts;
}

int CloseCodeOf(const ErrorAnswer& error) {
  switch (error.http_status) {
    case 400:
      return kNotConsistent;
    case 401:
    case 403:
      return kPolicy;
    default:
      return kInternal;
  }
}

std::string_view OutcomeOf(LiveTunnel::End end) {
  switch (end) {
    case LiveTunnel::End::kEnded:
    case LiveTunnel::End::kClosed:
      return "ok";
    case LiveTunnel::End::kUpstreamCut:
    case LiveTunnel::End::kBadUpstream:
      return "upstream_cut";
    case LiveTunnel::End::kClientGone:
      return "client_gone";
    case LiveTunnel::End::kStalled:
      return "client_stalled";
    case LiveTunnel::End::kBadClient:
      break;
  }
  return "bad_frames";
}

}  // namespace

Task<Session::After> Session::ServeLive(Request& request) {
  const ResponseHead& head = request.exchange->answer().head();
  ClientHeadOptions options;
  options.websocket = true;
  std::string text;
  AppendClientHead(head, options, &text);
  request.keys.Mask(&text);
  request.live_agreement = AgreementOf(head);
  LiveTunnel tunnel(client_, services_.wheel, Deflates(head), request.keys);
  tunnel.Attach(&*request.exchange);
  request.status = kSwitchingProtocols;
  const Interrupt interrupt = co_await client_.Write(text);
  if (interrupt != Interrupt::kNone) co_return Left(request, "client_gone");
  // Without a lease the client has a token of its own, and nothing is the pool's to count.
  if (request.lease.Open()) {
    const End end = co_await OpenLive(request, tunnel);
    if (end.has_value()) co_return *end;
  }
  co_return co_await RunLive(request, tunnel);
}

Task<Session::End> Session::OpenLive(Request& request, LiveTunnel& tunnel) {
  End end = co_await AwaitSetup(request, tunnel);
  if (end.has_value()) co_return end;
  // Without a model there is nothing to count: upstream will say what is wrong.
  const bool metered = tunnel.setup().NamesModel();
  while (metered || !tunnel.UpstreamEnded()) {
    if (metered) {
      end = co_await AcquireForSetup(request, tunnel);
      if (end.has_value()) co_return end;
      if (request.live_refusal_stands) break;
      if (!request.lease.Open()) continue;
      end = co_await ConnectForSetup(request, tunnel);
      if (end.has_value()) co_return end;
      if (!request.lease.Open()) continue;
    }
    switch (co_await tunnel.Open()) {
      case LiveTunnel::OpenEnd::kOpen:
        co_return std::nullopt;
      case LiveTunnel::OpenEnd::kGone:
        co_return Left(request, "client_gone");
      case LiveTunnel::OpenEnd::kCut:
        co_return co_await CloseLive(request, kInternal, "Gemini closed the connection.",
                                     "upstream_cut");
      case LiveTunnel::OpenEnd::kRefused:
        break;
    }
    if (!metered || services_.config.max_retries == 0) break;
    request.retrying = true;
    request.command.exclude_keys.push_back(request.key);
    request.previous = request.lease.Release(FactsOf(tunnel));
  }
  co_return std::nullopt;
}

Task<Session::End> Session::AwaitSetup(Request& request, LiveTunnel& tunnel) {
  switch (co_await tunnel.AwaitSetup(services_.stopping)) {
    case LiveTunnel::SetupEnd::kReady:
      break;
    case LiveTunnel::SetupEnd::kGone:
      request.lease.Settle(FactsOf(tunnel));
      co_return Left(request, "client_gone");
    case LiveTunnel::SetupEnd::kTimeout:
      co_return co_await CloseLive(request, kPolicy, "The setup message did not come in time.",
                                   "setup_timeout");
    case LiveTunnel::SetupEnd::kStopping:
      co_return co_await CloseLive(request, kGoingAway, "The proxy is being restarted.", "ok");
    case LiveTunnel::SetupEnd::kTooLarge:
      co_return co_await CloseLive(request, kTooBig, "The setup message is larger than 1 MiB.",
                                   "bad_request");
    case LiveTunnel::SetupEnd::kBadFrames:
      co_return co_await CloseLive(request, kProtocolError, "These are no frames of a WebSocket.",
                                   "bad_frames");
  }
  const LiveScan& setup = tunnel.setup();
  if (!setup.NamesModel()) co_return std::nullopt;
  if (setup.Model().empty()) {
    co_return co_await CloseLive(request, kNotConsistent,
                                 "The \"model\" in the setup is not the name of a model.",
                                 "bad_request");
  }
  request.command.kind = Kind::kMetered;
  request.command.model = setup.Model();
  if (!setup.handle().empty()) {
    request.command.resources.push_back(LiveResource(setup.handle()));
  }
  // The key of the upgrade is known to be bad before it was asked for anything.
  if (tunnel.upstream_close().has_value()) request.command.exclude_keys.push_back(request.key);
  request.lease.Settle(FactsOf(tunnel));
  request.live_key = request.key;
  co_return std::nullopt;
}

// Gives no end and no lease when it is to be called again, or when live_refusal_stands.
Task<Session::End> Session::AcquireForSetup(Request& request, LiveTunnel& tunnel) {
  client::AcquireOptions options;
  options.command = request.command;
  options.previous = std::exchange(request.previous, std::nullopt);
  AcquireWait wait(services_.leases, std::move(options), &client_.wakeup());
  client_.ClearDeadline();
  while (!wait.Done()) {
    if (client_.Interrupted() == Interrupt::kGone) co_return Left(request, "client_gone");
    co_await client_.wakeup().Wait();
  }
  absl::StatusOr<client::AcquireResult> result = wait.Take();
  if (!result.ok()) {
    const std::string message = ForKeydFailure(result.status()).message;
    co_return co_await CloseLive(request, kTryAgainLater, message, "keyd_unavailable");
  }
  if (const Refusal* refusal = std::get_if<Refusal>(&*result)) {
    const bool own_fault = refusal->reason == RefusalReason::kNotRetryable;
    request.live_refusal_stands = own_fault && tunnel.upstream_close().has_value();
    if (request.live_refusal_stands || WaitsFor(request, *refusal)) co_return std::nullopt;
    const ErrorAnswer error =
        ForRefusal(*refusal, request.command.model, services_.config.retry_delay);
    co_return co_await CloseLive(request, CloseCodeOf(error), CloseReason(error),
                                 OutcomeOf(refusal->reason));
  }
  client::LeaseGrant& grant = std::get<client::LeaseGrant>(*result);
  request.command.wait_up_to = absl::ZeroDuration();
  request.lease_id = grant.lease;
  request.key = grant.key;
  request.project = grant.project;
  request.lease = LeaseGuard(services_.leases.session(), std::move(grant), request.command);
  if (std::exchange(request.retrying, false) && !MayTryAgain(request)) {
    request.lease = LeaseGuard();  // goes back unsent
    // Not in Google's words: what it says about a key may name it.
    const ErrorAnswer error = ForRetriesUsedUp(request.attempts, 0, services_.config.retry_delay);
    co_return co_await CloseLive(request, kInternal, error.message, "retries_used_up");
  }
  co_return std::nullopt;
}

// Gives no end, and takes the lease away, when another one is to be asked for.
Task<Session::End> Session::ConnectForSetup(Request& request, LiveTunnel& tunnel) {
  if (request.key == request.live_key && !tunnel.UpstreamEnded()) {
    if (services_.clock.MonoNow() <= request.lease.grant().send_by) {
      request.lease.MarkSent();
      co_return std::nullopt;
    }
    request.lease = LeaseGuard();
    if (++request.lates <= kLateMax) co_return std::nullopt;
    co_return co_await CloseLive(request, kTryAgainLater,
                                 ForExchange(ExchangeEnd::kLate, "", "").message,
                                 "upstream_failed");
  }
  tunnel.Detach();
  const ExchangeEnd sent = co_await Send(request);
  if (sent == ExchangeEnd::kClientGone) co_return Left(request, "client_gone");
  if (sent == ExchangeEnd::kLate && ++request.lates <= kLateMax) {
    request.lease = LeaseGuard();
    co_return std::nullopt;
  }
  if (sent != ExchangeEnd::kAnswered) {
    request.lease.Settle({});
    const std::string problem = request.exchange->problem();
    log::Warning("upstream_failed", {{"lease", request.lease_id.value()}, {"problem", problem}});
    const ErrorAnswer error = ForExchange(sent, problem, services_.config.origin.authority);
    co_return co_await CloseLive(request, kInternal, error.message, "upstream_failed");
  }
  const ResponseHead& head = request.exchange->answer().head();
  if (head.status == kSwitchingProtocols && AgreementOf(head) == request.live_agreement) {
    request.live_key = request.key;
    tunnel.Attach(&*request.exchange);
    co_return std::nullopt;
  }
  const Interrupt interrupt = co_await KeepPayload(client_, *request.exchange, request.keys);
  AnswerFacts facts = Describe(request, *request.exchange);
  if (interrupt == Interrupt::kGone) {
    request.lease.Settle(std::move(facts));
    co_return Left(request, "client_gone");
  }
  if (head.status == kSwitchingProtocols || services_.config.max_retries == 0) {
    request.lease.Settle(std::move(facts));
    co_return co_await CloseLive(request, kTryAgainLater,
                                 "Gemini answered another key in another way; connect again.",
                                 "upstream_failed");
  }
  request.retrying = true;
  request.command.exclude_keys.push_back(request.key);
  request.previous = request.lease.Release(std::move(facts));
  co_return std::nullopt;
}

Task<Session::After> Session::RunLive(Request& request, LiveTunnel& tunnel) {
  // A session may last for hours: what it has no use for goes.
  request.live_target = request.head.target;
  request.head = RequestHead();
  request.head.method = "GET";
  request.head.target = request.live_target;
  // Without a lease there is no project of the pool.
  std::optional<LiveHandles> handles;
  if (request.lease.Open()) {
    handles.emplace(services_.leases, services_.wheel, client_.wakeup(), request.lease);
  }
  const LiveTunnel::End end =
      co_await tunnel.Run(services_.stopping, services_.config.shutdown_grace * 0.75,
                          handles.has_value() ? &*handles : nullptr);
  request.streamed_bytes += tunnel.bytes_up();
  request.payload_bytes += tunnel.bytes_down();
  request.lease.Settle(FactsOf(tunnel),
                       {tunnel.answers().Usage(), {}, HandleNotes(tunnel.answers().TakeHandles())});
  request.outcome = OutcomeOf(end);
  switch (end) {
    case LiveTunnel::End::kEnded:
    case LiveTunnel::End::kClosed:
      co_return After::kLinger;
    case LiveTunnel::End::kBadClient:
      if (!tunnel.MaySpeak()) break;
      co_return co_await CloseLive(request, kProtocolError, "These are no frames of a WebSocket.",
                                   "bad_frames");
    case LiveTunnel::End::kUpstreamCut:
    case LiveTunnel::End::kBadUpstream:
    case LiveTunnel::End::kClientGone:
    case LiveTunnel::End::kStalled:
      break;
  }
  co_return After::kClose;
}

Task<Session::After> Session::CloseLive(Request& request, int code, std::string_view reason,
                                        std::string_view outcome) {
  AnswerFacts facts;
  facts.http_status = kSwitchingProtocols;
  request.lease.Settle(std::move(facts));
  const std::string frame = WsCloseFrame(code, reason);
  const Interrupt interrupt = co_await client_.Write(frame);
  if (interrupt != Interrupt::kNone) co_return Left(request, "client_gone");
  request.outcome = outcome;
  co_return After::kLinger;
}

}  // namespace keypool::proxy
