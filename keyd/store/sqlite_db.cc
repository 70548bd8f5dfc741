#include "keyd/store/sqlite_db.h"

#include <sqlite3.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::store {
namespace {

// How long to wait for another program (a backup, a shell) that has the file locked.
constexpr int kBusyTimeoutMs = 5'000;

std::string_view FixFor(int primary_code) {
  switch (primary_code) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "restore the file from a backup, or move it away to begin with an empty pool";
    case SQLITE_FULL:
      return "free space on its disk, then start keyd again";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program keeps it locked: end that program, then start keyd again";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return "let keyd's user write to the file and its directory, then start keyd again";
    default:
      return "check its disk (space, permissions, hardware), then start keyd again";
  }
}

}  // namespace

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : db_(other.db_),
      statement_(std::exchange(other.statement_, nullptr)),
      bind_error_(other.bind_error_) {}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

SqliteStatement& SqliteStatement::BindInt(int index, std::int64_t value) {
  if (const int rc = sqlite3_bind_int64(statement_, index, value); rc != SQLITE_OK)
    bind_error_ = rc;
  return *this;
}

SqliteStatement& SqliteStatement::BindText(int index, std::string_view value) {
  const int rc = sqlite3_bind_text64(statement_, index, value.empty() ? "" : value.data(),
                                     value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (rc != SQLITE_OK) bind_error_ = rc;
  return *this;
}

SqliteStatement& SqliteStatement::BindBlob(int index, std::string_view value) {
  const int rc = sqlite3_bind_blob64(statement_, index, value.empty() ? "" : value.data(),
                                     value.size(), SQLITE_STATIC);
  if (rc != SQLITE_OK) bind_error_ = rc;
  return *this;
}

absl::Status SqliteStatement::Run() {
  while (true) {
    const absl::StatusOr<bool> row = Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
  }
}

absl::StatusOr<bool> SqliteStatement::Step() {
  if (const int rc = std::exchange(bind_error_, SQLITE_OK); rc != SQLITE_OK) return db_->Error(rc);
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  absl::Status status = rc == SQLITE_DONE ? absl::OkStatus() : db_->Error(rc);
  Reset();
  if (!status.ok()) return status;
  return false;
}

void SqliteStatement::Reset() { sqlite3_reset(statement_); }

std::int64_t SqliteStatement::Int(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view SqliteStatement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), size};
}

absl::StatusOr<SqliteDb> SqliteDb::Open(const std::string& path) {
  sqlite3* raw = nullptr;
  // One thread at a time, so without SQLite's own locks.
  const int rc =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  SqliteDb db(path, raw);
  if (rc != SQLITE_OK) return db.Error(rc);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  return db;
}

SqliteDb::SqliteDb(SqliteDb&& other) noexcept
    : path_(std::move(other.path_)), db_(std::exchange(other.db_, nullptr)) {}

SqliteDb::~SqliteDb() { sqlite3_close(db_); }

absl::StatusOr<SqliteStatement> SqliteDb::Prepare(std::string_view sql) const {
  sqlite3_stmt* raw = nullptr;
  const int rc = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (rc != SQLITE_OK) return Error(rc);
  return SqliteStatement(this, raw);
}

absl::Status SqliteDb::Execute(const char* sql) const {
  const int rc = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? absl::OkStatus() : Error(rc);
}

absl::StatusOr<std::int64_t> SqliteDb::QueryInt(std::string_view sql) const {
  absl::StatusOr<SqliteStatement> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  if (!*row)
    return absl::DataLossError(absl::StrCat("'", path_, "' has no answer to ", ToAbsl(sql)));
  return statement->Int(0);
}

bool SqliteDb::InTransaction() const { return sqlite3_get_autocommit(db_) == 0; }

absl::Status SqliteDb::Error(int code) const {
  const int primary = code & 0xff;
  std::string text = absl::StrCat("'", path_, "': ", sqlite3_errstr(code));
  // The connection's own message belongs to the last call only, which may be another one.
  if (db_ != nullptr && sqlite3_extended_errcode(db_) == code) {
    if (std::string_view detail = sqlite3_errmsg(db_); detail != sqlite3_errstr(code)) {
      absl::StrAppend(&text, " (", ToAbsl(detail), ")");
    }
    const int system = sqlite3_system_errno(db_);
    const bool from_system = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
    if (from_system && system != 0) absl::StrAppend(&text, " (", std::strerror(system), ")");
  }
  absl::StrAppend(&text, "; ", ToAbsl(FixFor(primary)));
  const bool damaged = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
  return damaged ? absl::DataLossError(text) : absl::UnavailableError(text);
}

}  // namespace keypool::store
