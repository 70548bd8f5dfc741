// The pool in memory only: for tests and for trying things out. Forgets everything with the object.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "keyd/store/group_writer.h"
#include "keyd/store/store.h"

namespace keypool::store {

// Thread-safe.
class MemStore final : public Store {
 public:
  MemStore();

  absl::StatusOr<policy::Snapshot> Load() override;
  void Commit(Epoch epoch, policy::Mutations batch, Durability durability, Done done) override;
  void ReadAudit(AuditRange range, std::function<void(absl::StatusOr<AuditRead>)> done) override;
  absl::StatusOr<std::int64_t> Reseal(std::shared_ptr<const Sealer> sealer) override;

 private:
  std::vector<absl::Status> Write(std::span<const QueuedCommit> group);
  policy::Snapshot BeginReign();
  AuditRead Read(const AuditRange& range) const;

  // Touched by the writer's thread only.
  std::uint64_t epoch_ = 0;
  policy::PoolRecord pool_;
  std::map<KeyId, policy::KeyRecord> keys_;
  std::map<std::pair<ProjectId, std::string>, policy::BucketRecord> buckets_;
  std::map<std::string, policy::ResourceRecord> resources_;  // by name
  std::map<KeyId, policy::RemovedKeyRecord> removed_;
  std::map<policy::UsageName, UsageCounts> usage_;
  std::map<LimitScopeName, policy::LimitRecord> limits_;
  std::map<std::string, policy::ClientRecord> clients_;           // by name
  std::map<std::string, policy::ClientUseRecord> client_use_;     // by name
  std::map<std::string, policy::AdminTokenRecord> admin_tokens_;  // by name
  std::map<std::uint64_t, AuditRecord> audit_;                    // by number
  policy::AuditBasis audit_basis_;

  GroupWriter writer_;  // last: its thread ends before what it writes goes
};

}  // namespace keypool::store
