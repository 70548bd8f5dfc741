// Lists of what every project has its own of, put together over the whole pool.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/base/log.h"
#include "proxy/inflate.h"
#include "proxy/learned_resources.h"
#include "proxy/relay.h"
#include "proxy/resource_names.h"
#include "proxy/respond.h"
#include "proxy/session.h"
#include "proxy/session_request.h"

namespace keypool::proxy {
namespace {

// One page of one project: Google's are at most a thousand small items.
constexpr std::size_t kPageBytesMax = 4 * 1024 * 1024;
constexpr absl::Duration kPageTimeMax = absl::Seconds(30);

}  // namespace

Task<Session::End> Session::OpenList(Request& request) {
  request.list = PooledList::Open(request.plan.pooled_collection, request.plan.target);
  if (!request.list.has_value()) {
    co_return co_await RefuseBad(request,
                                 "The pageToken is not one of this pool: begin the list again, "
                                 "without one.");
  }
  AskForListPage(request);
  co_return std::nullopt;
}

void Session::AskForListPage(Request& request) {
  const PooledList::Place& place = request.list->Next();
  request.command.exclude_keys.clear();
  request.command.project = place.behind ? ProjectId() : ProjectId(place.project);
  request.command.after_project.reset();
  if (place.behind) request.command.after_project.emplace(place.project);
  request.plan.target = request.list->Target();
  request.on_way = false;
  request.attempts = 0;
}

Task<Session::End> Session::TakeListPage(Request& request) {
  Exchange& exchange = *request.exchange;
  UpstreamAnswer& answer = exchange.answer();
  const Interrupt interrupt =
      co_await KeepPayload(client_, exchange, request.keys, {kPageBytesMax, kPageTimeMax});
  AnswerFacts facts;
  facts.http_status = answer.head().status;
  if (interrupt == Interrupt::kGone) {
    request.lease.Settle(std::move(facts));
    co_return Left(request, "client_gone");
  }
  const bool of_client = !request.lease.grant().client.empty();
  const std::string_view encoding = answer.head().content_encoding;
  const std::string page =
      CanInflate(encoding) ? Inflate(answer.kept, kPageBytesMax) : std::move(answer.kept);
  absl::flat_hash_set<std::string> own;
  if (of_client) {
    const bool here = co_await FindOwn(request, page, &own);
    if (!here) {
      request.lease.Settle(std::move(facts));
      co_return Left(request, "client_gone");
    }
  }
  if (!request.list->Take(request.project.value(), page, of_client ? &own : nullptr)) {
    log::Warning("list_passed_over",
                 {{"project", request.project.value()},
                  {"problem", "its list is no JSON object, or longer than 4 MiB"}});
  }
  if (answer.complete) exchange.Finish();
  Task<Interrupt> learning = LearnListed(request, std::move(facts));
  const Interrupt learned = co_await std::move(learning);
  if (learned == Interrupt::kGone) co_return Left(request, "client_gone");
  if (request.list->Done()) co_return co_await RespondList(request);
  AskForListPage(request);
  co_return std::nullopt;
}

// Who sees a name in a list may use it through any proxy, at once.
Task<Interrupt> Session::LearnListed(Request& request, AnswerFacts facts) {
  std::vector<ResourceNote> notes;
  for (const std::string_view item : request.list->LastItems()) {
    LearnedScan scan(Shows::kByName, {});
    scan.Feed(item);
    for (ResourceNote& note : scan.Notes(services_.clock.WallNow())) {
      notes.push_back(std::move(note));
    }
    if (notes.size() < kResourcesMax) continue;
    // More than one report holds.
    std::vector<ResourceNote> first(notes.begin(), notes.begin() + kResourcesMax);
    notes.erase(notes.begin(), notes.begin() + kResourcesMax);
    services_.leases.session().Report(request.lease.Meanwhile(std::move(first)));
  }
  if (notes.empty()) {
    request.lease.Settle(std::move(facts));
    co_return Interrupt::kNone;
  }
  LeaseGuard::Account account;
  account.resources = std::move(notes);
  Task<Interrupt> confirming = Confirm(request.lease.Release(std::move(facts), std::move(account)));
  co_return co_await std::move(confirming);
}

// A client is shown what is its own, and keyd knows what that is. False: the client has left.
Task<bool> Session::FindOwn(Request& request, std::string_view page,
                            absl::flat_hash_set<std::string>* own) {
  const std::vector<std::string> names = PooledList::NamesIn(request.plan.pooled_collection, page);
  for (std::size_t at = 0; at < names.size();) {
    client::AcquireOptions options;
    options.command = request.command;
    options.command.kind = Kind::kOwnership;
    options.command.project = ProjectId();
    options.command.after_project.reset();
    options.command.exclude_keys.clear();
    options.command.resources.clear();
    std::vector<std::string> asked;
    for (; at < names.size() && asked.size() < kResourcesMax; ++at) {
      std::string name = ResourceNamed(names[at]);
      if (name.empty()) continue;
      options.command.resources.push_back(std::move(name));
      asked.push_back(names[at]);
    }
    if (asked.empty()) break;
    Task<std::optional<absl::StatusOr<client::AcquireResult>>> asking = Ask(std::move(options));
    std::optional<absl::StatusOr<client::AcquireResult>> answer = co_await std::move(asking);
    if (!answer.has_value()) co_return false;
    const Refusal* const told = answer->ok() ? std::get_if<Refusal>(&**answer) : nullptr;
    // Without an answer nothing is shown.
    if (told == nullptr || told->reason != RefusalReason::kNotOwner) continue;
    for (const std::uint32_t foreign : told->foreign) {
      if (foreign < asked.size()) asked[foreign].clear();
    }
    for (std::string& name : asked) {
      if (!name.empty()) own->insert(std::move(name));
    }
  }
  co_return true;
}

bool Session::MovesListOn(const Refusal& refusal, const PooledList& list) {
  return refusal.reason == RefusalReason::kOwnerUnavailable ||
         (refusal.reason == RefusalReason::kNoMoreProjects && !list.Next().project.empty());
}

Task<Session::End> Session::MoveListOn(Request& request, const Refusal& refusal) {
  if (refusal.reason == RefusalReason::kOwnerUnavailable) {
    request.list->PassOver();
    AskForListPage(request);
    co_return std::nullopt;
  }
  request.list->NoMoreProjects();
  co_return co_await RespondList(request);
}

Task<Session::End> Session::RespondList(Request& request) {
  Page page;
  page.body = request.list->Body();
  const AnswerTo to = To(request);
  const Interrupt interrupt = co_await RespondPage(client_, services_.clock, page, to);
  request.status = page.http_status;
  request.payload_bytes = page.body.size();
  if (interrupt != Interrupt::kNone) co_return Left(request, "client_gone");
  request.outcome = "ok";
  co_return to.keep_alive ? After::kKeepAlive : After::kLinger;
}

}  // namespace keypool::proxy
