// How the audit looks at rest: its records, what is known of both its ends, and its key, sealed.
// The form and its rules are those of codec.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keyd/base/audit.h"
#include "keyd/policy/types.h"
#include "keyd/store/sealer.h"

namespace keypool::store {

// Replace `*out`.
void EncodeAudit(const AuditRecord& record, std::string* out);
void EncodeAuditState(const policy::AuditState& state, std::string* out);
// The key must be there.
void EncodeAuditKey(const policy::AuditKeyRecord& record, const Sealer& sealer, std::string* out);

// The record in `bytes`, filed under `number`. Errors: DATA_LOSS (damaged, of a newer version, of
// another row, or sealed with another master key).
absl::StatusOr<AuditRecord> DecodeAudit(std::uint64_t number, std::string_view bytes);
absl::StatusOr<policy::AuditState> DecodeAuditState(std::string_view bytes);
absl::StatusOr<policy::AuditKeyRecord> DecodeAuditKey(std::string_view bytes, const Sealer& sealer);

}  // namespace keypool::store
