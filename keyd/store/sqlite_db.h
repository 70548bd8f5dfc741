// The few things that a store asks of SQLite's C interface, with owners and absl::Status.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace keypool::store {

class SqliteDb;

// A prepared statement; reset by whatever ends its run. Not thread-safe. The database must outlive
// it.
class SqliteStatement {
 public:
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&&) = delete;
  ~SqliteStatement();

  // Parameters count from 1. Text and blobs are not copied: they must live until the statement has
  // run. A value that cannot be bound fails the next Step or Run.
  SqliteStatement& BindInt(int index, std::int64_t value);
  SqliteStatement& BindText(int index, std::string_view value);
  SqliteStatement& BindBlob(int index, std::string_view value);

  // Runs to the end; rows are dropped.
  absl::Status Run();
  // Goes to the next row: false, and reset, after the last.
  absl::StatusOr<bool> Step();
  void Reset();

  // Columns of the present row count from 0. The bytes live until the next Step or Reset.
  std::int64_t Int(int column) const;
  std::string_view Bytes(int column) const;

 private:
  friend class SqliteDb;
  SqliteStatement(const SqliteDb* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}

  const SqliteDb* db_;
  sqlite3_stmt* statement_;
  int bind_error_ = 0;
};

// One connection. Not thread-safe; may be handed from thread to thread.
class SqliteDb {
 public:
  // Opens the file, which must exist. Errors: those of Error.
  static absl::StatusOr<SqliteDb> Open(const std::string& path);
  SqliteDb(SqliteDb&& other) noexcept;
  SqliteDb& operator=(SqliteDb&&) = delete;
  ~SqliteDb();

  absl::StatusOr<SqliteStatement> Prepare(std::string_view sql) const;
  // Runs one or several statements without parameters; rows are dropped.
  absl::Status Execute(const char* sql) const;
  // The first column of the first row, an integer.
  absl::StatusOr<std::int64_t> QueryInt(std::string_view sql) const;
  // True between BEGIN and the COMMIT or ROLLBACK that ends it.
  bool InTransaction() const;

  // What `code` means, with the file, the cause and the fix. DATA_LOSS: the content is damaged;
  // UNAVAILABLE: everything else.
  absl::Status Error(int code) const;

 private:
  SqliteDb(std::string path, sqlite3* db) : path_(std::move(path)), db_(db) {}

  std::string path_;
  sqlite3* db_;
};

}  // namespace keypool::store
