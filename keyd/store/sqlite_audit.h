// The audit's rows in the store's SQLite file. Transactions are the caller's.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/policy/types.h"
#include "keyd/store/sealer.h"
#include "keyd/store/sqlite_db.h"
#include "keyd/store/store.h"

namespace keypool::store {

// Not thread-safe.
class SqliteAudit {
 public:
  // Makes its tables where they are missing. `db` must outlive it. Errors: those of SqliteDb.
  static absl::StatusOr<std::unique_ptr<SqliteAudit>> Open(const SqliteDb& db);
  ~SqliteAudit();

  // What cannot be decoded is told with what was read. Errors: UNAVAILABLE, DATA_LOSS (the file).
  absl::StatusOr<policy::AuditSnapshot> ReadAll(const Sealer& sealer);
  absl::StatusOr<policy::AuditBasis> ReadBasis(const Sealer& sealer);
  absl::StatusOr<AuditRead> Read(const AuditRange& range, const Sealer& sealer);

  absl::Status Write(const AuditRecord& record);
  absl::Status Write(const policy::AuditState& state);
  absl::Status Write(const policy::AuditKeyRecord& record, const Sealer& sealer);
  absl::Status Write(const policy::DeleteAudit& records);

 private:
  struct Statements;
  explicit SqliteAudit(std::unique_ptr<Statements> statements);

  std::unique_ptr<Statements> statements_;
  std::string bytes_;  // the encoded row; kept for its capacity
};

}  // namespace keypool::store
