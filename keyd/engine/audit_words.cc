#include "keyd/engine/audit_words.h"

#include <string>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"
#include "keyd/base/ids.h"

namespace keypool::engine {
namespace {

AuditEntry Entry(std::string who, std::string_view what, std::string target) {
  return {std::move(who), std::string(what), std::move(target)};
}

std::string_view WhatOf(const AddClientCommand&) { return audit::kAddClient; }
std::string_view WhatOf(const SetClientCommand&) { return audit::kSetClient; }
std::string_view WhatOf(const RotateClientCommand&) { return audit::kRotateClient; }
std::string_view WhatOf(const RevokeClientCommand&) { return audit::kRevokeClient; }
std::string_view WhatOf(const RemoveClientCommand&) { return audit::kRemoveClient; }
std::string_view WhatOf(const AddAdminTokenCommand&) { return audit::kAddAdminToken; }
std::string_view WhatOf(const RotateAdminTokenCommand&) { return audit::kRotateAdminToken; }
std::string_view WhatOf(const RevokeAdminTokenCommand&) { return audit::kRevokeAdminToken; }

}  // namespace

AuditEntry EntryOf(const AddKeyCommand& command, const absl::StatusOr<KeyStatus>& added) {
  const std::string key = added.ok() ? ToString(added->id) : "a key";
  const std::string project =
      command.project ? absl::StrCat("project ", command.project->value()) : "a project of its own";
  return Entry(command.who, audit::kAddKey, absl::StrCat(key, " of ", project));
}

AuditEntry EntryOf(const RemoveKeyCommand& command) {
  return Entry(command.who, audit::kRemoveKey, ToString(command.key));
}

AuditEntry EntryOf(const DisableKeyCommand& command) {
  return Entry(command.who, audit::kDisableKey, ToString(command.key));
}

AuditEntry EntryOf(const EnableKeyCommand& command) {
  return Entry(command.who, audit::kEnableKey, ToString(command.key));
}

AuditEntry EntryOf(const ResetCommand& command) {
  return Entry(command.who, audit::kReset,
               command.key ? absl::StrCat("the project of ", ToString(*command.key))
                           : std::string("every project"));
}

AuditEntry EntryOf(const SetLimitsCommand& command) {
  return Entry(command.who, audit::kSetLimits, ToText(command.said));
}

AuditEntry EntryOf(const UnsetLimitsCommand& command) {
  return Entry(command.who, audit::kUnsetLimits, ToText(command.scope));
}

AuditEntry EntryOf(const ImportLimitsCommand& command) {
  return Entry(command.who, audit::kImportLimits,
               absl::StrCat(command.limits.size(), command.dry_run
                                                       ? " scopes, only to see what that would do"
                                                       : " scopes, in place of all before"));
}

AuditEntry EntryOf(const AdminTokenCommand& command) {
  return std::visit([](const auto& c) { return Entry(c.who, WhatOf(c), c.name); }, command);
}

AuditEntry EntryOf(const ClientCommand& command) {
  return std::visit([](const auto& c) { return Entry(c.who, WhatOf(c), c.name); }, command);
}

}  // namespace keypool::engine
