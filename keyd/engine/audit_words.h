// What the audit says of each command.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/admin.h"
#include "keyd/base/admin_tokens.h"
#include "keyd/base/audit.h"
#include "keyd/base/clients.h"
#include "keyd/base/operator_limits.h"

namespace keypool::engine {

// `added`: what became of it, for the id.
AuditEntry EntryOf(const AddKeyCommand& command, const absl::StatusOr<KeyStatus>& added);
AuditEntry EntryOf(const RemoveKeyCommand& command);
AuditEntry EntryOf(const DisableKeyCommand& command);
AuditEntry EntryOf(const EnableKeyCommand& command);
AuditEntry EntryOf(const ResetCommand& command);
AuditEntry EntryOf(const SetLimitsCommand& command);
AuditEntry EntryOf(const UnsetLimitsCommand& command);
AuditEntry EntryOf(const ImportLimitsCommand& command);
AuditEntry EntryOf(const ClientCommand& command);
AuditEntry EntryOf(const AdminTokenCommand& command);

// False: nobody has asked for a change, or it could be none.
template <class Command>
bool IsRecorded(const Command&, const absl::Status&) {
  return true;
}
inline bool IsRecorded(const AddKeyCommand& command, const absl::Status& result) {
  return result.ok() || !command.imported;
}

}  // namespace keypool::engine
