#include "keyd/store/sqlite_audit.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/store/audit_codec.h"

namespace keypool::store {
namespace {

using policy::AuditBasis;
using policy::AuditKeyRecord;
using policy::AuditSnapshot;
using policy::AuditState;
using policy::DeleteAudit;

constexpr char kTables[] = R"sql(
CREATE TABLE IF NOT EXISTS audit (number INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS audit_state (one INTEGER PRIMARY KEY CHECK (one = 1),
                                        record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS audit_key (one INTEGER PRIMARY KEY CHECK (one = 1),
                                      record BLOB NOT NULL);
)sql";

std::int64_t RowOf(std::uint64_t number) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(number, INT64_MAX));
}

AuditRow RowIn(const SqliteStatement& statement) {
  AuditRow row;
  row.record.number = static_cast<std::uint64_t>(statement.Int(0));
  absl::StatusOr<AuditRecord> record = DecodeAudit(row.record.number, statement.Bytes(1));
  if (record.ok()) {
    row.record = *std::move(record);
  } else {
    row.damage = std::string(record.status().message());
  }
  return row;
}

// What `decode` makes of the only row of a table; nothing of an empty table, and of a damaged row,
// which is told.
template <class T, class Decode>
absl::StatusOr<std::optional<T>> ReadOne(SqliteStatement& select, std::string_view what,
                                         std::string* damage, Decode decode) {
  const absl::StatusOr<bool> there = select.Step();
  if (!there.ok()) return there.status();
  if (!*there) return std::optional<T>();
  absl::StatusOr<T> record = decode(select.Bytes(0));
  select.Reset();
  if (record.ok()) return std::optional<T>(*std::move(record));
  *damage = absl::StrCat(ToAbsl(what), ": ", record.status().message());
  return std::optional<T>();
}

}  // namespace

struct SqliteAudit::Statements {
  SqliteStatement put_record, put_state, put_key, delete_records;
  SqliteStatement get_state, get_key, get_newest, get_links, oldest_first, newest_first;
};

SqliteAudit::SqliteAudit(std::unique_ptr<Statements> statements)
    : statements_(std::move(statements)) {}

SqliteAudit::~SqliteAudit() = default;

absl::StatusOr<std::unique_ptr<SqliteAudit>> SqliteAudit::Open(const SqliteDb& db) {
  KP_RETURN_IF_ERROR(db.Execute(kTables));
  const std::string links = absl::StrCat("SELECT number, record FROM audit WHERE number % ",
                                         policy::kAuditLinkEvery, " = 0 ORDER BY number");
  std::vector<SqliteStatement> made;
  for (const std::string_view sql :
       {std::string_view("REPLACE INTO audit VALUES (?1, ?2)"),
        std::string_view("REPLACE INTO audit_state VALUES (1, ?1)"),
        std::string_view("REPLACE INTO audit_key VALUES (1, ?1)"),
        std::string_view("DELETE FROM audit WHERE number <= ?1"),
        std::string_view("SELECT record FROM audit_state"),
        std::string_view("SELECT record FROM audit_key"),
        std::string_view("SELECT ifnull(max(number), 0) FROM audit"), std::string_view(links),
        std::string_view("SELECT number, record FROM audit WHERE number > ?1 "
                         "ORDER BY number LIMIT ?2"),
        std::string_view("SELECT number, record FROM audit WHERE number < ?1 "
                         "ORDER BY number DESC LIMIT ?2")}) {
    absl::StatusOr<SqliteStatement> statement = db.Prepare(sql);
    if (!statement.ok()) return statement.status();
    made.push_back(*std::move(statement));
  }
  auto next = made.begin();
  // Braces: evaluated from left to right, in the order of the list above.
  auto statements = std::unique_ptr<Statements>(
      new Statements{std::move(*next++), std::move(*next++), std::move(*next++), std::move(*next++),
                     std::move(*next++), std::move(*next++), std::move(*next++), std::move(*next++),
                     std::move(*next++), std::move(*next++)});
  return std::unique_ptr<SqliteAudit>(new SqliteAudit(std::move(statements)));
}

absl::StatusOr<AuditBasis> SqliteAudit::ReadBasis(const Sealer& sealer) {
  AuditBasis basis;
  absl::StatusOr<std::optional<AuditState>> state =
      ReadOne<AuditState>(statements_->get_state, "what is known of its end", &basis.damage,
                          [](std::string_view bytes) { return DecodeAuditState(bytes); });
  if (!state.ok()) return state.status();
  basis.state = *std::move(state);
  absl::StatusOr<std::optional<AuditKeyRecord>> key = ReadOne<AuditKeyRecord>(
      statements_->get_key, "the key of the audit", &basis.damage,
      [&sealer](std::string_view bytes) { return DecodeAuditKey(bytes, sealer); });
  if (!key.ok()) return key.status();
  if (key->has_value()) basis.key = (*key)->key;
  return basis;
}

absl::StatusOr<AuditSnapshot> SqliteAudit::ReadAll(const Sealer& sealer) {
  AuditSnapshot snapshot;
  absl::StatusOr<AuditBasis> basis = ReadBasis(sealer);
  if (!basis.ok()) return basis.status();
  snapshot.basis = *std::move(basis);
  SqliteStatement& newest = statements_->get_newest;
  const absl::StatusOr<bool> there = newest.Step();
  if (!there.ok()) return there.status();
  if (*there)
    snapshot.newest = static_cast<std::uint64_t>(std::max<std::int64_t>(0, newest.Int(0)));
  newest.Reset();
  SqliteStatement& links = statements_->get_links;
  while (true) {
    const absl::StatusOr<bool> row = links.Step();
    if (!row.ok()) return row.status();
    if (!*row) return snapshot;
    const AuditRow read = RowIn(links);
    if (read.damage.empty()) snapshot.links.push_back({read.record.number, read.record.chain});
  }
}

absl::StatusOr<AuditRead> SqliteAudit::Read(const AuditRange& range, const Sealer& sealer) {
  AuditRead read;
  absl::StatusOr<AuditBasis> basis = ReadBasis(sealer);
  if (!basis.ok()) return basis.status();
  read.basis = *std::move(basis);
  const bool forward = range.from == AuditRange::From::kOldest;
  SqliteStatement& rows = forward ? statements_->oldest_first : statements_->newest_first;
  const std::int64_t behind = range.behind == 0 && !forward ? INT64_MAX : RowOf(range.behind);
  rows.BindInt(1, behind).BindInt(2, RowOf(range.rows_max + 1));
  while (true) {
    const absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    if (!*row) return read;
    read.more = read.rows.size() == range.rows_max;
    if (!read.more) read.rows.push_back(RowIn(rows));
  }
}

absl::Status SqliteAudit::Write(const AuditRecord& record) {
  EncodeAudit(record, &bytes_);
  return statements_->put_record.BindInt(1, RowOf(record.number)).BindBlob(2, bytes_).Run();
}

absl::Status SqliteAudit::Write(const AuditState& state) {
  EncodeAuditState(state, &bytes_);
  return statements_->put_state.BindBlob(1, bytes_).Run();
}

absl::Status SqliteAudit::Write(const AuditKeyRecord& record, const Sealer& sealer) {
  EncodeAuditKey(record, sealer, &bytes_);
  return statements_->put_key.BindBlob(1, bytes_).Run();
}

absl::Status SqliteAudit::Write(const DeleteAudit& records) {
  return statements_->delete_records.BindInt(1, RowOf(records.through)).Run();
}

}  // namespace keypool::store
