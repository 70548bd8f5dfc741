#include "keyd/store/sqlite_tables.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/base/status.h"
#include "keyd/store/client_codec.h"
#include "keyd/store/codec.h"
#include "keyd/store/limits_codec.h"
#include "keyd/store/resource_codec.h"
#include "keyd/store/sqlite_schema.h"
#include "keyd/store/usage_codec.h"

namespace keypool::store {
namespace {

using policy::AdminTokenRecord;
using policy::AuditKeyRecord;
using policy::AuditState;
using policy::BucketName;
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
using policy::Snapshot;
using policy::UsageName;
using policy::UsageRecord;

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

// Of a table whose rows are a name and the record that is filed under it.
template <class T>
absl::Status ReadNamed(const SqliteDb& db, std::string_view sql,
                       absl::StatusOr<T> (*decode)(std::string_view, std::string_view),
                       std::vector<T>* out) {
  return EachRow(db, sql, [&](const SqliteStatement& row) {
    return Append(decode(row.Bytes(0), row.Bytes(1)), out);
  });
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
  SqliteStatement put_admin_token, delete_admin_token;

  // In the order in which they are declared.
  static std::unique_ptr<Statements> From(std::vector<SqliteStatement> made) {
    constexpr std::size_t kCount = sizeof(Statements) / sizeof(SqliteStatement);
    KP_ASSERT(made.size() == kCount);
    const auto take = [&made]<std::size_t... I>(std::index_sequence<I...>) {
      return std::unique_ptr<Statements>(new Statements{std::move(made[I])...});
    };
    return take(std::make_index_sequence<kCount>());
  }
};

SqliteTables::SqliteTables(const SqliteDb& db, std::unique_ptr<Statements> statements,
                           std::unique_ptr<SqliteAudit> audit)
    : db_(db), statements_(std::move(statements)), audit_(std::move(audit)) {}

SqliteTables::~SqliteTables() = default;

absl::StatusOr<std::unique_ptr<SqliteTables>> SqliteTables::Open(const SqliteDb& db) {
  KP_RETURN_IF_ERROR(PrepareSqliteFile(db));
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
        "DELETE FROM client_use WHERE name = ?1",
        "REPLACE INTO admin_tokens VALUES (?1, ?2)",
        "DELETE FROM admin_tokens WHERE name = ?1"}) {
    absl::StatusOr<SqliteStatement> statement = db.Prepare(sql);
    if (!statement.ok()) return statement.status();
    made.push_back(*std::move(statement));
  }
  absl::StatusOr<std::unique_ptr<SqliteAudit>> audit = SqliteAudit::Open(db);
  if (!audit.ok()) return audit.status();
  return std::unique_ptr<SqliteTables>(
      new SqliteTables(db, Statements::From(std::move(made)), *std::move(audit)));
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
      ReadNamed(db_, "SELECT name, record FROM resources", DecodeResource, &snapshot.resources));
  KP_RETURN_IF_ERROR(
      EachRow(db_, "SELECT dimension, day, name, hour, record FROM usage",
              [&](const SqliteStatement& row) { return AppendUsage(row, &snapshot); }));
  KP_RETURN_IF_ERROR(
      ReadNamed(db_, "SELECT scope, record FROM limits", DecodeLimits, &snapshot.limits));
  KP_RETURN_IF_ERROR(
      ReadNamed(db_, "SELECT name, record FROM clients", DecodeClient, &snapshot.clients));
  KP_RETURN_IF_ERROR(
      ReadNamed(db_, "SELECT name, record FROM client_use", DecodeClientUse, &snapshot.client_use));
  KP_RETURN_IF_ERROR(ReadNamed(db_, "SELECT name, record FROM admin_tokens", DecodeAdminToken,
                               &snapshot.admin_tokens));
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
  absl::Status operator()(const AdminTokenRecord& record) {
    EncodeAdminToken(record, &bytes);
    return to.put_admin_token.BindText(1, record.name).BindBlob(2, bytes).Run();
  }
  absl::Status operator()(const DeleteAdminToken& token) {
    return to.delete_admin_token.BindText(1, token.name).Run();
  }
};

absl::Status SqliteTables::Write(const policy::Mutation& mutation) {
  return std::visit(Writer{*statements_, *sealer_, record_, *audit_}, mutation);
}

}  // namespace keypool::store
