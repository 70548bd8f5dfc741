// Commands and questions of operators: each becomes a function that the engine's thread runs.
#include <algorithm>
#include <functional>
#include <type_traits>
#include <utility>

#include "keyd/engine/audit_words.h"
#include "keyd/engine/engine_impl.h"
#include "keyd/store/audit_chain.h"

namespace keypool::engine {
namespace {

struct Nothing {};

template <class Command, class T>
AuditEntry EntryOfResult(const Command& command, const absl::StatusOr<T>&) {
  return EntryOf(command);
}
AuditEntry EntryOfResult(const AddKeyCommand& command, const absl::StatusOr<KeyStatus>& added) {
  return EntryOf(command, added);
}

std::function<void(absl::StatusOr<Nothing>)> StatusOnly(std::function<void(absl::Status)> done) {
  return [done = std::move(done)](const absl::StatusOr<Nothing>& result) { done(result.status()); };
}

}  // namespace

template <class T, class Apply>
void EngineImpl::EnqueueAdmin(bool changes, Apply apply, Done<T> done) {
  AdminCall call;
  call.changes = changes;
  call.refuse = done;
  call.apply = [apply = std::move(apply), done = std::move(done)](
                   policy::Pool& pool, const Now& now, policy::Mutations* mutations) -> Answer {
    return [done, result = absl::StatusOr<T>(apply(pool, now, mutations))](
               const absl::Status& committed) mutable {
      if (committed.ok()) {
        done(std::move(result));
      } else {
        done(committed);
      }
    };
  };
  Enqueue(std::move(call));
}

template <class T, class Command, class Apply>
void EngineImpl::EnqueueChange(Command command, Apply apply, Done<T> done) {
  auto recorded = [this, command = std::move(command), apply = std::move(apply)](
                      policy::Pool& pool, const Now& now,
                      policy::Mutations* mutations) -> absl::StatusOr<T> {
    absl::StatusOr<T> result = apply(pool, command, now, mutations);
    if (IsRecorded(command, result.status())) {
      audit_.Append(EntryOfResult(command, result), result.status(), now.wall, mutations);
    }
    return result;
  };
  EnqueueAdmin<T>(true, std::move(recorded), std::move(done));
}

template <class T, class Command>
void EngineImpl::ApplyToPool(Command command, Done<T> done) {
  auto apply = [](policy::Pool& pool, const Command& asked, const Now& now,
                  policy::Mutations* mutations) { return pool.Apply(asked, now, mutations); };
  EnqueueChange<T>(std::move(command), apply, std::move(done));
}

template <class T, class Ask, class... About>
void EngineImpl::AskPool(Done<T> done, Ask ask, About... about) {
  auto apply = [ask, ... about = std::move(about)](policy::Pool& pool, const Now& now,
                                                   policy::Mutations*) -> absl::StatusOr<T> {
    if constexpr (std::is_invocable_v<Ask, policy::Pool&, const About&..., const Now&>) {
      return std::invoke(ask, pool, about..., now);
    } else {
      return std::invoke(ask, pool, about...);
    }
  };
  EnqueueAdmin<T>(false, std::move(apply), std::move(done));
}

void EngineImpl::AddKey(AddKeyCommand command, Done<KeyStatus> done) {
  auto apply = [](policy::Pool& pool, const AddKeyCommand& asked, const Now& now,
                  policy::Mutations* mutations) -> absl::StatusOr<KeyStatus> {
    const absl::StatusOr<KeyId> id = pool.Apply(asked, now, mutations);
    return id.ok() ? pool.Key(*id, "", now) : id.status();
  };
  EnqueueChange<KeyStatus>(std::move(command), apply, std::move(done));
}

void EngineImpl::RemoveKey(RemoveKeyCommand command, std::function<void(absl::Status)> done) {
  auto apply = [](policy::Pool& pool, const RemoveKeyCommand& asked, const Now& now,
                  policy::Mutations* mutations) -> absl::StatusOr<Nothing> {
    if (absl::Status status = pool.Apply(asked, now, mutations); !status.ok()) return status;
    return Nothing{};
  };
  EnqueueChange<Nothing>(std::move(command), apply, StatusOnly(std::move(done)));
}

void EngineImpl::DisableKey(DisableKeyCommand command, Done<KeyStatus> done) {
  auto apply = [](policy::Pool& pool, const DisableKeyCommand& asked, const Now& now,
                  policy::Mutations* mutations) -> absl::StatusOr<KeyStatus> {
    if (absl::Status status = pool.Apply(asked, now, mutations); !status.ok()) return status;
    return pool.Key(asked.key, "", now);
  };
  EnqueueChange<KeyStatus>(std::move(command), apply, std::move(done));
}

void EngineImpl::EnableKey(EnableKeyCommand command, Done<KeyStatus> done) {
  auto apply = [](policy::Pool& pool, const EnableKeyCommand& asked, const Now& now,
                  policy::Mutations* mutations) -> absl::StatusOr<KeyStatus> {
    if (absl::Status status = pool.Apply(asked, now, mutations); !status.ok()) return status;
    return pool.Key(asked.key, "", now);
  };
  EnqueueChange<KeyStatus>(std::move(command), apply, std::move(done));
}

void EngineImpl::Reset(ResetCommand command, Done<std::int64_t> done) {
  ApplyToPool<std::int64_t>(std::move(command), std::move(done));
}

void EngineImpl::SetLimits(SetLimitsCommand command, Done<ScopeLimits> done) {
  ApplyToPool<ScopeLimits>(std::move(command), std::move(done));
}

void EngineImpl::UnsetLimits(UnsetLimitsCommand command, Done<ScopeLimits> done) {
  ApplyToPool<ScopeLimits>(std::move(command), std::move(done));
}

void EngineImpl::ImportLimits(ImportLimitsCommand command, Done<ImportedLimits> done) {
  ApplyToPool<ImportedLimits>(std::move(command), std::move(done));
}

void EngineImpl::ChangeClient(ClientCommand command, Done<ClientStatus> done) {
  ApplyToPool<ClientStatus>(std::move(command), std::move(done));
}

void EngineImpl::ChangeAdminToken(AdminTokenCommand command, Done<AdminTokenStatus> done) {
  ApplyToPool<AdminTokenStatus>(std::move(command), std::move(done));
}

void EngineImpl::Record(AuditEntry entry, absl::Status result,
                        std::function<void(absl::Status)> done) {
  auto apply = [this, entry = std::move(entry), result = std::move(result)](
                   policy::Pool&, const Now& now,
                   policy::Mutations* mutations) -> absl::StatusOr<Nothing> {
    audit_.Append(entry, result, now.wall, mutations);
    return Nothing{};
  };
  EnqueueAdmin<Nothing>(true, std::move(apply), StatusOnly(std::move(done)));
}

void EngineImpl::ListAudit(AuditQuery query, Done<AuditPage> done) {
  store_.ReadAudit({store::AuditRange::From::kNewest, query.before, query.rows_max},
                   [done = std::move(done)](absl::StatusOr<store::AuditRead> read) {
                     if (!read.ok()) return done(read.status());
                     std::reverse(read->rows.begin(), read->rows.end());
                     done(AuditPage{std::move(read->rows), read->more});
                   });
}

void EngineImpl::VerifyAudit(Done<AuditVerdict> done) {
  store::VerifyAudit(store_, std::move(done));
}

void EngineImpl::ListLimits(LimitsQuery query, Done<LimitsPage> done) {
  AskPool(std::move(done), &policy::Pool::ListLimits, std::move(query));
}

void EngineImpl::ListClients(ClientsQuery query, Done<ClientsPage> done) {
  AskPool(std::move(done), &policy::Pool::ListClients, std::move(query));
}

void EngineImpl::ListAdminTokens(Done<std::vector<AdminTokenStatus>> done) {
  AskPool(std::move(done), &policy::Pool::ListAdminTokens);
}

void EngineImpl::NameOfAdminToken(std::optional<TokenDigest> digest, Done<std::string> done) {
  AskPool(std::move(done), &policy::Pool::NameOfAdminToken, digest);
}

void EngineImpl::Status(StatusQuery query, Done<PoolStatus> done) {
  AskPool(std::move(done), &policy::Pool::Status, std::move(query));
}

void EngineImpl::Key(KeyId id, std::string model, Done<KeyStatus> done) {
  AskPool(std::move(done), &policy::Pool::Key, id, std::move(model));
}

void EngineImpl::Usage(UsageQuery query, Done<UsagePage> done) {
  AskPool(std::move(done), &policy::Pool::Usage, std::move(query));
}

void EngineImpl::Explain(ExplainQuery query, Done<Explanation> done) {
  AskPool(std::move(done), &policy::Pool::Explain, std::move(query));
}

void EngineImpl::Events(EventsQuery query, Done<PoolEvents> done) {
  AskPool(std::move(done), &policy::Pool::Events, std::move(query));
}

}  // namespace keypool::engine
