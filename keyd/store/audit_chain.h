// What ties the records of the audit together, so that nobody who can only write the database can
// change, remove, add or cut off one without its being noticed: values that need a key, which is
// sealed with the master key. An older copy of the whole database in place of it is not noticed.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "keyd/base/audit.h"
#include "keyd/base/secret.h"
#include "keyd/policy/types.h"
#include "keyd/store/store.h"

namespace keypool::store {

// A new one. Thread-safe.
SecretPtr MakeAuditKey();
// Of `record`, whose own value is not looked at, behind a record of value `before`. Pure.
AuditChain ChainOf(const Secret& key, const AuditChain& before, const AuditRecord& record);
// Of `state`, whose own is not looked at. Pure.
AuditChain MacOf(const Secret& key, const policy::AuditState& state);

// Walks along the audit, read by read from the oldest record on. Pure.
class AuditCheck {
 public:
  // Takes what lies behind the record `behind()`. True: it needs what is behind that.
  bool Take(const AuditRead& read);
  std::uint64_t behind() const { return at_.number; }
  const AuditVerdict& verdict() const { return verdict_; }

 private:
  bool CheckBasis(const AuditRead& read);
  bool CheckRow(const AuditRow& row, const policy::AuditBasis& basis);
  bool Broken(std::uint64_t number, std::string why);

  bool begun_ = false;
  policy::AuditLink at_;  // the last record that was checked
  AuditVerdict verdict_;
};

// Checks all of the audit in `store`, which must outlive it; commits get their turns in between.
// `done` runs once, on the store's thread. Errors: UNAVAILABLE; damage is a verdict.
void VerifyAudit(Store& store, std::function<void(absl::StatusOr<AuditVerdict>)> done);

}  // namespace keypool::store
