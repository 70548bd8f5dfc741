#include "keyd/policy/client_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::policy {
namespace {

absl::Status NoSuchClient(std::string_view name) {
  return absl::NotFoundError(
      absl::StrCat("there is no client ", ToAbsl(name), "; `poolctl client list` shows them"));
}

void Change(const ClientChange& change, const Moment& m, ClientTerms* terms) {
  for (const ClientNumber& n : kClientNumbers) {
    if (change.*n.change) terms->*n.number = *(change.*n.change);
  }
  if (change.models) terms->models = *change.models;
  if (change.expires_in) terms->expires = m.wall + *change.expires_in;
  if (change.weight) terms->weight = *change.weight;
}

}  // namespace

Client* ClientBook::Insert(ClientRecord record, std::int64_t today) {
  auto client = std::make_unique<Client>(Client{
      .record = record, .quota = ClientQuota(record.terms, today), .serial = ++last_serial_});
  Client* raw = client.get();
  by_name_.insert_or_assign(std::move(record.name), std::move(client));
  by_serial_.emplace(raw->serial, raw);
  by_token_.Add(raw->record.tokens, raw);
  return raw;
}

absl::Status ClientBook::Restore(ClientRecord record, std::int64_t today) {
  if (by_name_.find(record.name) != by_name_.end() || by_token_.HasAnyOf(record.tokens)) {
    return absl::DataLossError(
        absl::StrCat("the stored record of client ", record.name, " or its token is there twice"));
  }
  Insert(std::move(record), today);
  return absl::OkStatus();
}

void ClientBook::Restore(const ClientUseRecord& record, absl::Time record_day_ends,
                         const Moment& m) {
  if (Client* client = FindByName(record.name)) client->quota.Restore(record, record_day_ends, m);
}

Client* ClientBook::FindByToken(const TokenDigest& digest, absl::Time now) {
  Client* client = by_token_.Find(digest, now);
  return client != nullptr && client->record.terms.expires > now ? client : nullptr;
}

Client* ClientBook::FindBySerial(std::uint64_t serial) {
  if (serial == 0) return nullptr;
  const auto found = by_serial_.find(serial);
  return found == by_serial_.end() ? nullptr : found->second;
}

Client* ClientBook::FindByName(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

absl::StatusOr<ClientStatus> ClientBook::Apply(const ClientCommand& command, const Moment& m,
                                               Mutations* mutations) {
  struct Doer {
    ClientBook& book;
    const Moment& m;
    Mutations* mutations;
    absl::StatusOr<ClientStatus> operator()(const AddClientCommand& c) const {
      return book.Add(c, m, mutations);
    }
    absl::StatusOr<ClientStatus> operator()(const SetClientCommand& c) const {
      return book.Set(c, m, mutations);
    }
    absl::StatusOr<ClientStatus> operator()(const RotateClientCommand& c) const {
      return book.Rotate(c, m, mutations);
    }
    absl::StatusOr<ClientStatus> operator()(const RevokeClientCommand& c) const {
      return book.Revoke(c, m, mutations);
    }
    absl::StatusOr<ClientStatus> operator()(const RemoveClientCommand& c) const {
      return book.Remove(c, m, mutations);
    }
  };
  return std::visit(Doer{*this, m, mutations}, command);
}

absl::StatusOr<ClientStatus> ClientBook::Add(const AddClientCommand& command, const Moment& m,
                                             Mutations* mutations) {
  Client* client = FindByName(command.name);
  if (client != nullptr && !client->revoked()) {
    return absl::AlreadyExistsError(absl::StrCat("there is a client ", command.name,
                                                 " already; `poolctl client rotate ", command.name,
                                                 "` gives it a new token"));
  }
  if (client == nullptr && by_name_.size() >= max_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are as many clients as may be (", max_,
                     "); forget revoked ones with `poolctl client remove`"));
  }
  ClientRecord record;
  record.name = command.name;
  Change(command.terms, m, &record.terms);
  record.added_at = m.wall;
  record.tokens = {{.digest = command.token, .made_at = m.wall}};
  if (client == nullptr) {
    client = Insert(record, m.today);
  } else {
    // What it has used today stays used.
    client->record = record;
    client->quota.SetTerms(record.terms);
    by_token_.Add(record.tokens, client);
  }
  mutations->push_back(std::move(record));
  return Describe(*client, m);
}

