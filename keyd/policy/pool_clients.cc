// Who may have a lease: clients with a token, each within its own terms.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "keyd/base/status.h"
#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

Refusal Because(RefusalReason reason, std::string message) {
  Refusal refusal;
  refusal.reason = reason;
  refusal.message = std::move(message);
  return refusal;
}

// The same for a token that is not known, has expired or was revoked, and for none at all.
Refusal RefuseAsUnknown() {
  return Because(RefusalReason::kUnauthenticated,
                 "This key pool serves its own clients only, and the request shows no client token "
                 "that is good.");
}

Refusal RefuseModel(const Client& client, const std::string& model) {
  constexpr std::size_t kPatternsTold = 4;
  const std::vector<std::string>& models = client.record.terms.models;
  const auto told =
      models.begin() + static_cast<std::ptrdiff_t>(std::min(models.size(), kPatternsTold));
  return Because(RefusalReason::kModelNotAllowed,
                 absl::StrCat("Client ", client.record.name, " of the key pool may not use model ",
                              model, "; it may use ", absl::StrJoin(models.begin(), told, ", "),
                              models.size() > kPatternsTold ? " and others." : "."));
}

std::string_view WindowText(QuotaWindow window) {
  switch (window) {
    case QuotaWindow::kRequestsPerMinute:
      return "requests a minute";
    case QuotaWindow::kRequestsPerDay:
      return "requests a day";
    case QuotaWindow::kInputTokensPerMinute:
      return "input tokens a minute";
    case QuotaWindow::kInputTokensPerDay:
      break;
  }
  return "input tokens a day";
}

std::string Rounded(absl::Duration wait) {
  const absl::Duration unit = wait < absl::Seconds(10) ? absl::Milliseconds(100) : absl::Seconds(1);
  return absl::FormatDuration(absl::Ceil(wait, unit));
}

// Of a name that nobody told keyd of: what Google has for everybody, and what whoever has it must
// have been given, because nobody can guess it.
bool IsOpen(std::string_view name) {
  constexpr std::string_view kOpen[] = {"agents/", "environments/", "live/", "uploads/"};
  return std::any_of(std::begin(kOpen), std::end(kOpen),
                     [name](std::string_view start) { return name.starts_with(start); });
}

}  // namespace

Client* Pool::State::CallerOf(const AcquireCommand& command, const Moment& m) {
  if (clients.empty()) return nullptr;
  if (!command.token_digest) return BeginnerOf(command, m);
  return clients.FindByToken(*command.token_digest, m.wall);
}

// Clients do not show a token with every part of an upload: its id, which nobody can guess, does.
Client* Pool::State::BeginnerOf(const AcquireCommand& command, const Moment& m) {
  for (const std::string& name : command.resources) {
    if (!name.starts_with("uploads/")) continue;
    const ResourceTable::Place* const place = resources.Find(name, m.wall);
    Client* client = place == nullptr ? nullptr : clients.FindByName(place->client);
    const bool good =
        client != nullptr && !client->revoked() && client->record.terms.expires > m.wall;
    return good ? client : nullptr;
  }
  return nullptr;
}

// What keyd knows nothing of may be anybody's, but for what Google has for everybody.
std::optional<Refusal> Pool::State::RefuseForeign(const std::string& client,
                                                  const AcquireCommand& command,
                                                  const Moment& m) const {
  Refusal refusal;
  refusal.reason = RefusalReason::kNotOwner;
  for (std::size_t i = 0; i < command.resources.size(); ++i) {
    const std::string& name = command.resources[i];
    const ResourceTable::Place* const place = resources.Find(name, m.wall);
    const bool own =
        place == nullptr ? IsOpen(name) : place->client.empty() || place->client == client;
    if (!own) refusal.foreign.push_back(static_cast<std::uint32_t>(i));
  }
  if (command.kind == Kind::kOwnership) return refusal;
  if (refusal.foreign.empty()) return std::nullopt;
  // In Google's words for what lives in another project.
  const std::string& name = command.resources[refusal.foreign.front()];
  constexpr std::string_view kFiles = "files/";
  refusal.message = name.starts_with(kFiles)
                        ? absl::StrCat("You do not have permission to access the File ",
                                       name.substr(kFiles.size()), " or it may not exist.")
                        : "The caller does not have permission";
  return refusal;
}

