#include "keyd/base/audit.h"

#include "absl/strings/str_cat.h"

namespace keypool {

std::string AuditResultOf(const absl::Status& status) {
  if (status.ok()) return std::string(kAuditOk);
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
}

}  // namespace keypool
