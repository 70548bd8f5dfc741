// The schema of the store's SQLite file and the rows in it. Transactions are the caller's.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/policy/types.h"
#include "keyd/store/sqlite_db.h"

namespace keypool::store {

// In the file's header, so that no other program's database is taken for ours: "KPOL".
inline constexpr std::int64_t kApplicationId = 0x4b504f4c;
// Of tables and their columns; records have a version of their own.
inline constexpr std::int64_t kSchemaVersion = 1;

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
  // Everything but the epoch. Errors: DATA_LOSS (table and row are named), UNAVAILABLE.
  absl::StatusOr<policy::Snapshot> ReadAll() const;
  absl::Status Write(const policy::Mutation& mutation);

 private:
  struct Statements;
  SqliteTables(const SqliteDb& db, std::unique_ptr<Statements> statements);

  const SqliteDb& db_;
  std::unique_ptr<Statements> statements_;
  std::string record_;  // the encoded row; kept for its capacity
};

}  // namespace keypool::store
