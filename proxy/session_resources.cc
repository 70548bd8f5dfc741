// What a session does about resources that live in one project: tells keyd what answers show, and
// looks for the project of one that nobody knows.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/answer_facts.h"
#include "proxy/answer_scan.h"
#include "proxy/field_names.h"
#include "proxy/inflate.h"
#include "proxy/relay.h"
#include "proxy/session.h"
#include "proxy/session_request.h"

namespace keypool::proxy {
namespace {

// Of an answer that tells of resources: larger ones are relayed before keyd knows.
constexpr std::size_t kLearnBytesMax = 1024 * 1024;
// Of one that is packed.
constexpr std::size_t kUnpackedBytesMax = 16 * kLearnBytesMax;
// The client waits no longer for keyd to confirm what an answer shows.
constexpr absl::Duration kConfirmMax = absl::Seconds(1);
// Projects that are asked for a resource, the first one included. A metered request costs each of
// them quota.
constexpr int kWalkMax = 64;
constexpr int kWalkMeteredMax = 8;

bool IsSuccess(int http_status) { return http_status / 100 == 2; }

bool StartsIgnoringCase(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && SameName(text.substr(0, start.size()), start);
}
bool IsEventStream(const ResponseHead& head) {
  return StartsIgnoringCase(head.content_type, "text/event-stream");
}

// Another project would answer the same: it is about the request.
bool IsVerdict(const AnswerFacts& facts) {
  switch (facts.http_status) {
    case 401:
    case 403:
    case 404:
    case 429:
      return false;
    default:
      return facts.http_status < 500 && facts.message == MessageClass::kNone &&
             facts.reason.empty();
  }
}

bool IsDelete(const RequestHead& head) { return head.method == "DELETE"; }

// An answer that was kept whole.
void FeedWhole(const UpstreamAnswer& answer, AnswerScan* scan) {
  const std::string_view encoding = answer.head().content_encoding;
  if (CanInflate(encoding)) return scan->Feed(Inflate(answer.kept, kUnpackedBytesMax));
  if (encoding.empty() || IsIgnoringCase(encoding, "identity")) scan->Feed(answer.kept);
}

}  // namespace

AnswerScan Session::ScanFor(const Request& request, const ResponseHead& head) {
  AnswerScan scan;
  if (request.plan.kind == Kind::kMetered && head.status < 300) {
    scan.usage.emplace();
  }
  const ResourcePlan& plan = request.plan.resources;
  const bool readable = request.plan.body == BodyPlan::kStream || IsEventStream(head) ||
                        StartsIgnoringCase(head.content_type, "application/json");
  if (plan.shows != Shows::kNothing && IsSuccess(head.status) && readable &&
      !IsDelete(request.head)) {
    scan.resources.emplace(plan.shows, plan.collection);
  }
  return scan;
}

std::vector<ResourceNote> Session::NotesOf(const Request& request, const ResponseHead& head,
                                           const AnswerScan& scan) const {
  std::vector<ResourceNote> notes;
  if (!IsSuccess(head.status)) return notes;
  // A list of others' things too tells nothing of whose they are.
  const bool lists = request.head.method == "GET" && request.command.resources.empty();
  if (lists && !request.lease.grant().client.empty()) return notes;
  if (scan.resources.has_value()) notes = scan.resources->Notes(services_.clock.WallNow());
  const auto add = [&notes](const std::string& name, absl::Duration time_to_live) {
    const auto same = [&name](const ResourceNote& note) { return note.name == name; };
    if (name.empty() || notes.size() == kResourcesMax ||
        std::any_of(notes.begin(), notes.end(), same)) {
      return;
    }
    notes.push_back({name, time_to_live});
  };
  const ResourcePlan& plan = request.plan.resources;
  if (IsDelete(request.head)) {
    add(plan.self, absl::ZeroDuration());
    return notes;
  }
  if (request.plan.body == BodyPlan::kStream) {
    const std::string begun = UploadBegunBy(head);
    add(begun, UsualLifetime(begun));
  }
  if (request.lease.grant().owns) return notes;
  // It was served: so what it names is here.
  for (const std::string& name : request.command.resources) {
    if (request.walked != nullptr || IsOfOneProject(name)) add(name, UsualLifetime(name));
  }
  return notes;
}

// Whether the client may rely on something that keyd does not know yet.
bool Session::TellsNews(const Request& request, const std::vector<ResourceNote>& notes) {
  const std::vector<std::string>& named = request.command.resources;
  return std::any_of(notes.begin(), notes.end(), [&](const ResourceNote& note) {
    const bool known = request.lease.grant().owns && note.time_to_live > absl::ZeroDuration() &&
                       std::find(named.begin(), named.end(), note.name) != named.end();
    return !known;
  });
}

Task<Interrupt> Session::Learn(Request& request, AnswerScan* scan) {
  Exchange& exchange = request.Answering();
  const ResponseHead& head = exchange.answer().head();
  const bool learns = scan->resources.has_value() || request.plan.body == BodyPlan::kStream ||
                      (IsDelete(request.head) && !request.plan.resources.self.empty());
  if (!learns || !IsSuccess(head.status) || IsEventStream(head)) co_return Interrupt::kNone;
  const Interrupt interrupt =
      co_await KeepPayload(client_, exchange, request.keys, {kLearnBytesMax});
  if (interrupt != Interrupt::kGone && !exchange.answer().complete) co_return Interrupt::kNone;
  FeedWhole(exchange.answer(), scan);
  const bool error_inside = scan->usage.has_value() && scan->usage->Error().has_value();
  std::vector<ResourceNote> notes = NotesOf(request, head, *scan);
  if (interrupt == Interrupt::kGone || error_inside || !TellsNews(request, notes)) {
    SettleRelayed(request, head, *scan);
    co_return interrupt;
  }
  AnswerFacts facts;
  facts.http_status = head.status;
  LeaseGuard::Account account = AccountOf(*scan);
  account.resources = std::move(notes);
  Task<Interrupt> confirming = Confirm(request.lease.Release(std::move(facts), std::move(account)));
  co_return co_await std::move(confirming);
}

Task<Interrupt> Session::Confirm(std::optional<ReportCommand> report) {
  if (!report.has_value()) co_return Interrupt::kNone;
  const ConfirmWait wait(services_.leases, *std::move(report), kConfirmMax, &client_.wakeup());
  client_.ClearDeadline();
  while (!wait.Done()) {
    if (client_.Interrupted() == Interrupt::kGone) co_return Interrupt::kGone;
    co_await client_.wakeup().Wait();
  }
  co_return Interrupt::kNone;
}

LeaseGuard::Account Session::AccountOf(const AnswerScan& scan) {
  LeaseGuard::Account account;
  if (!scan.usage.has_value()) return account;
  account.usage = scan.usage->usage();
  account.model_version = scan.usage->ModelVersion();
  return account;
}

Task<std::optional<absl::StatusOr<client::AcquireResult>>> Session::Ask(
    client::AcquireOptions options) {
  AcquireWait wait(services_.leases, std::move(options), &client_.wakeup());
  client_.ClearDeadline();  // the lease session has its own
  while (!wait.Done()) {
    if (client_.Interrupted() == Interrupt::kGone) co_return std::nullopt;
    co_await client_.wakeup().Wait();
  }
  co_return wait.Take();
}

bool Session::MayBeElsewhere(Request& request) {
  const int status = request.exchange->answer().head().status;
  return (status == 403 || status == 404) && !request.command.resources.empty() &&
         request.plan.body == BodyPlan::kKeep && !request.lease.grant().owns;
}

// Says nothing of the key or the project: Google answers so for what is not there, or not for this
// project.
bool Session::IsUnknownResource(const AnswerFacts& facts) {
  return (facts.http_status == 403 || facts.http_status == 404) &&
         facts.message == MessageClass::kNone && facts.reason.empty();
}

// One more project: the request goes to the one behind the last of request.walked_through, on
// `probe`.
Task<Session::Step> Session::AskNextProject(Request& request, Exchange* probe) {
  client::AcquireOptions options;
  options.command = request.command;
  options.command.exclude_keys.clear();
  std::vector<ProjectId>& through = request.walked_through;
  options.command.after_project = through.empty() ? ProjectId() : through.back();
  Task<std::optional<absl::StatusOr<client::AcquireResult>>> asking = Ask(std::move(options));
  std::optional<absl::StatusOr<client::AcquireResult>> result = co_await std::move(asking);
  if (!result.has_value()) co_return Step::kGone;
  if (!result->ok()) co_return Step::kEnd;
  client::LeaseGrant* const grant = std::get_if<client::LeaseGrant>(&**result);
  if (grant == nullptr) co_return Step::kEnd;
  const ProjectId project = grant->project;
  const KeyId key = grant->key;
  const bool in_circles = std::find(through.begin(), through.end(), project) != through.end();
  through.push_back(project);
  request.lease_id = grant->lease;
  request.lease = LeaseGuard(services_.leases.session(), std::move(*grant), request.command);
  if (in_circles || project == request.project) {
    request.lease = LeaseGuard();  // goes back unsent
    co_return in_circles ? Step::kEnd : Step::kNext;
  }
  request.keys.Add(request.lease.grant().secret);
  const Outgoing out = {request.head, request.plan, services_.config.origin.authority, request.body,
                        request.server_timeout};
  const ExchangeEnd end = co_await probe->Run(out, /*fresh=*/false, &request.lease);
  if (request.lease.Sent()) ++request.attempts;
  if (end == ExchangeEnd::kClientGone) co_return Step::kGone;
  if (end != ExchangeEnd::kAnswered) co_return Step::kNext;
  if (probe->answer().head().status >= 400) {
    const Interrupt interrupt = co_await KeepPayload(client_, *probe, request.keys);
    if (interrupt == Interrupt::kGone) co_return Step::kGone;
    AnswerFacts facts = Describe(request, *probe);
    if (!IsVerdict(facts)) {
      request.lease.Settle(std::move(facts));
      if (probe->answer().complete) probe->Finish();
      co_return Step::kNext;
    }
  }
  request.key = key;
  request.project = project;
  co_return Step::kFound;
}

Task<Session::End> Session::Walk(Request& request) {
  const ProxyConfig& config = services_.config;
  const LeaseId first_lease = request.lease_id;
  const int projects_max = request.plan.kind == Kind::kMetered ? kWalkMeteredMax : kWalkMax;
  for (int asked = 1; asked < projects_max;) {
    const Exchange::Surroundings around = {client_, services_.upstream, services_.buffers,
                                           services_.clock, config.upstream_timeout};
    Exchange probe(around);
    const Step step = co_await AskNextProject(request, &probe);
    if (step == Step::kGone) {
      request.lease.Settle({});
      co_return Left(request, "client_gone");
    }
    if (step == Step::kFound) {
      request.walked = &probe;
      co_return co_await RelayAnswer(request);
    }
    request.lease.Settle({});
    if (step == Step::kEnd) break;
    if (request.walked_through.back() != request.project) ++asked;  // not the first one again
  }
  request.lease_id = first_lease;
  co_return co_await RelayAnswer(request);
}

void Session::ShowUploadUrls(Request& request, ClientHeadOptions* options) const {
  if (request.plan.body != BodyPlan::kStream) return;
  const ProxyConfig& config = services_.config;
  request.public_base = config.public_base;
  if (request.public_base.empty()) {
    request.public_base =
        AddressUsed(request.head, client_.OverTls(), config.trusted.Has(client_address_));
  }
  request.upload_urls = {request.public_base, config.origin.authority, config.origin.prefix};
  options->upload_urls = &request.upload_urls;
}

}  // namespace keypool::proxy
