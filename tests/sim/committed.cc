#include "tests/sim/committed.h"

#include <variant>

namespace keypool::sim {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

void Committed::Write(const policy::Mutations& mutations) {
  const Overloaded write = {
      [this](const policy::PoolRecord& r) { pool_ = r; },
      [this](const policy::KeyRecord& r) { keys_[r.id] = r; },
      [this](const policy::BucketRecord& r) {
        buckets_[{r.project, r.model}] = r;
      },
      [this](const policy::ResourceRecord& r) { resources_[r.name] = r; },
      [this](const policy::DeleteResource& d) { resources_.erase(d.name); },
      [this](const policy::DeleteKey& d) { keys_.erase(d.id); },
      [this](const policy::RemovedKeyRecord& r) { removed_[r.id] = r; },
      [this](const policy::DeleteRemovedKey& d) { removed_.erase(d.id); },
      [this](const policy::DeleteBucket& d) {
        buckets_.erase({d.name.project, d.name.model});
      },
      [this](const policy::UsageRecord& r) { usage_[r.name] = r.counts; },
      [this](const policy::DeleteUsage& d) { usage_.erase(d.name); },
      [this](const policy::LimitRecord& r) { limits_[r.scope] = r; },
      [this](const policy::DeleteLimit& d) { limits_.erase(d.scope); },
      [this](const policy::ClientRecord& r) { clients_[r.name] = r; },
      [this](const policy::ClientUseRecord& r) { client_use_[r.name] = r; },
      [this](const policy::DeleteClient& d) {
        clients_.erase(d.name);
        client_use_.erase(d.name);
      },
      [this](const policy::AdminTokenRecord& r) { admin_tokens_[r.name] = r; },
      [this](const policy::DeleteAdminToken& d) { admin_tokens_.erase(d.name); },
      // The audit is the engine's: no command of the pool writes it.
      [](const AuditRecord&) {},
      [](const policy::AuditState&) {},
      [](const policy::AuditKeyRecord&) {},
      [](const policy::DeleteAudit&) {},
  };
  for (const policy::Mutation& mutation : mutations) std::visit(write, mutation);
}

policy::Snapshot Committed::Load(Epoch epoch) const {
  policy::Snapshot snapshot;
  snapshot.epoch = epoch;
  snapshot.pool = pool_;
  for (const auto& [id, record] : keys_) snapshot.keys.push_back(record);
  for (const auto& [name, record] : buckets_) snapshot.buckets.push_back(record);
  for (const auto& [name, record] : resources_) snapshot.resources.push_back(record);
  for (const auto& [id, record] : removed_) snapshot.removed.push_back(record);
  for (const auto& [name, counts] : usage_) snapshot.usage.push_back({name, counts});
  for (const auto& [scope, record] : limits_) snapshot.limits.push_back(record);
  for (const auto& [name, record] : clients_) snapshot.clients.push_back(record);
  for (const auto& [name, record] : client_use_) snapshot.client_use.push_back(record);
  for (const auto& [name, record] : admin_tokens_) snapshot.admin_tokens.push_back(record);
  return snapshot;
}

}  // namespace keypool::sim
