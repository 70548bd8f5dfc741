#include "keyd/store/sqlite_tables.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/store/client_codec.h"
#include "keyd/store/codec.h"
#include "keyd/store/limits_codec.h"
#include "keyd/store/resource_codec.h"
#include "keyd/store/usage_codec.h"

namespace keypool::store {
namespace {

using policy::AuditKeyRecord;
using policy::AuditState;
using policy::BucketName;
using policy::BucketRecord;
using policy::ClientRecord;
using policy::ClientUseRecord;
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
using policy::Snapshot;
using policy::UsageName;
using policy::UsageRecord;

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

// Nothing is written before the file is known to be ours or empty.
absl::Status PrepareFile(const SqliteDb& db) {
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

// Runs `decode(statement) → Status` for every row.
template <class Decode>
absl::Status EachRow(const SqliteDb& db, std::string_view sql, Decode decode) {
  absl::StatusOr<SqliteStatement> statement = db.Prepare(sql);
  if (!statement.ok()) return statement.status();
  while (true) {
    const absl::StatusOr<bool> row = statement->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    KP_RETURN_IF_ERROR(decode(*statement));
  }
}

template <class T>
absl::Status Append(absl::StatusOr<T> record, std::vector<T>* out) {
  if (!record.ok()) return record.status();
  out->push_back(*std::move(record));
  return absl::OkStatus();
}

absl::Status AppendUsage(const SqliteStatement& row, Snapshot* snapshot) {
  const std::optional<UsageDimension> dimension = DimensionOfRow(row.Int(0));
  // Of a keyd that tells requests apart by more than this one does.
  if (!dimension) return absl::OkStatus();
  const UsageName name{*dimension, {row.Int(1), std::string(row.Bytes(2)), row.Int(3)}};
  return Append(DecodeUsage(name, row.Bytes(4)), &snapshot->usage);
}

// Leaves the last parameter of a put for the record.
SqliteStatement& BindUsage(SqliteStatement& statement, const UsageName& name) {
  return statement.BindInt(1, RowOf(name.dimension))
      .BindInt(2, name.place.day)
      .BindText(3, name.place.name)
      .BindInt(4, name.place.hour);
}

KeyId KeyIdIn(const SqliteStatement& row) { return KeyId{static_cast<std::uint64_t>(row.Int(0))}; }
std::int64_t RowOf(KeyId id) { return static_cast<std::int64_t>(id.value()); }

}  // namespace

struct SqliteTables::Statements {
  SqliteStatement begin, commit, read_epoch, write_epoch;
  SqliteStatement put_pool, put_key, put_bucket, put_removed;
  SqliteStatement delete_key, delete_bucket, delete_removed;
  SqliteStatement put_resource, delete_resource;
  SqliteStatement put_usage, delete_usage, put_limits, delete_limits, put_seal;
  SqliteStatement put_client, put_client_use, delete_client, delete_client_use;
};

SqliteTables::SqliteTables(const SqliteDb& db, std::unique_ptr<Statements> statements,
                           std::unique_ptr<SqliteAudit> audit)
    : db_(db), statements_(std::move(statements)), audit_(std::move(audit)) {}

SqliteTables::~SqliteTables() = default;

absl::StatusOr<std::unique_ptr<SqliteTables>> SqliteTables::Open(const SqliteDb& db) {
  KP_RETURN_IF_ERROR(PrepareFile(db));
  std::vector<SqliteStatement> made;
  for (const std::string_view sql :
       {"BEGIN IMMEDIATE",
        "COMMIT",
        "SELECT epoch FROM reign",
        "UPDATE reign SET epoch = ?1",
        "REPLACE INTO pool VALUES (1, ?1)",
        "REPLACE INTO keys VALUES (?1, ?2)",
        "REPLACE INTO buckets VALUES (?1, ?2, ?3)",
        "REPLACE INTO removed_keys VALUES (?1, ?2)",
        "DELETE FROM keys WHERE id = ?1",
        "DELETE FROM buckets WHERE project = ?1 AND model = ?2",
        "DELETE FROM removed_keys WHERE id = ?1",
        "REPLACE INTO resources VALUES (?1, ?2)",
        "DELETE FROM resources WHERE name = ?1",
        "REPLACE INTO usage VALUES (?1, ?2, ?3, ?4, ?5)",
        "DELETE FROM usage WHERE dimension = ?1 AND day = ?2 AND name = ?3 AND hour = ?4",
        "REPLACE INTO limits VALUES (?1, ?2)",
        "DELETE FROM limits WHERE scope = ?1",
        "REPLACE INTO seal VALUES (1, ?1, ?2)",
        "REPLACE INTO clients VALUES (?1, ?2)",
        "REPLACE INTO client_use VALUES (?1, ?2)",
        "DELETE FROM clients WHERE name = ?1",
        "DELETE FROM client_use WHERE name = ?1"}) {
    absl::StatusOr<SqliteStatement> statement = db.Prepare(sql);
    if (!statement.ok()) return statement.status();
    made.push_back(*std::move(statement));
  }
  auto next = made.begin();
  // Braces: evaluated from left to right, in the order of the list above.
  auto statements = std::unique_ptr<Statements>(
      new Statements{std::move(*next++), std::move(*next++), std::move(*next++), std::move(*next++),
                     std::move(*next++), std::move(*next++), std::move(*next++), std::move(*next++),
                     std::move(*next++), std::move(*next++), std::move(*next++), std::move(*next++),
                     std::move(*next++), std::move(*next++), std::move(*next++), std::move(*next++),
                     std::move(*next++), std::move(*next++), std::move(*next++), std::move(*next++),
                     std::move(*next++), std::move(*next++)});
  absl::StatusOr<std::unique_ptr<SqliteAudit>> audit = SqliteAudit::Open(db);
  if (!audit.ok()) return audit.status();
  return std::unique_ptr<SqliteTables>(
      new SqliteTables(db, std::move(statements), *std::move(audit)));
}

absl::Status SqliteTables::Begin() { return statements_->begin.Run(); }

absl::Status SqliteTables::Commit() { return statements_->commit.Run(); }

void SqliteTables::Rollback() {
  // SQLite ends a transaction by itself after some errors. A failure has no consequence: nothing of
  // this transaction was committed.
  if (db_.InTransaction()) db_.Execute("ROLLBACK").IgnoreError();
}

absl::StatusOr<Epoch> SqliteTables::ReadEpoch() {
  SqliteStatement& statement = statements_->read_epoch;
  const absl::StatusOr<bool> row = statement.Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("table reign, row 1: the row is missing");
  const Epoch epoch{static_cast<std::uint64_t>(statement.Int(0))};
  statement.Reset();
  return epoch;
}

absl::Status SqliteTables::WriteEpoch(Epoch epoch) {
  return statements_->write_epoch.BindInt(1, static_cast<std::int64_t>(epoch.value())).Run();
}

absl::StatusOr<SqliteTables::Seal> SqliteTables::ReadSeal() const {
  Seal seal;
  KP_RETURN_IF_ERROR(
      EachRow(db_, "SELECT master_key, remains FROM seal", [&](const SqliteStatement& row) {
        seal = {std::string(row.Bytes(0)), row.Int(1) != 0};
        return absl::OkStatus();
      }));
  return seal;
}

absl::Status SqliteTables::WriteSeal(const Seal& seal) {
  return statements_->put_seal.BindBlob(1, seal.master_key_id)
      .BindInt(2, seal.remains ? 1 : 0)
      .Run();
}

absl::StatusOr<std::vector<KeyRecord>> SqliteTables::ReadKeys() {
  std::vector<KeyRecord> keys;
  had_plain_secrets_ = false;
  KP_RETURN_IF_ERROR(
      EachRow(db_, "SELECT id, record FROM keys ORDER BY id", [&](const SqliteStatement& row) {
        had_plain_secrets_ |= SecretIsPlain(row.Bytes(1));
        return Append(DecodeKey(KeyIdIn(row), row.Bytes(1), *sealer_), &keys);
      }));
  return keys;
}

absl::StatusOr<Snapshot> SqliteTables::ReadAll() {
  Snapshot snapshot;
  KP_RETURN_IF_ERROR(EachRow(db_, "SELECT record FROM pool", [&](const SqliteStatement& row) {
    absl::StatusOr<PoolRecord> record = DecodePool(row.Bytes(0));
    if (record.ok()) snapshot.pool = *record;
    return record.status();
  }));
  absl::StatusOr<std::vector<KeyRecord>> keys = ReadKeys();
  if (!keys.ok()) return keys.status();
  snapshot.keys = *std::move(keys);
  KP_RETURN_IF_ERROR(EachRow(
      db_, "SELECT id, record FROM removed_keys ORDER BY id", [&](const SqliteStatement& row) {
        return Append(DecodeRemovedKey(KeyIdIn(row), row.Bytes(1)), &snapshot.removed);
      }));
  KP_RETURN_IF_ERROR(
      EachRow(db_, "SELECT project, model, record FROM buckets", [&](const SqliteStatement& row) {
        const BucketName name{ProjectId{std::string(row.Bytes(0))}, std::string(row.Bytes(1))};
        return Append(DecodeBucket(name, row.Bytes(2)), &snapshot.buckets);
      }));
  KP_RETURN_IF_ERROR(
      EachRow(db_, "SELECT name, record FROM resources", [&](const SqliteStatement& row) {
        return Append(DecodeResource(row.Bytes(0), row.Bytes(1)), &snapshot.resources);
      }));
  KP_RETURN_IF_ERROR(
      EachRow(db_, "SELECT dimension, day, name, hour, record FROM usage",
              [&](const SqliteStatement& row) { return AppendUsage(row, &snapshot); }));
  KP_RETURN_IF_ERROR(
      EachRow(db_, "SELECT scope, record FROM limits", [&](const SqliteStatement& row) {
        return Append(DecodeLimits(row.Bytes(0), row.Bytes(1)), &snapshot.limits);
      }));
  KP_RETURN_IF_ERROR(
      EachRow(db_, "SELECT name, record FROM clients", [&](const SqliteStatement& row) {
        return Append(DecodeClient(row.Bytes(0), row.Bytes(1)), &snapshot.clients);
      }));
  KP_RETURN_IF_ERROR(
      EachRow(db_, "SELECT name, record FROM client_use", [&](const SqliteStatement& row) {
        return Append(DecodeClientUse(row.Bytes(0), row.Bytes(1)), &snapshot.client_use);
      }));
  absl::StatusOr<policy::AuditSnapshot> audit = audit_->ReadAll(*sealer_);
  if (!audit.ok()) return audit.status();
  snapshot.audit = *std::move(audit);
  return snapshot;
}

struct SqliteTables::Writer {
  Statements& to;
  const Sealer& sealer;
  std::string& bytes;
  SqliteAudit& audit;
  absl::Status operator()(const AuditRecord& record) { return audit.Write(record); }
  absl::Status operator()(const AuditState& state) { return audit.Write(state); }
  absl::Status operator()(const AuditKeyRecord& record) { return audit.Write(record, sealer); }
  absl::Status operator()(const DeleteAudit& records) { return audit.Write(records); }
  absl::Status operator()(const PoolRecord& record) {
    EncodePool(record, &bytes);
    return to.put_pool.BindBlob(1, bytes).Run();
  }
  absl::Status operator()(const KeyRecord& record) {
    EncodeKey(record, sealer, &bytes);
    return to.put_key.BindInt(1, RowOf(record.id)).BindBlob(2, bytes).Run();
  }
  absl::Status operator()(const BucketRecord& record) {
    EncodeBucket(record, &bytes);
    return to.put_bucket.BindText(1, record.project.value())
        .BindText(2, record.model)
        .BindBlob(3, bytes)
        .Run();
  }
  absl::Status operator()(const RemovedKeyRecord& record) {
    EncodeRemovedKey(record, &bytes);
    return to.put_removed.BindInt(1, RowOf(record.id)).BindBlob(2, bytes).Run();
  }
  absl::Status operator()(const ResourceRecord& record) {
    EncodeResource(record, &bytes);
    return to.put_resource.BindText(1, record.name).BindBlob(2, bytes).Run();
  }
  absl::Status operator()(const DeleteResource& resource) {
    return to.delete_resource.BindText(1, resource.name).Run();
  }
  absl::Status operator()(const DeleteKey& key) {
    return to.delete_key.BindInt(1, RowOf(key.id)).Run();
  }
  absl::Status operator()(const DeleteRemovedKey& key) {
    return to.delete_removed.BindInt(1, RowOf(key.id)).Run();
  }
  absl::Status operator()(const DeleteBucket& bucket) {
    return to.delete_bucket.BindText(1, bucket.name.project.value())
        .BindText(2, bucket.name.model)
        .Run();
  }
  absl::Status operator()(const UsageRecord& record) {
    EncodeUsage(record, &bytes);
    return BindUsage(to.put_usage, record.name).BindBlob(5, bytes).Run();
  }
  absl::Status operator()(const DeleteUsage& usage) {
    return BindUsage(to.delete_usage, usage.name).Run();
  }
  absl::Status operator()(const LimitRecord& record) {
    EncodeLimits(record, &bytes);
    return to.put_limits.BindText(1, RowOf(record.scope)).BindBlob(2, bytes).Run();
  }
  absl::Status operator()(const DeleteLimit& limit) {
    return to.delete_limits.BindText(1, RowOf(limit.scope)).Run();
  }
  absl::Status operator()(const ClientRecord& record) {
    EncodeClient(record, &bytes);
    return to.put_client.BindText(1, record.name).BindBlob(2, bytes).Run();
  }
  absl::Status operator()(const ClientUseRecord& record) {
    EncodeClientUse(record, &bytes);
    return to.put_client_use.BindText(1, record.name).BindBlob(2, bytes).Run();
  }
  absl::Status operator()(const DeleteClient& client) {
    KP_RETURN_IF_ERROR(to.delete_client.BindText(1, client.name).Run());
    return to.delete_client_use.BindText(1, client.name).Run();
  }
};

absl::Status SqliteTables::Write(const policy::Mutation& mutation) {
  return std::visit(Writer{*statements_, *sealer_, record_, *audit_}, mutation);
}

}  // namespace keypool::store
