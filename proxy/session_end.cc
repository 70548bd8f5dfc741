// How requests end: relayed, refused, or left by their client.
#include <algorithm>
#include <string>
#include <utility>

#include "keyd/base/log.h"
#include "proxy/answer_facts.h"
#include "proxy/refusals.h"
#include "proxy/relay.h"
#include "proxy/respond.h"
#include "proxy/session.h"
#include "proxy/session_request.h"

namespace keypool::proxy {
namespace {

// A lease that came too late is given back and another one asked for, this often.
constexpr int kLateMax = 3;

// Before another try at an upstream that has no room: the first time, and doubled so often.
constexpr absl::Duration kPauseFirst = absl::Milliseconds(250);
constexpr int kPauseDoublingsMax = 6;

bool IsOverloaded(const AnswerFacts& facts) { return facts.http_status == 503; }

// True for what is about no key: when nothing helps, these are better words than ours.
bool IsHonest(const AnswerFacts& facts) {
  return IsOverloaded(facts) || facts.message == MessageClass::kLocation;
}

bool IsIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
         method == "DELETE";
}

}  // namespace

AnswerFacts Session::Describe(const Request& request, Exchange& exchange) {
  AnswerFacts facts = DescribeAnswer(exchange.answer().head(), exchange.answer().kept);
  facts.key_as_bearer = request.plan.key_place == KeyPlace::kBearer;
  return facts;
}

Task<Session::After> Session::RelayAnswer(Request& request) {
  Exchange& exchange = request.Answering();
  const ResponseHead& head = exchange.answer().head();
  if (head.status >= 400 && request.lease.Open()) {
    const Interrupt interrupt = co_await KeepPayload(client_, exchange, request.keys);
    request.lease.Settle(Describe(request, exchange));
    if (interrupt == Interrupt::kGone) co_return Left(request, "client_gone");
  }
  ClientHeadOptions options;
  options.body = ClientFraming(head, request.head.minor_version);
  options.client_minor_version = request.head.minor_version;
  options.cors_fields = request.cors_fields;
  options.keep_alive = request.keep_alive && request.body_taken && !services_.stopping &&
                       options.body.framing != Framing::kToClose;
  ShowUploadUrls(request, &options);
  AnswerScan scan = ScanFor(request, head);
  if (request.lease.Open()) {
    const Interrupt interrupt = co_await Learn(request, &scan);
    if (interrupt == Interrupt::kGone) co_return Left(request, "client_gone");
  }
  const bool scans = request.lease.Open() && scan.Any();
  const RelayResult relayed =
      co_await Relay(client_, exchange, options, request.keys, scans ? &scan : nullptr);
  request.status = head.status;
  request.payload_bytes = relayed.payload_bytes;
  SettleRelayed(request, head, scan);
  switch (relayed.end) {
    case RelayEnd::kComplete:
      exchange.Finish();
      request.outcome = request.error_inside ? "error_inside"
                        : head.status < 400  ? "ok"
                                             : "upstream_error";
      co_return options.keep_alive ? After::kKeepAlive : After::kLinger;
    case RelayEnd::kClientGone:
      co_return Left(request, "client_gone");
    case RelayEnd::kClientStalled:
      co_return Left(request, "client_stalled");
    case RelayEnd::kKeyShows:
      log::Error("key_in_answer", {{"lease", request.lease_id.value()}, {"status", head.status}});
      if (!relayed.begun) co_return co_await Refuse(request, ForKeyInAnswer(), "key_in_answer");
      request.outcome = "key_in_answer";
      break;
    case RelayEnd::kUpstreamCut:
      request.outcome = "upstream_cut";
      break;
    case RelayEnd::kUpstreamSilent:
      request.outcome = "upstream_silent";
      break;
  }
  co_return options.body.framing == Framing::kToClose ? After::kReset : After::kClose;
}

void Session::SettleRelayed(Request& request, const ResponseHead& head, const AnswerScan& scan) {
  if (!request.lease.Open()) return;
  AnswerFacts facts;
  facts.http_status = head.status;
  LeaseGuard::Account account = AccountOf(scan);
  std::optional<AnswerFacts> error;
  if (scan.usage.has_value()) error = scan.usage->Error();
  // An error inside an answer of 200 says more than the 200.
  if (error.has_value()) {
    facts = *std::move(error);
    facts.key_as_bearer = request.plan.key_place == KeyPlace::kBearer;
    request.error_inside = true;
  } else {
    account.resources = NotesOf(request, head, scan);
  }
  request.lease.Settle(std::move(facts), std::move(account));
}

