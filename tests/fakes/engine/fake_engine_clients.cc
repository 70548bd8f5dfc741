// What the fake engine does with clients and admin tokens.
#include <utility>
#include <variant>

#include "tests/fakes/engine/fake_engine.h"

namespace keypool::fakes {
namespace {

void Overwrite(const ClientChange& change, ClientTerms* terms) {
  for (const ClientNumber& n : kClientNumbers) {
    if (change.*n.change) terms->*n.number = *(change.*n.change);
  }
  if (change.models) terms->models = *change.models;
  if (change.weight) terms->weight = *change.weight;
}

}  // namespace

void FakeEngine::ChangeClient(ClientCommand command, Done<ClientStatus> done) {
  Enqueue([this, command = std::move(command), done = std::move(done)] {
    ++changes_;
    const std::string name = std::visit([](const auto& c) { return c.name; }, command);
    absl::StatusOr<ClientStatus> status = absl::NotFoundError("there is no " + name);
    {
      MutexLock lock(&mutex_);
      last_caller_ = std::visit([](const auto& c) { return c.who; }, command);
      const auto* add = std::get_if<AddClientCommand>(&command);
      if (add != nullptr) clients_[name].name = name;
      const auto found = clients_.find(name);
      if (found == clients_.end()) {
        // stays so
      } else if (add != nullptr) {
        Overwrite(add->terms, &found->second.terms);
        client_tokens_[name] = add->token;
      } else if (const auto* set = std::get_if<SetClientCommand>(&command)) {
        Overwrite(set->terms, &found->second.terms);
      } else if (const auto* rotate = std::get_if<RotateClientCommand>(&command)) {
        client_tokens_[name] = rotate->token;
      } else {
        found->second.state = ClientState::kRevoked;
      }
      if (found != clients_.end()) status = found->second;
      if (found != clients_.end() && std::holds_alternative<RemoveClientCommand>(command))
        clients_.erase(found);
    }
    done(std::move(status));
  });
}

void FakeEngine::ListClients(ClientsQuery query, Done<ClientsPage> done) {
  Enqueue([this, query = std::move(query), done = std::move(done)] {
    ClientsPage page;
    {
      MutexLock lock(&mutex_);
      for (const auto& [name, client] : clients_) {
        if (name <= query.after || (!query.name.empty() && name != query.name)) continue;
        page.more = page.rows.size() == query.rows_max;
        if (page.more) break;
        page.rows.push_back(client);
      }
    }
    if (page.rows.empty() && !query.name.empty())
      return done(absl::NotFoundError("no such client"));
    done(std::move(page));
  });
}

TokenDigest FakeEngine::ClientToken(const std::string& name) const {
  MutexLock lock(&mutex_);
  const auto found = client_tokens_.find(name);
  return found == client_tokens_.end() ? TokenDigest{} : found->second;
}

void FakeEngine::ChangeAdminToken(AdminTokenCommand command, Done<AdminTokenStatus> done) {
  Enqueue([this, command = std::move(command), done = std::move(done)] {
    AdminTokenStatus status;
    status.name = std::visit([](const auto& c) { return c.name; }, command);
    {
      MutexLock lock(&mutex_);
      if (const auto* add = std::get_if<AddAdminTokenCommand>(&command)) {
        admin_tokens_[status.name] = add->token;
      } else if (const auto* rotate = std::get_if<RotateAdminTokenCommand>(&command)) {
        admin_tokens_[status.name] = rotate->token;
      } else if (admin_tokens_.erase(status.name) == 0) {
        status.name.clear();
      }
    }
    if (status.name.empty()) return done(absl::NotFoundError("there is no such admin token"));
    done(std::move(status));
  });
}

void FakeEngine::ListAdminTokens(Done<std::vector<AdminTokenStatus>> done) {
  Enqueue([this, done = std::move(done)] {
    std::vector<AdminTokenStatus> all;
    {
      MutexLock lock(&mutex_);
      for (const auto& [name, digest] : admin_tokens_) all.emplace_back().name = name;
    }
    done(std::move(all));
  });
}

void FakeEngine::NameOfAdminToken(std::optional<TokenDigest> digest, Done<std::string> done) {
  Enqueue([this, digest, done = std::move(done)] {
    std::string found;
    {
      MutexLock lock(&mutex_);
      for (const auto& [name, known] : admin_tokens_) {
        if (known == digest) found = name;
      }
    }
    if (found.empty()) return done(absl::UnauthenticatedError("no good admin token"));
    done(std::move(found));
  });
}

TokenDigest FakeEngine::AdminToken(const std::string& name) const {
  MutexLock lock(&mutex_);
  const auto found = admin_tokens_.find(name);
  return found == admin_tokens_.end() ? TokenDigest{} : found->second;
}

}  // namespace keypool::fakes
