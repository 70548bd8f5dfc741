#include "proxy/session.h"

#include <algorithm>
#include <utility>

#include "keyd/base/log.h"
#include "proxy/body_scan.h"
#include "proxy/public_address.h"
#include "proxy/read_body.h"
#include "proxy/refusals.h"
#include "proxy/request_head.h"
#include "proxy/resource_scan.h"
#include "proxy/respond.h"
#include "proxy/server_timeout.h"
#include "proxy/session_request.h"

namespace keypool::proxy {
namespace {

constexpr int kSwitchingProtocols = 101;

constexpr std::string_view kTooManyResources =
    "The request names more than 64 different files, caches and other resources; that is more than "
    "the key pool keeps together in one project. Split it.";

// Whether keyd should be asked for another key after this answer. keyd has the last word: it knows
// whose fault the answer is.
bool WorthAnotherKey(int http_status) {
  switch (http_status) {
    case 400:
    case 401:
    case 403:
    case 404:
    case 429:
    case 503:
      return true;
    default:
      return false;
  }
}

}  // namespace

Session::Session(Services& services, int descriptor, SslPtr ssl, std::string client_address)
    : services_(services),
      client_(services.events, descriptor, services.wheel, services.buffers,
              services.config.patience, std::move(ssl)),
      client_address_(std::move(client_address)) {}

void Session::Start(void (*on_end)(void*, Session*), void* owner) {
  running_ = Run(on_end, owner);
  running_.Start();
}

Task<void> Session::Run(void (*on_end)(void*, Session*), void* owner) {
  After after = client_.IsOpen() ? co_await Secure() : After::kClose;
  while (after == After::kKeepAlive) {
    client_.SetDeadline(client_.patience().idle);
    const bool readable = co_await client_.AwaitReadable(services_.stopping);
    if (!readable) break;
    after = co_await ServeRequest();
    if (after == After::kKeepAlive) client_.EndRequest();
  }
  if (after == After::kLinger) co_await client_.LingerClose();
  if (after == After::kReset) client_.Abort();
  on_end(owner, this);
}

Task<Session::After> Session::Secure() {
  client_.SetDeadline(client_.patience().head);
  const ClientConnection::Secured secured = co_await client_.Secure(services_.stopping);
  if (secured == ClientConnection::Secured::kYes) co_return After::kKeepAlive;
  if (secured == ClientConnection::Secured::kNo) co_return After::kClose;
  const ErrorAnswer error = ForPlainHttp();
  const AnswerTo to = {ErrorShape::kNative, /*head_only=*/false, /*keep_alive=*/false};
  const Interrupt interrupt = co_await RespondError(client_, services_.clock, error, to);
  co_return interrupt == Interrupt::kNone ? After::kLinger : After::kClose;
}

Task<Session::After> Session::ServeRequest() {
  Request request(services_);
  End end = co_await ReadHead(request);
  if (!end.has_value()) {
    const bool prefixed = RemovePrefix(services_.config.public_prefix, &request.head.target);
    request.plan = MakePlan(request.head);
    if (prefixed && request.plan.route == Route::kAdmin) {
      request.plan.problem = "Admin pages are not under the path of PUBLIC_BASE_URL.";
    }
    if (!request.plan.problem.empty()) {
      request.keep_alive = false;  // who asks in two ways at once is not listened to any further
      end = co_await RefuseBad(request, request.plan.problem);
    } else if (request.plan.route != Route::kUpstream) {
      end = co_await ServeOwnPage(request);
    } else if (const CrossOrigin from = ReadCrossOrigin(request.head); !from.origin.empty()) {
      end = co_await JudgeOrigin(request, from);
    }
    if (!end.has_value() && !TakeClientPlace(request.plan)) {
      request.keep_alive = false;
      const ErrorAnswer error = ForCrowdedClient(services_.config.max_connections_per_client);
      end = co_await Refuse(request, error, "max_connections_per_client");
    }
    const bool keeps = request.plan.body == BodyPlan::kKeep || request.body_taken;
    if (!end.has_value() && keeps) end = co_await KeepBody(request);
    if (!end.has_value() && !request.plan.pooled_collection.empty()) {
      end = co_await OpenList(request);
    }
  }
  while (!end.has_value()) {
    const bool takes_key = request.plan.key_place != KeyPlace::kNone;
    if (takes_key) end = co_await AcquireLease(request);
    if (end.has_value() || (takes_key && !request.lease.Open())) continue;
    end = co_await Forward(request);
    if (end.has_value() || !request.answered) continue;
    const int status = request.exchange->answer().head().status;
    if (status == kSwitchingProtocols) {
      end = co_await ServeLive(request);
    } else if (takes_key && WorthAnotherKey(status)) {
      end = co_await DescribeFailure(request);
    } else if (request.list.has_value() && request.exchange->answer().head().status == 200) {
      end = co_await TakeListPage(request);
    } else {
      end = co_await RelayAnswer(request);
    }
  }
  LogDone(request);
  co_return *end;
}

Task<Session::End> Session::ReadHead(Request& request) {
  client_.SetDeadline(client_.patience().head);
  std::size_t scanned = 0;
  for (;;) {
    if (!client_.Unread().empty()) {
      const HeadResult result = ParseRequestHead(client_.Unread(), &scanned, &request.head);
      if (result.state == HeadState::kComplete) {
        client_.Consume(request.head.size);
        client_.Pin();
        request.keep_alive = request.head.keep_alive;
        request.body_taken = request.head.framing == Framing::kNone;
        co_return std::nullopt;
      }
      if (result.state == HeadState::kInvalid) {
        ErrorAnswer error;
        error.http_status = result.status;
        error.message = result.problem;
        co_return co_await Refuse(request, error, "bad_request");
      }
    }
    const Interrupt interrupt = co_await client_.ReadMore();
    if (interrupt == Interrupt::kGone) co_return After::kClose;
    if (interrupt == Interrupt::kTimeout) {
      ErrorAnswer error;
      error.http_status = 408;
      error.message = "The head of the request did not come in time.";
      co_return co_await Refuse(request, error, "head_timeout");
    }
  }
}

Task<Session::After> Session::ServeOwnPage(Request& request) {
  static const BodyLimits kLimits = {AdminHttp::kBodyBytesMax, AdminHttp::kBodyBytesMax, "/tmp"};
  Body body(kLimits);
  const ReadBodyResult taken =
      co_await ReadBody(client_, services_.clock, request.head, kLimits, /*scan=*/nullptr, &body);
  if (taken.end == BodyEnd::kGone) co_return Left(request, "client_gone");
  if (taken.end != BodyEnd::kComplete) {
    const ErrorAnswer error = ForBody(taken, kLimits);
    co_return co_await Refuse(request, error, "bad_body");
  }
  request.body_taken = true;
  client_.Watch();
  const Page page =
      co_await services_.admin.Serve(client_, request.head, body.InMemory(), client_address_);
  const bool keep_alive = MayKeepAlive(request);
  const AnswerTo to = {ErrorShape::kNative, request.head.method == "HEAD", keep_alive};
  const Interrupt interrupt = co_await RespondPage(client_, services_.clock, page, to);
  request.status = page.http_status;
  request.payload_bytes = page.body.size();
  if (interrupt != Interrupt::kNone) co_return Left(request, "client_gone");
  request.outcome = "own_page";
  co_return keep_alive ? After::kKeepAlive : After::kLinger;
}

Task<Session::End> Session::JudgeOrigin(Request& request, const CrossOrigin& from) {
  if (!services_.config.cors.Allows(from.origin)) {
    co_return co_await Refuse(request, ForForeignPage(from.origin), "foreign_page");
  }
  request.cors_fields = CorsFields(from.origin);
  if (!from.preflight) co_return std::nullopt;
  const std::string fields = PreflightFields(from);
  const AnswerTo to = To(request);
  request.status = 204;
  const Interrupt interrupt = co_await RespondPreflight(client_, services_.clock, fields, to);
  if (interrupt != Interrupt::kNone) co_return Left(request, "client_gone");
  request.outcome = "preflight";
  co_return to.keep_alive ? After::kKeepAlive : After::kLinger;
}

bool Session::TakeClientPlace(const Plan& plan) {
  if (services_.config.max_connections_per_client == 0 || plan.client_token == nullptr) return true;
  const std::optional<TokenDigest> digest = DigestOfClientToken(*plan.client_token);
  if (!digest) return true;  // keyd refuses it
  std::string id(reinterpret_cast<const char*>(digest->data()), digest->size());
  if (client_place_.taken() && id == client_id_) return true;
  client_place_ = {};
  client_place_ = services_.clients.Take(id);
  client_id_ = std::move(id);
  return client_place_.taken();
}

Task<Session::End> Session::KeepBody(Request& request) {
  BodyScan scan;
  if (request.plan.model_in_body) scan.model.emplace();
  if (request.plan.model_in_body || request.plan.kind == Kind::kMetered) scan.text.emplace();
  const bool has_body = request.head.framing != Framing::kNone;
  if (has_body) {
    const ProxyConfig& config = services_.config;
    scan.resources.emplace(ResourceScan::Hosts{config.origin.authority, request.head.host,
                                               AuthorityIn(config.public_base)});
  }
  const ReadBodyResult taken =
      co_await ReadBody(client_, services_.clock, request.head, services_.config.body,
                        has_body ? &scan : nullptr, &request.body);
  if (taken.end == BodyEnd::kGone) co_return Left(request, "client_gone");
  if (taken.end != BodyEnd::kComplete) {
    if (!taken.problem.empty()) log::Warning("body_not_kept", {{"problem", taken.problem}});
    const ErrorAnswer error = ForBody(taken, services_.config.body);
    co_return co_await Refuse(request, error, "bad_body");
  }
  request.body_taken = true;
  if (scan.model.has_value() && !scan.model->Model().empty()) {
    if (!IsModelName(scan.model->Model())) {
      co_return co_await RefuseBad(request,
                                   "The \"model\" in the request body is not the name of a model.");
    }
    request.plan.model = scan.model->Model();
    request.plan.kind = Kind::kMetered;
  }
  ResourceNames& named = request.plan.resources.names;
  if (has_body) {
    for (const std::string& name : scan.resources->Names().all()) named.Add(name);
  }
  if (named.TooMany() || (has_body && scan.resources->Names().TooMany())) {
    co_return co_await RefuseBad(request, kTooManyResources);
  }
  if (request.plan.kind == Kind::kMetered) request.command.input_tokens = scan.text->InputTokens();
  client_.Watch();
  co_return std::nullopt;
}

Task<Session::End> Session::AcquireLease(Request& request) {
  if (!std::exchange(request.counted, true)) {
    request.command.kind = request.plan.kind;
    request.command.model = request.plan.model;
    request.command.client = client_address_;
    request.command.token = request.plan.client_token;
    request.command.token_required = services_.config.require_client_token;
    request.command.resources = request.plan.resources.names.all();
    request.time_given = ReadServerTimeout(request.head);
    if (request.time_given) request.due = services_.clock.MonoNow() + *request.time_given;
    services_.retries.CountRequest(services_.clock.MonoNow());
  }
  client::AcquireOptions options;
  options.command = request.command;
  options.previous = std::exchange(request.previous, std::nullopt);
  AcquireWait wait(services_.leases, std::move(options), &client_.wakeup());
  client_.ClearDeadline();  // the lease session has its own
  while (!wait.Done()) {
    if (client_.Interrupted() == Interrupt::kGone) co_return Left(request, "client_gone");
    co_await client_.wakeup().Wait();
  }
  absl::StatusOr<client::AcquireResult> result = wait.Take();
  if (!result.ok()) {
    const ErrorAnswer error = ForKeydFailure(result.status());
    co_return co_await Refuse(request, error, "keyd_unavailable");
  }
  if (const Refusal* refusal = std::get_if<Refusal>(&*result)) {
    co_return co_await OnRefusal(request, *refusal);
  }
  client::LeaseGrant& grant = std::get<client::LeaseGrant>(*result);
  request.command.wait_up_to = absl::ZeroDuration();
  request.lease_id = grant.lease;
  request.key = grant.key;
  request.project = grant.project;
  request.lease = LeaseGuard(services_.leases.session(), std::move(grant), request.command);
  if (std::exchange(request.retrying, false) && !MayTryAgain(request)) {
    request.lease = LeaseGuard();  // goes back unsent
    if (request.answer_is_honest) co_return co_await RelayAnswer(request);
    const ErrorAnswer error =
        ForRetriesUsedUp(request.attempts, request.exchange->answer().head().status,
                         std::max(services_.config.retry_delay, absl::Seconds(1)));
    co_return co_await Refuse(request, error, "retries_used_up");
  }
  co_return std::nullopt;
}

Task<Session::End> Session::Forward(Request& request) {
  request.answered = false;
  if (request.plan.lists_project && request.lease.Open() && !request.lease.grant().client.empty()) {
    request.lease = LeaseGuard();  // goes back unsent
    co_return co_await Refuse(request, ForListOfProject(), "list_of_project");
  }
  request.answer_is_honest = false;
  if (request.time_given) {
    const absl::Duration left = request.due - services_.clock.MonoNow();
    if (left <= absl::ZeroDuration()) {
      request.lease = LeaseGuard();  // goes back unsent
      co_return co_await Refuse(request, ForTimeUsedUp(*request.time_given), "time_used_up");
    }
    request.server_timeout = SecondsLeft(left, *request.time_given);
  }
  const ExchangeEnd end = co_await Send(request);
  if (end != ExchangeEnd::kAnswered) co_return co_await OnNoAnswer(request, end);
  request.answered = true;
  co_return std::nullopt;
}

Task<ExchangeEnd> Session::Send(Request& request) {
  const ProxyConfig& config = services_.config;
  const Exchange::Surroundings around = {client_, services_.upstream, services_.buffers,
                                         services_.clock, config.upstream_timeout};
  request.exchange.emplace(around);
  if (!std::exchange(request.on_way, true) && request.plan.target != "*") {  // which is no path
    request.plan.target.insert(0, config.origin.prefix);
  }
  const Outgoing out = {request.head, request.plan, config.origin.authority, request.body,
                        request.server_timeout};
  if (request.lease.Open()) request.keys.Add(request.lease.grant().secret);
  const ExchangeEnd end =
      co_await request.exchange->Run(out, request.fresh_connection, &request.lease);
  if (request.plan.body == BodyPlan::kStream) {
    request.body_taken = !request.exchange->BodyLeftUnread();
    request.streamed_bytes = request.exchange->streamed_bytes();
  }
  if (request.lease.Sent()) ++request.attempts;
  co_return end;
}

}  // namespace keypool::proxy
