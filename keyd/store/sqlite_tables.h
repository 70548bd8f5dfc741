// The schema of the store's SQLite file and the rows in it. Transactions are the caller's.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/policy/types.h"
#include "keyd/store/sealer.h"
#include "keyd/store/sqlite_audit.h"
#include "keyd/store/sqlite_db.h"

namespace keypool::store {

// Not thread-safe.
class SqliteTables {
 public:
  // Makes the schema in an empty file, and refuses one that is not ours before anything is written.
  // `db` must outlive it. Errors: FAILED_PRECONDITION (another program's file, or a newer schema),
  // DATA_LOSS, UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<SqliteTables>> Open(const SqliteDb& db);

  ~SqliteTables();

  absl::Status Begin();  // takes the write lock
  absl::Status Commit();
  void Rollback();  // does nothing outside of a transaction

  absl::StatusOr<Epoch> ReadEpoch();
  absl::Status WriteEpoch(Epoch epoch);

  // With what the secrets are sealed.
  struct Seal {
    std::string master_key_id;  // empty: nothing was sealed yet
    bool remains = false;       // unused pages may have what was there before
  };
  absl::StatusOr<Seal> ReadSeal() const;
  absl::Status WriteSeal(const Seal& seal);
  // From now on. To be called before the first record is read or written.
  void Use(std::shared_ptr<const Sealer> sealer) { sealer_ = std::move(sealer); }
  const std::shared_ptr<const Sealer>& sealer() const { return sealer_; }

  // Everything but the epoch. Errors: DATA_LOSS (table and row are named), UNAVAILABLE.
  absl::StatusOr<policy::Snapshot> ReadAll();
  absl::StatusOr<std::vector<policy::KeyRecord>> ReadKeys();
  // The keys that were read last had secrets that no keyd had sealed.
  bool had_plain_secrets() const { return had_plain_secrets_; }
  absl::Status Write(const policy::Mutation& mutation);
  SqliteAudit& audit() const { return *audit_; }

 private:
  struct Statements;
  struct Writer;
  SqliteTables(const SqliteDb& db, std::unique_ptr<Statements> statements,
               std::unique_ptr<SqliteAudit> audit);

  const SqliteDb& db_;
  std::unique_ptr<Statements> statements_;
  std::unique_ptr<SqliteAudit> audit_;
  std::shared_ptr<const Sealer> sealer_;
  bool had_plain_secrets_ = false;
  std::string record_;  // the encoded row; kept for its capacity
};

}  // namespace keypool::store