absl::StatusOr<Client*> ClientBook::InUse(std::string_view name) {
  Client* client = FindByName(name);
  if (client == nullptr) return NoSuchClient(name);
  if (client->revoked()) {
    return absl::FailedPreconditionError(
        absl::StrCat("client ", ToAbsl(name), " is revoked; `poolctl client add ", ToAbsl(name),
                     "` takes it back with a new token"));
  }
  return client;
}

absl::StatusOr<ClientStatus> ClientBook::Set(const SetClientCommand& command, const Moment& m,
                                             Mutations* mutations) {
  const absl::StatusOr<Client*> found = InUse(command.name);
  if (!found.ok()) return found.status();
  Client& client = **found;
  Change(command.terms, m, &client.record.terms);
  client.quota.SetTerms(client.record.terms);
  mutations->push_back(client.record);
  return Describe(client, m);
}

absl::StatusOr<ClientStatus> ClientBook::Rotate(const RotateClientCommand& command, const Moment& m,
                                                Mutations* mutations) {
  const absl::StatusOr<Client*> found = InUse(command.name);
  if (!found.ok()) return found.status();
  Client& client = **found;
  by_token_.Remove(client.record.tokens);
  client.record.tokens = Rotated(client.record.tokens, command.token, command.overlap, m.wall);
  by_token_.Add(client.record.tokens, &client);
  mutations->push_back(client.record);
  return Describe(client, m);
}

absl::StatusOr<ClientStatus> ClientBook::Revoke(const RevokeClientCommand& command, const Moment& m,
                                                Mutations* mutations) {
  const absl::StatusOr<Client*> found = InUse(command.name);
  if (!found.ok()) return found.status();
  Client& client = **found;
  by_token_.Remove(client.record.tokens);
  client.record.tokens.clear();
  client.record.revoked_at = m.wall;
  mutations->push_back(client.record);
  return Describe(client, m);
}

absl::StatusOr<ClientStatus> ClientBook::Remove(const RemoveClientCommand& command, const Moment& m,
                                                Mutations* mutations) {
  const auto found = by_name_.find(command.name);
  if (found == by_name_.end()) return NoSuchClient(command.name);
  if (!found->second->revoked()) {
    return absl::FailedPreconditionError(absl::StrCat("client ", command.name,
                                                      " is in use; `poolctl client revoke ",
                                                      command.name, "` it first"));
  }
  ClientStatus was = Describe(*found->second, m);
  by_serial_.erase(found->second->serial);
  by_name_.erase(found);
  mutations->push_back(DeleteClient{command.name});
  return was;
}

ClientStatus ClientBook::Describe(const Client& client, const Moment& m) {
  const ClientRecord& record = client.record;
  ClientStatus status;
  status.name = record.name;
  status.terms = record.terms;
  status.added_at = record.added_at;
  if (client.revoked()) {
    status.state = ClientState::kRevoked;
    status.revoked_at = record.revoked_at;
  } else if (record.terms.expires <= m.wall) {
    status.state = ClientState::kExpired;
  }
  status.tokens = DescribeTokens(record.tokens, m.wall);
  status.used_this_minute = client.quota.UsedThisMinute(m);
  status.used_today = client.quota.UsedToday(m);
  status.tokens_today = client.quota.TokensToday(m);
  return status;
}

absl::StatusOr<ClientsPage> ClientBook::Page(const ClientsQuery& query, const Moment& m) const {
  ClientsPage page;
  if (!query.name.empty()) {
    const auto found = by_name_.find(query.name);
    if (found == by_name_.end()) return NoSuchClient(query.name);
    page.rows.push_back(Describe(*found->second, m));
    return page;
  }
  for (auto at = by_name_.upper_bound(query.after); at != by_name_.end(); ++at) {
    page.more = page.rows.size() == query.rows_max;
    if (page.more) break;
    page.rows.push_back(Describe(*at->second, m));
  }
  return page;
}

}  // namespace keypool::policy
