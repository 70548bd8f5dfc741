#include "proxy/session.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "keyd/base/log.h"
#include "proxy/answer_facts.h"
#include "proxy/body_model_scan.h"
#include "proxy/lease_client.h"
#include "proxy/lease_guard.h"
#include "proxy/read_body.h"
#include "proxy/refusals.h"
#include "proxy/relay.h"
#include "proxy/request_head.h"
#include "proxy/request_plan.h"

namespace keypool::proxy {
namespace {

constexpr absl::Duration kIdleMax = absl::Seconds(75);
constexpr absl::Duration kHeadMax = absl::Seconds(10);
// A lease that came too late is given back and another one asked for, this often.
constexpr int kLateMax = 3;

// Whether keyd should be asked for another key after this answer. keyd has the last word: it knows
// whose fault the answer is.
bool WorthAnotherKey(int http_status) { return http_status == 429; }

bool IsIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
         method == "DELETE";
}

}  // namespace

// All that is known of a request while it runs. The lease is declared last: it is settled first.
struct Session::Request {
  Request(const Services& services)
      : started(services.clock.MonoNow()), body(services.config.body) {}

  MonoTime started;
  RequestHead head;
  Plan plan;
  Body body;
  bool keep_alive = false;
  bool body_taken = false;  // everything that the client owes has been read

  // What keyd is asked for, the report that goes along, and the attempt that it is about.
  AcquireCommand command;
  std::optional<ReportCommand> previous;
  std::optional<Exchange> exchange;
  bool answered = false;  // … and it has an answer
  int attempts = 0;       // requests that were sent upstream
  int waits = 0;          // for a key to become free
  int lates = 0;
  bool fresh_connection = false;

  // For the log line.
  LeaseId lease_id;
  KeyId key;
  ProjectId project;
  int status = 0;  // that the client got
  std::uint64_t payload_bytes = 0;
  std::uint64_t streamed_bytes = 0;
  std::string_view outcome;  // empty: there was no request

  LeaseGuard lease;
};

