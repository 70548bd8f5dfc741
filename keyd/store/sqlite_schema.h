// The tables of the store's SQLite file.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "keyd/store/sqlite_db.h"

namespace keypool::store {

// In the file's header, so that no other program's database is taken for ours: "KPOL".
inline constexpr std::int64_t kApplicationId = 0x4b504f4c;
// Of tables and their columns; records have a version of their own.
inline constexpr std::int64_t kSchemaVersion = 1;

// Makes the schema in an empty file, adds what later versions have, and refuses a file that is not
// ours before anything is written. Errors: FAILED_PRECONDITION (another program's file, or a newer
// schema), DATA_LOSS, UNAVAILABLE.
absl::Status PrepareSqliteFile(const SqliteDb& db);

}  // namespace keypool::store