std::optional<Refusal> Pool::State::RefuseCaller(const AcquireCommand& command, const Moment& m) {
  if (!OnlyClients(command) || command.kind == Kind::kValidation) return std::nullopt;
  Client* client = CallerOf(command, m);
  if (client == nullptr) return RefuseAsUnknown();
  const std::vector<std::string>& models = client->record.terms.models;
  const bool allowed = models.empty() || command.model.empty() ||
                       std::any_of(models.begin(), models.end(), [&command](const auto& pattern) {
                         return MatchesModel(pattern, command.model);
                       });
  if (!allowed) return RefuseModel(*client, command.model);
  if (!command.resources.empty() || command.kind == Kind::kOwnership) {
    if (auto refusal = RefuseForeign(client->record.name, command, m)) return refusal;
  }
  if (command.kind != Kind::kMetered) return std::nullopt;
  return RefuseForOwnQuota(*client, command, m);
}

std::optional<Refusal> Pool::State::RefuseForOwnQuota(Client& client, const AcquireCommand& command,
                                                      const Moment& m) {
  client.quota.Turn(m);
  const Model* model = models.Find(command.model);
  const Calibration calibration = model == nullptr ? Calibration() : model->calibration;
  const std::int64_t tokens = calibration.Of(command.input_tokens);
  const Fit fit = client.quota.FitOf(tokens, m);
  if (fit.at <= m.mono) return std::nullopt;
  const std::string own = absl::StrCat("own quota of client ", client.record.name, " (", fit.limit,
                                       " ", ToAbsl(WindowText(fit.window)), ")");
  Refusal refusal;
  if (fit.at == MonoTime::Max()) {
    refusal = Because(RefusalReason::kTooLarge,
                      absl::StrCat("The request has about ", tokens, " input tokens",
                                   ", more than the ", own, " ever allows; make it smaller."));
  } else {
    const absl::Duration wait = fit.at - m.mono;
    refusal = Because(RefusalReason::kClientQuota,
                      absl::StrCat("The ", own, " is used up; the pool itself may have more. It ",
                                   "can send again in ", Rounded(wait), "."));
    refusal.retry_after = wait;
  }
  refusal.limit = fit.limit;
  refusal.window = fit.window;
  return refusal;
}

void Pool::State::ChargeCaller(const AcquireCommand& command, Lease* lease, const Moment& m,
                               Mutations* mutations, Grant* grant) {
  Client* client = CallerOf(command, m);
  if (client == nullptr) return;
  lease->client = client->serial;
  grant->client = client->record.name;
  if (!lease->charge) return;
  client->quota.Turn(m);
  client->quota.Take(client->record.name, lease->charge->tokens, m, mutations);
}

void Pool::State::SettleCaller(const Lease& lease, std::optional<std::int64_t> tokens,
                               const Moment& m, Mutations* mutations) {
  if (lease.client == 0 || !lease.charge) return;
  Client* client = clients.FindBySerial(lease.client);
  if (client == nullptr) return;
  client->quota.Turn(m);
  const ChargeTime charge = {lease.charge->at, lease.charge->day, /*carried=*/false};
  if (!tokens) return client->quota.Refund(charge, lease.charge->tokens);
  client->quota.CorrectTokens(client->record.name, charge, *tokens - lease.charge->tokens, m,
                              mutations);
}

absl::StatusOr<ClientStatus> Pool::Apply(const ClientCommand& command, const Now& now,
                                         Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  absl::StatusOr<ClientStatus> status = state.clients.Apply(command, m, mutations);
  if (!status.ok()) return status;
  constexpr std::string_view kDone[] = {"added", "changed", "rotated", "revoked", "removed"};
  static_assert(std::size(kDone) == std::variant_size_v<ClientCommand>);
  PoolEvent event;
  event.kind = EventKind::kClientsChanged;
  event.text = absl::StrCat("client ", status->name, " was ", ToAbsl(kDone[command.index()]));
  state.events.Add(std::move(event), m.wall);
  return status;
}

absl::StatusOr<ClientsPage> Pool::ListClients(const ClientsQuery& query, const Now& now) const {
  return state_->clients.Page(query, state_->Peek(now));
}

}  // namespace keypool::policy
