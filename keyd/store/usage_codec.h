// How a usage record looks at rest; the form and its rules are those of codec.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/policy/types.h"

namespace keypool::store {

// Replaces `*out`.
void EncodeUsage(const policy::UsageRecord& record, std::string* out);

// The record in `bytes`, filed in the store under `row`. Errors: DATA_LOSS, naming the table and
// the row: damaged, of a newer version, or of another row than the one it is filed under.
absl::StatusOr<policy::UsageRecord> DecodeUsage(const policy::UsageName& row,
                                                std::string_view bytes);

// A dimension as the row's number, which is part of the format; nothing for any other number.
std::int64_t RowOf(UsageDimension dimension);
std::optional<UsageDimension> DimensionOfRow(std::int64_t row);

}  // namespace keypool::store
