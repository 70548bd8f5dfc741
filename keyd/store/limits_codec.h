// How the record of an operator's limits looks at rest; the form and its rules are those of
// codec.h.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/policy/types.h"

namespace keypool::store {

// Replaces `*out`.
void EncodeLimits(const policy::LimitRecord& record, std::string* out);

// The record in `bytes`, filed in the store under `row`. Errors: DATA_LOSS, naming the table and
// the row: damaged, of a newer version, or of another row than the one it is filed under.
absl::StatusOr<policy::LimitRecord> DecodeLimits(std::string_view row, std::string_view bytes);

// Under what a scope is filed; no two scopes share a row.
std::string RowOf(const LimitScopeName& scope);

}  // namespace keypool::store
