// How the records of those who have a token look at rest: a client, what it has used, and an admin
// token. The form and its rules are those of codec.h.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/policy/types.h"

namespace keypool::store {

// Replace `*out`.
void EncodeClient(const policy::ClientRecord& record, std::string* out);
void EncodeClientUse(const policy::ClientUseRecord& record, std::string* out);
void EncodeAdminToken(const policy::AdminTokenRecord& record, std::string* out);

// The record in `bytes`, filed under `name`. Errors: DATA_LOSS, naming the table and the row:
// damaged, of a newer version, or of another row than the one it is filed under.
absl::StatusOr<policy::ClientRecord> DecodeClient(std::string_view name, std::string_view bytes);
absl::StatusOr<policy::ClientUseRecord> DecodeClientUse(std::string_view name,
                                                        std::string_view bytes);
absl::StatusOr<policy::AdminTokenRecord> DecodeAdminToken(std::string_view name,
                                                          std::string_view bytes);

}  // namespace keypool::store