Session::Session(Services& services, int descriptor)
    : services_(services), client_(services.io, descriptor, services.wheel, services.buffers) {}

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
    } else if (request.plan.body == BodyPlan::kKeep) {
      end = co_await KeepBody(request);
    }
  }
  while (!end.has_value()) {
    end = co_await AcquireLease(request);
    if (end.has_value() || !request.lease.Open()) continue;
    end = co_await Forward(request);
    if (end.has_value() || !request.answered) continue;
    if (WorthAnotherKey(request.exchange->answer().head().status)) {
      end = co_await DescribeFailure(request);
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
  const bool keep_alive = request.keep_alive && !services_.stopping;
  const AnswerTo to = {ErrorShape::kNative, request.head.method == "HEAD", keep_alive};
  const Interrupt interrupt = co_await RespondPage(client_, services_.clock, page, to);
  request.status = page.http_status;
  request.payload_bytes = page.body.size();
  if (interrupt != Interrupt::kNone) co_return Left(request, "client_gone");
  request.outcome = "own_page";
  co_return keep_alive ? After::kKeepAlive : After::kLinger;
}

Task<Session::End> Session::KeepBody(Request& request) {
  BodyModelScan scan;
  BodyModelScan* const looked_for = request.plan.model_in_body ? &scan : nullptr;
  const ReadBodyResult taken =
      co_await ReadBody(client_, request.head, services_.config.body, looked_for, &request.body);
  if (taken.end == BodyEnd::kGone) co_return Left(request, "client_gone");
  if (taken.end != BodyEnd::kComplete) {
    if (!taken.problem.empty()) log::Warning("body_not_kept", {{"problem", taken.problem}});
    const ErrorAnswer error = ForBody(taken, services_.config.body);
    co_return co_await Refuse(request, error, "bad_body");
  }
  request.body_taken = true;
  if (looked_for != nullptr && !scan.Model().empty()) {
    if (!IsModelName(scan.Model())) {
      co_return co_await RefuseBad(request,
                                   "The \"model\" in the request body is not the name of a model.");
    }
    request.plan.model = scan.Model();
    request.plan.kind = Kind::kMetered;
  }
  client_.Watch();
  co_return std::nullopt;
}

Task<Session::End> Session::AcquireLease(Request& request) {
  if (request.attempts == 0 && request.waits == 0 && request.lates == 0) {
    request.command.kind = request.plan.kind;
    request.command.model = request.plan.model;
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
  request.lease_id = grant.lease;
  request.key = grant.key;
  request.project = grant.project;
  request.lease = LeaseGuard(services_.leases, std::move(grant), request.command.model);
  co_return std::nullopt;
}

Task<Session::End> Session::OnRefusal(Request& request, const Refusal& refusal) {
  if (refusal.reason == RefusalReason::kNotRetryable && request.exchange.has_value()) {
    co_return co_await RelayAnswer(request);
  }
  const ProxyConfig& config = services_.config;
  const bool quota =
      refusal.reason == RefusalReason::kExhausted || refusal.reason == RefusalReason::kAllExcluded;
  if (!quota || !refusal.retry_after.has_value() || *refusal.retry_after > config.retry_delay ||
      request.waits >= config.max_retries) {
    const ErrorAnswer error =
        ForRefusal(refusal, request.command.model, std::max(config.retry_delay, absl::Seconds(1)));
    co_return co_await Refuse(request, error, quota ? "exhausted" : "refused");
  }
  ++request.waits;
  request.command.exclude_keys.clear();  // by then they may be the ones that are free again
  client_.SetDeadline(*refusal.retry_after);
  for (;;) {
    const Interrupt interrupt = client_.Interrupted();
    if (interrupt == Interrupt::kGone) co_return Left(request, "client_gone");
    if (interrupt == Interrupt::kTimeout) break;
    co_await client_.wakeup().Wait();
  }
  co_return std::nullopt;
}

Task<Session::End> Session::Forward(Request& request) {
  request.answered = false;
  const ProxyConfig& config = services_.config;
  const Exchange::Surroundings around = {client_, services_.upstream, services_.buffers,
                                         services_.clock, config.upstream_timeout};
  request.exchange.emplace(around);
  if (request.attempts == 0 && request.lates == 0) {
    // "*" is no path.
    if (request.plan.target != "*") request.plan.target.insert(0, config.origin.prefix);
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

Task<Session::End> Session::OnNoAnswer(Request& request, ExchangeEnd end) {
  request.lease.Settle({});
  if (end == ExchangeEnd::kClientGone) co_return Left(request, "client_gone");
  if (end == ExchangeEnd::kLate && ++request.lates <= kLateMax) co_return std::nullopt;
  // Another lease for another try: upstream may have seen the first one.
  if (end == ExchangeEnd::kBroken && request.exchange->MayHaveBeenStale() &&
      !request.fresh_connection && IsIdempotent(request.head.method)) {
    request.fresh_connection = true;
    co_return std::nullopt;
  }
  const std::string problem = request.exchange->problem();
  log::Warning("upstream_failed", {{"lease", request.lease_id.value()}, {"problem", problem}});
  const ErrorAnswer error = ForExchange(end, problem, services_.config.origin.authority);
  co_return co_await Refuse(request, error, "upstream_failed");
}

Task<Session::End> Session::DescribeFailure(Request& request) {
  Exchange& exchange = *request.exchange;
  const std::int64_t retries_max = services_.config.max_retries;
  if (retries_max == 0 || request.plan.body == BodyPlan::kStream) {
    co_return co_await RelayAnswer(request);
  }
  const Interrupt interrupt = co_await KeepPayload(client_, exchange);
  AnswerFacts facts = DescribeAnswer(exchange.answer().head(), exchange.answer().kept);
  if (exchange.answer().complete) exchange.Finish();
  if (interrupt == Interrupt::kGone || request.attempts > retries_max) {
    const absl::Duration delay = std::max(services_.config.retry_delay, absl::Seconds(1));
    request.lease.Settle(std::move(facts));
    if (interrupt == Interrupt::kGone) co_return Left(request, "client_gone");
    const ErrorAnswer error = ForRetriesUsedUp(request.attempts, delay);
    co_return co_await Refuse(request, error, "retries_used_up");
  }
  request.command.exclude_keys.push_back(request.key);
  request.previous = request.lease.Release(std::move(facts));
  co_return std::nullopt;
}

Task<Session::After> Session::RelayAnswer(Request& request) {
  Exchange& exchange = *request.exchange;
  const ResponseHead& head = exchange.answer().head();
  if (head.status >= 400 && request.lease.Open()) {
    const Interrupt interrupt = co_await KeepPayload(client_, exchange);
    request.lease.Settle(DescribeAnswer(head, exchange.answer().kept));
    if (interrupt == Interrupt::kGone) co_return Left(request, "client_gone");
  }
  ClientHeadOptions options;
  options.body = ClientFraming(head, request.head.minor_version);
  options.client_minor_version = request.head.minor_version;
  options.keep_alive = request.keep_alive && request.body_taken && !services_.stopping &&
                       options.body.framing != Framing::kToClose;
  const RelayResult relayed = co_await Relay(client_, exchange, options);
  request.status = head.status;
  request.payload_bytes = relayed.payload_bytes;
  AnswerFacts facts;
  facts.http_status = head.status;
  request.lease.Settle(std::move(facts));
  switch (relayed.end) {
    case RelayEnd::kComplete:
      exchange.Finish();
      request.outcome = head.status < 400 ? "ok" : "upstream_error";
      co_return options.keep_alive ? After::kKeepAlive : After::kLinger;
    case RelayEnd::kClientGone:
      co_return Left(request, "client_gone");
    case RelayEnd::kClientStalled:
      co_return Left(request, "client_stalled");
    case RelayEnd::kUpstreamCut:
    case RelayEnd::kUpstreamSilent:
      break;
  }
  request.outcome = relayed.end == RelayEnd::kUpstreamCut ? "upstream_cut" : "upstream_silent";
  co_return options.body.framing == Framing::kToClose ? After::kReset : After::kClose;
}

Task<Session::After> Session::Refuse(Request& request, const ErrorAnswer& error,
                                     std::string_view outcome) {
  const bool keep_alive = request.keep_alive && request.body_taken && !services_.stopping;
  const AnswerTo to = {request.plan.error_shape, request.head.method == "HEAD", keep_alive};
  request.status = error.http_status;
  const Interrupt interrupt = co_await RespondError(client_, services_.clock, error, to);
  if (interrupt != Interrupt::kNone) co_return Left(request, "client_gone");
  request.outcome = outcome;
  co_return keep_alive ? After::kKeepAlive : After::kLinger;
}

Task<Session::After> Session::RefuseBad(Request& request, std::string_view problem) {
  ErrorAnswer error;
  error.http_status = 400;
  error.message = problem;
  co_return co_await Refuse(request, error, "bad_request");
}

Session::After Session::Left(Request& request, std::string_view outcome) {
  request.outcome = outcome;
  return After::kClose;
}

void Session::LogDone(const Request& request) const {
  if (request.outcome.empty() || !log::Enabled(log::Level::kInfo)) return;
  const std::string_view target = request.head.target;
  const std::string key = request.key == KeyId() ? std::string() : ToString(request.key);
  log::Info("request_done",
            {{"method", request.head.method},
             {"path", target.substr(0, target.find('?'))},
             {"status", request.status},
             {"outcome", request.outcome},
             {"lease", request.lease_id.value()},
             {"key", key},
             {"project", request.project.value()},
             {"model", request.command.model},
             {"attempts", request.attempts},
             {"bytes_in", request.body.size() + request.streamed_bytes},
             {"bytes_out", request.payload_bytes},
             {"ms", absl::ToInt64Milliseconds(services_.clock.MonoNow() - request.started)}});
}

}  // namespace keypool::proxy
