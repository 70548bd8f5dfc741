// The pool in one SQLite file: survives the end of keyd, and a loss of power as far as a commit
// asks for it.
//
// A thread of its own writes everything that is queued in one transaction (WAL). The transaction is
// fsynced when any commit in it asks for kPower. Whether the reign is still ours is read inside
// every transaction, so that a second keyd that took over ends this one's writing at once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keyd/store/group_writer.h"
#include "keyd/store/sqlite_db.h"
#include "keyd/store/sqlite_tables.h"
#include "keyd/store/store.h"
#include "keyd/store/store_file.h"

namespace keypool::store {

// The keys for the secrets of a file. `master_key_id`: of the key that its secrets are sealed with;
// empty when none are yet, so that a new key may be made.
using SealerSource =
    std::function<absl::StatusOr<std::shared_ptr<const Sealer>>(std::string_view master_key_id)>;

// Thread-safe.
class SqliteStore final : public Store {
 public:
  // Opens or makes the file and its directory; both for the owner's eyes only. The file is locked
  // as long as the object lives. Errors, each with the fix: FAILED_PRECONDITION (in use by another
  // keyd, another program's file, a newer schema), DATA_LOSS (damaged), UNAVAILABLE (the medium);
  // those of `sealer`.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& path,
                                                           const SealerSource& sealer);

  // Also checks the structure of the whole file: about 10 ms per 10,000 keys. Seals what an earlier
  // keyd has left plain, or sealed with a key that is no longer the first.
  absl::StatusOr<policy::Snapshot> Load() override;
  void Commit(Epoch epoch, policy::Mutations batch, Durability durability, Done done) override;
  void ReadAudit(AuditRange range, std::function<void(absl::StatusOr<AuditRead>)> done) override;
  absl::StatusOr<std::int64_t> Reseal(std::shared_ptr<const Sealer> sealer) override;

 private:
  SqliteStore(std::string path, StoreLock lock, std::unique_ptr<SqliteDb> db,
              std::unique_ptr<SqliteTables> tables);

  absl::StatusOr<policy::Snapshot> BeginReign();
  absl::StatusOr<policy::Snapshot> ReadAndTakeEpoch();
  absl::Status CheckStructure();
  absl::Status SealAnew(const std::vector<policy::KeyRecord>& keys, const SecretPtr& audit_key);
  absl::StatusOr<std::int64_t> ResealNow(std::shared_ptr<const Sealer> sealer);
  absl::StatusOr<std::int64_t> ReadAndSealAnew(std::shared_ptr<const Sealer> sealer);
  absl::Status WipeRemains();
  std::vector<absl::Status> WriteGroup(std::span<const QueuedCommit> group);
  absl::Status WriteTransaction(std::span<const QueuedCommit> group,
                                std::vector<absl::Status>* results);
  absl::Status SetDurability(Durability durability);

  const std::string path_;
  const StoreLock lock_;
  const std::unique_ptr<SqliteDb> db_;
  const std::unique_ptr<SqliteTables> tables_;

  // Touched by the writer's thread only.
  Epoch epoch_;          // of our reign; 0 before Load
  absl::Status poison_;  // of the commit that failed in this reign
  Durability durability_in_force_ = Durability::kPower;

  GroupWriter writer_;  // last: its thread ends before what it uses goes
};

}  // namespace keypool::store
