#include "keyd/store/sqlite_schema.h"

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::store {
namespace {

constexpr char kSchema[] = R"sql(
CREATE TABLE reign (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL);
INSERT INTO reign VALUES (1, 0);
CREATE TABLE pool (one INTEGER PRIMARY KEY CHECK (one = 1), record BLOB NOT NULL);
CREATE TABLE keys (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE removed_keys (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE buckets (project TEXT NOT NULL, model TEXT NOT NULL, record BLOB NOT NULL,
                      PRIMARY KEY (project, model)) WITHOUT ROWID;
)sql";

// Came later than schema 1, which does not change for them: a keyd that does not know such a table
// does not look at it.
constexpr char kLaterTables[] = R"sql(
CREATE TABLE IF NOT EXISTS resources (name TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS usage (dimension INTEGER NOT NULL, day INTEGER NOT NULL,
                                  name TEXT NOT NULL, hour INTEGER NOT NULL, record BLOB NOT NULL,
                                  PRIMARY KEY (dimension, day, name, hour)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS limits (scope TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seal (one INTEGER PRIMARY KEY CHECK (one = 1),
                                 master_key BLOB NOT NULL, remains INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS clients (name TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS client_use (name TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS admin_tokens (name TEXT PRIMARY KEY, record BLOB NOT NULL)
                                         WITHOUT ROWID;
)sql";

// Removed secrets are overwritten where it costs no extra write; the log is cut back after a burst.
constexpr char kConnectionSettings[] = R"sql(
PRAGMA secure_delete = FAST;
PRAGMA journal_size_limit = 67108864;
PRAGMA synchronous = FULL;
)sql";

absl::Status CheckOurs(std::int64_t application, std::int64_t version, std::int64_t tables,
                       bool* is_new) {
  *is_new = application == 0 && version == 0 && tables == 0;
  if (*is_new) return absl::OkStatus();
  if (application != kApplicationId) {
    return absl::FailedPreconditionError(
        "this database belongs to another program; set DATA_DIR to a directory of keyd's own");
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store has schema ", version, ", this keyd knows schemas up to ",
                     kSchemaVersion, "; run the newer keyd that wrote it"));
  }
  if (version != kSchemaVersion) {
    return absl::DataLossError(absl::StrCat("the store has schema ", version,
                                            ", which no keyd wrote; restore it from a backup"));
  }
  return absl::OkStatus();
}

absl::Status UseWal(const SqliteDb& db) {
  absl::StatusOr<SqliteStatement> statement = db.Prepare("PRAGMA journal_mode = WAL");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  if (*row && statement->Bytes(0) == "wal") return absl::OkStatus();
  return absl::UnavailableError(
      "its file system has no shared memory for a write-ahead log; set DATA_DIR to a directory on "
      "a "
      "local disk");
}

}  // namespace

absl::Status PrepareSqliteFile(const SqliteDb& db) {
  std::int64_t values[3] = {};
  const std::string_view queries[3] = {"PRAGMA application_id", "PRAGMA user_version",
                                       "SELECT count(*) FROM sqlite_schema"};
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<std::int64_t> value = db.QueryInt(queries[i]);
    if (!value.ok()) return value.status();
    values[i] = *value;
  }
  bool is_new = false;
  KP_RETURN_IF_ERROR(CheckOurs(values[0], values[1], values[2], &is_new));
  KP_RETURN_IF_ERROR(UseWal(db));
  KP_RETURN_IF_ERROR(db.Execute(kConnectionSettings));
  if (!is_new) return db.Execute(kLaterTables);
  const std::string script = absl::StrCat("BEGIN IMMEDIATE;", kSchema, kLaterTables,
                                          "PRAGMA application_id = ", kApplicationId,
                                          "; PRAGMA user_version = ", kSchemaVersion, "; COMMIT;");
  return db.Execute(script.c_str());
}

}  // namespace keypool::store
