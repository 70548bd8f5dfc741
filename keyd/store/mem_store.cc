#include "keyd/store/mem_store.h"

namespace keypool::store {
namespace {

using policy::AdminTokenRecord;
using policy::AuditKeyRecord;
using policy::AuditState;
using policy::BucketRecord;
using policy::ClientRecord;
using policy::ClientUseRecord;
using policy::DeleteAdminToken;
using policy::DeleteAudit;
using policy::DeleteBucket;
using policy::DeleteClient;
using policy::DeleteKey;
using policy::DeleteLimit;
using policy::DeleteRemovedKey;
using policy::DeleteResource;
using policy::DeleteUsage;
using policy::KeyRecord;
using policy::LimitRecord;
using policy::PoolRecord;
using policy::RemovedKeyRecord;
using policy::ResourceRecord;
using policy::UsageRecord;

}  // namespace

MemStore::MemStore()
    : writer_([this](std::span<const QueuedCommit> group) { return Write(group); }) {}

absl::StatusOr<policy::Snapshot> MemStore::Load() {
  policy::Snapshot snapshot;
  writer_.RunInOrder([&] { snapshot = BeginReign(); });
  return snapshot;
}

void MemStore::Commit(Epoch epoch, policy::Mutations batch, Durability durability, Done done) {
  writer_.Enqueue({epoch, std::move(batch), durability, std::move(done)});
}

void MemStore::ReadAudit(AuditRange range, std::function<void(absl::StatusOr<AuditRead>)> done) {
  writer_.RunLater([this, range, done = std::move(done)] { done(Read(range)); });
}

AuditRead MemStore::Read(const AuditRange& range) const {
  AuditRead read;
  read.basis = audit_basis_;
  const auto take = [&](const AuditRecord& record) {
    read.more = read.rows.size() == range.rows_max;
    if (!read.more) read.rows.push_back({record});
    return !read.more;
  };
  if (range.from == AuditRange::From::kOldest) {
    for (auto at = audit_.upper_bound(range.behind); at != audit_.end(); ++at) {
      if (!take(at->second)) break;
    }
    return read;
  }
  auto at = range.behind == 0 ? audit_.end() : audit_.lower_bound(range.behind);
  while (at != audit_.begin()) {
    if (!take((--at)->second)) break;
  }
  return read;
}

absl::StatusOr<std::int64_t> MemStore::Reseal(std::shared_ptr<const Sealer>) {
  return absl::FailedPreconditionError("STORE=memory keeps no secret at rest");
}

policy::Snapshot MemStore::BeginReign() {
  policy::Snapshot snapshot;
  snapshot.epoch = Epoch{++epoch_};
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
  snapshot.audit.basis = audit_basis_;
  if (!audit_.empty()) snapshot.audit.newest = audit_.rbegin()->first;
  for (const auto& [number, record] : audit_) {
    if (number % policy::kAuditLinkEvery == 0)
      snapshot.audit.links.push_back({number, record.chain});
  }
  return snapshot;
}

std::vector<absl::Status> MemStore::Write(std::span<const QueuedCommit> group) {
  struct Writer {
    MemStore* store;
    void operator()(const AuditRecord& record) { store->audit_[record.number] = record; }
    void operator()(const AuditState& state) { store->audit_basis_.state = state; }
    void operator()(const AuditKeyRecord& record) { store->audit_basis_.key = record.key; }
    void operator()(const DeleteAudit& records) {
      store->audit_.erase(store->audit_.begin(), store->audit_.upper_bound(records.through));
    }
    void operator()(const PoolRecord& record) { store->pool_ = record; }
    void operator()(const KeyRecord& record) { store->keys_[record.id] = record; }
    void operator()(const BucketRecord& record) {
      store->buckets_[{record.project, record.model}] = record;
    }
    void operator()(const ResourceRecord& record) { store->resources_[record.name] = record; }
    void operator()(const RemovedKeyRecord& record) { store->removed_[record.id] = record; }
    void operator()(const DeleteKey& key) { store->keys_.erase(key.id); }
    void operator()(const DeleteResource& resource) { store->resources_.erase(resource.name); }
    void operator()(const DeleteRemovedKey& key) { store->removed_.erase(key.id); }
    void operator()(const DeleteBucket& bucket) {
      store->buckets_.erase({bucket.name.project, bucket.name.model});
    }
    void operator()(const UsageRecord& record) { store->usage_[record.name] = record.counts; }
    void operator()(const DeleteUsage& usage) { store->usage_.erase(usage.name); }
    void operator()(const LimitRecord& record) { store->limits_[record.scope] = record; }
    void operator()(const DeleteLimit& limit) { store->limits_.erase(limit.scope); }
    void operator()(const ClientRecord& record) { store->clients_[record.name] = record; }
    void operator()(const ClientUseRecord& record) { store->client_use_[record.name] = record; }
    void operator()(const DeleteClient& client) {
      store->clients_.erase(client.name);
      store->client_use_.erase(client.name);
    }
    void operator()(const AdminTokenRecord& record) { store->admin_tokens_[record.name] = record; }
    void operator()(const DeleteAdminToken& token) { store->admin_tokens_.erase(token.name); }
  };
  std::vector<absl::Status> results;
  results.reserve(group.size());
  for (const QueuedCommit& commit : group) {
    if (commit.epoch.value() == 0 || commit.epoch.value() != epoch_) {
      results.push_back(FencedError(commit.epoch, Epoch{epoch_}));
      continue;
    }
    for (const policy::Mutation& mutation : commit.batch) std::visit(Writer{this}, mutation);
    results.push_back(absl::OkStatus());
  }
  return results;
}

}  // namespace keypool::store
