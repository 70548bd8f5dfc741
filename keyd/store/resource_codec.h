// How the record of a resource looks at rest; the form and its rules are those of codec.h.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/policy/types.h"

namespace keypool::store {

// Replaces `*out`. Times are kept as by codec.h.
void EncodeResource(const policy::ResourceRecord& record, std::string* out);

// The record in `bytes`, filed in the store under `row`, the name. Errors: DATA_LOSS, naming the
// table and the row: damaged, of a newer version, or of another row than the one it is filed under.
absl::StatusOr<policy::ResourceRecord> DecodeResource(std::string_view row, std::string_view bytes);

}  // namespace keypool::store
