// What the operator says about limits: in the file, which is read at the start, and at run time
// over it.
#pragma once

#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/policy/limits.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

// Not thread-safe. What changes it appends the records that must be written.
class LimitBook {
 public:
  LimitBook(const Limits& defaults, LimitRules file);

  // What holds: within each scope, what was said at run time over the file.
  const LimitRules& rules() const { return rules_; }

  // What the store remembers. Errors: DATA_LOSS (it says what cannot be said).
  absl::Status Restore(std::vector<LimitRecord> records);

  // Answers all that is said of the scope at run time. The scope and the numbers must be possible:
  // whoever reads them from outside has checked that. Errors: see admin.proto.
  absl::StatusOr<ScopeLimits> Set(const ScopeLimits& said, Mutations* mutations);
  absl::StatusOr<ScopeLimits> Unset(const UnsetLimitsCommand& command, Mutations* mutations);
  absl::StatusOr<ImportedLimits> Import(const ImportLimitsCommand& command, Mutations* mutations);

  LimitsPage Page(const LimitsQuery& query) const;

 private:
  using Said = std::map<LimitScopeName, ScopeLimits>;
  bool FileSays(const LimitScopeName& scope) const;
  void Write(const ScopeLimits& said, Mutations* mutations);
  void Combine();

  const Limits defaults_;
  const LimitRules file_;
  Said said_;  // at run time
  LimitRules rules_;
};

}  // namespace keypool::policy