Task<Session::End> Session::DescribeFailure(Request& request) {
  Exchange& exchange = *request.exchange;
  const std::int64_t retries_max = services_.config.max_retries;
  const bool may_be_elsewhere = MayBeElsewhere(request);
  if ((retries_max == 0 && !may_be_elsewhere) || request.plan.body == BodyPlan::kStream) {
    co_return co_await RelayAnswer(request);
  }
  const Interrupt interrupt = co_await KeepPayload(client_, exchange, request.keys);
  AnswerFacts facts = Describe(request, exchange);
  if (exchange.answer().complete) exchange.Finish();
  if (interrupt == Interrupt::kGone) {
    request.lease.Settle(std::move(facts));
    co_return Left(request, "client_gone");
  }
  if (may_be_elsewhere && IsUnknownResource(facts)) {
    request.lease.Settle(std::move(facts));
    co_return co_await Walk(request);
  }
  if (retries_max == 0) co_return co_await RelayAnswer(request);
  // keyd is asked even after the last try: whether the answer is the caller's to see is for it to
  // say.
  request.retrying = true;
  request.answer_is_honest = IsHonest(facts);
  if (IsOverloaded(facts)) {
    request.lease.Settle(std::move(facts));
    if (request.attempts > retries_max) co_return co_await RelayAnswer(request);
    const int doublings = std::min(request.attempts - 1, kPauseDoublingsMax);
    const absl::Duration pause = kPauseFirst * (std::int64_t{1} << doublings);
    const Interrupt left = co_await Pause(std::min(pause, services_.config.retry_delay));
    if (left == Interrupt::kGone) co_return Left(request, "client_gone");
    co_return std::nullopt;
  }
  request.command.exclude_keys.push_back(request.key);
  request.previous = request.lease.Release(std::move(facts));
  co_return std::nullopt;
}

// Asked only when keyd has another key for it: a request's own fault costs nobody a try.
bool Session::MayTryAgain(const Request& request) {
  return request.attempts <= services_.config.max_retries &&
         services_.retries.Take(services_.clock.MonoNow());
}

Task<Interrupt> Session::Pause(absl::Duration time) {
  client_.SetDeadline(time);
  for (;;) {
    const Interrupt interrupt = client_.Interrupted();
    if (interrupt != Interrupt::kNone) co_return interrupt;
    co_await client_.wakeup().Wait();
  }
}

Task<Session::End> Session::OnRefusal(Request& request, const Refusal& refusal) {
  if (refusal.reason == RefusalReason::kNotRetryable && request.exchange.has_value()) {
    co_return co_await RelayAnswer(request);
  }
  if (request.list.has_value() && MovesListOn(refusal, *request.list)) {
    co_return co_await MoveListOn(request, refusal);
  }
  if (WaitsFor(request, refusal)) co_return std::nullopt;
  if (request.answer_is_honest) co_return co_await RelayAnswer(request);
  const ErrorAnswer error = ForRefusal(refusal, request.command.model,
                                       std::max(services_.config.retry_delay, absl::Seconds(1)));
  co_return co_await Refuse(request, error, OutcomeOf(refusal.reason));
}

bool Session::WaitsFor(Request& request, const Refusal& refusal) const {
  const bool passes = refusal.reason == RefusalReason::kExhausted ||
                      refusal.reason == RefusalReason::kAllExcluded ||
                      refusal.reason == RefusalReason::kClientQuota ||
                      refusal.reason == RefusalReason::kModelOverloaded ||
                      refusal.reason == RefusalReason::kSourceThrottled;
  const bool has_waited = request.command.wait_up_to > absl::ZeroDuration();
  const absl::Duration patience = Patience(request);
  if (!passes || has_waited || patience <= absl::ZeroDuration() ||
      refusal.retry_after.value_or(absl::InfiniteDuration()) > patience) {
    return false;
  }
  // In keyd, where those who wait are served in turn.
  request.command.wait_up_to = patience;
  request.command.exclude_keys.clear();  // by then they may be the ones that are free again
  return true;
}

absl::Duration Session::Patience(Request& request) const {
  const MonoTime now = services_.clock.MonoNow();
  if (!request.patient_until) request.patient_until = now + services_.config.max_wait;
  const MonoTime until =
      request.time_given ? std::min(*request.patient_until, request.due) : *request.patient_until;
  return until - now;
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

Task<Session::After> Session::Refuse(Request& request, const ErrorAnswer& error,
                                     std::string_view outcome) {
  const AnswerTo to = To(request);
  request.status = error.http_status;
  const Interrupt interrupt = co_await RespondError(client_, services_.clock, error, to);
  if (interrupt != Interrupt::kNone) co_return Left(request, "client_gone");
  request.outcome = outcome;
  co_return to.keep_alive ? After::kKeepAlive : After::kLinger;
}

AnswerTo Session::To(const Request& request) const {
  return {request.plan.error_shape, request.head.method == "HEAD", MayKeepAlive(request),
          request.cors_fields};
}

Task<Session::After> Session::RefuseBad(Request& request, std::string_view problem) {
  ErrorAnswer error;
  error.http_status = 400;
  error.message = problem;
  co_return co_await Refuse(request, error, "bad_request");
}

// After an answer of our own, which does not tell an HTTP/1.0 client that the connection stays.
bool Session::MayKeepAlive(const Request& request) const {
  return request.keep_alive && request.body_taken && request.head.minor_version == 1 &&
         !services_.stopping;
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
