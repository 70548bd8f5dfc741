#include "proxy/session.h"

#include <algorithm>
#include <utility>

#include "keyd/base/log.h"
#include "proxy/body_scan.h"
#include "proxy/read_body.h"
#include "proxy/refusals.h"
#include "proxy/request_head.h"
#include "proxy/respond.h"
#include "proxy/session_request.h"

namespace keypool::proxy {
namespace {

constexpr absl::Duration kIdleMax = absl::Seconds(75);
constexpr absl::Duration kHeadMax = absl::Seconds(10);

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

Session::Session(Services& services, int descriptor, std::string client_address)
    : services_(services),
      client_(services.events, descriptor, services.wheel, services.buffers),
      client_address_(std::move(client_address)) {}

void Session::Start(void (*on_end)(void*, Session*), void* owner) {
  running_ = Run(on_end, owner);
  running_.Start();
}

Task<void> Session::Run(void (*on_end)(void*, Session*), void* owner) {
  After after = client_.IsOpen() ? After::kKeepAlive : After::kClose;
  while (after == After::kKeepAlive) {
    client_.SetDeadline(kIdleMax);
    const bool readable = co_await client_.AwaitReadable(services_.stopping);
    if (!readable) break;
    after = co_await ServeRequest();
    if (after == After::kKeepAlive) client_.EndRequest();
  }
  if (after == After::kLinger) co_await client_.LingerClose();
  if (after == After::kReset) client_.Abort();
  on_end(owner, this);
}

Task<Session::After> Session::ServeRequest() {
  Request request(services_);
  End end = co_await ReadHead(request);
  if (!end.has_value()) {
    request.plan = MakePlan(request.head);
    if (!request.plan.problem.empty()) {
      end = co_await RefuseBad(request, request.plan.problem);
    } else if (request.plan.route != Route::kUpstream) {
      end = co_await ServeOwnPage(request);
    } else if (request.plan.body == BodyPlan::kKeep || request.body_taken) {
      end = co_await KeepBody(request);
    }
    if (!end.has_value() && !request.plan.pooled_collection.empty()) {
      end = co_await OpenList(request);
    }
  }
  while (!end.has_value()) {
    end = co_await AcquireLease(request);
    if (end.has_value() || !request.lease.Open()) continue;
    end = co_await Forward(request);
    if (end.has_value() || !request.answered) continue;
    if (WorthAnotherKey(request.exchange->answer().head().status)) {
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
  client_.SetDeadline(kHeadMax);
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
      co_await ReadBody(client_, request.head, kLimits, /*scan=*/nullptr, &body);
  if (taken.end == BodyEnd::kGone) co_return Left(request, "client_gone");
  if (taken.end != BodyEnd::kComplete) {
    const ErrorAnswer error = ForBody(taken, kLimits);
    co_return co_await Refuse(request, error, "bad_body");
  }
  request.body_taken = true;
  client_.Watch();
  const Page page = co_await services_.admin.Serve(client_, request.head, body.InMemory());
  const bool keep_alive = MayKeepAlive(request);
  const AnswerTo to = {ErrorShape::kNative, request.head.method == "HEAD", keep_alive};
  const Interrupt interrupt = co_await RespondPage(client_, services_.clock, page, to);
  request.status = page.http_status;
  request.payload_bytes = page.body.size();
  if (interrupt != Interrupt::kNone) co_return Left(request, "client_gone");
  request.outcome = "own_page";
  co_return keep_alive ? After::kKeepAlive : After::kLinger;
}

Task<Session::End> Session::KeepBody(Request& request) {
  BodyScan scan;
  if (request.plan.model_in_body) scan.model.emplace();
  if (request.plan.model_in_body || request.plan.kind == Kind::kMetered) scan.text.emplace();
  const ReadBodyResult taken =
      co_await ReadBody(client_, request.head, services_.config.body,
                        scan.text.has_value() ? &scan : nullptr, &request.body);
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
  if (request.plan.kind == Kind::kMetered) request.command.input_tokens = scan.text->InputTokens();
  client_.Watch();
  co_return std::nullopt;
}

Task<Session::End> Session::AcquireLease(Request& request) {
  if (!std::exchange(request.counted, true)) {
    request.command.kind = request.plan.kind;
    request.command.model = request.plan.model;
    request.command.client = client_address_;
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
  request.answer_is_honest = false;
  const ProxyConfig& config = services_.config;
  const Exchange::Surroundings around = {client_, services_.upstream, services_.buffers,
                                         services_.clock, config.upstream_timeout};
  request.exchange.emplace(around);
  if (!std::exchange(request.on_way, true) && request.plan.target != "*") {  // which is no path
    request.plan.target.insert(0, config.origin.prefix);
  }
  const Outgoing out = {request.head, request.plan, config.origin.authority, request.body};
  const ExchangeEnd end =
      co_await request.exchange->Run(out, request.fresh_connection, &request.lease);
  if (request.plan.body == BodyPlan::kStream) {
    request.body_taken = !request.exchange->BodyLeftUnread();
    request.streamed_bytes = request.exchange->streamed_bytes();
  }
  if (request.lease.Sent()) ++request.attempts;
  if (end != ExchangeEnd::kAnswered) co_return co_await OnNoAnswer(request, end);
  request.answered = true;
  co_return std::nullopt;
}

}  // namespace keypool::proxy
