// The audit as it is written: numbers its records, chains them, and gives up the oldest ones. See
// store/audit_chain.h for what the chain is good for.
#pragma once

#include <deque>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keyd/base/audit.h"
#include "keyd/policy/types.h"

namespace keypool::engine {

// Not thread-safe.
class AuditLog {
 public:
  // Goes on behind what was `found`. Where that is damaged as a whole (its key, or what is known of
  // its end), it begins anew behind it, and every later check says so. It keeps `records_max`
  // records, and up to policy::kAuditLinkEvery more.
  AuditLog(policy::AuditSnapshot found, std::uint64_t records_max);

  // Adds the record to what will be committed. Texts are cut at kAuditTextBytesMax.
  void Append(AuditEntry entry, const absl::Status& result, absl::Time at,
              policy::Mutations* mutations);
  // To be called once all of a batch is appended, and before it is committed.
  void Finish(policy::Mutations* mutations);

 private:
  void BeginAnew(std::string_view why, std::uint64_t newest);
  void Add(AuditEntry entry, const absl::Status& result, absl::Time at,
           policy::Mutations* mutations);
  void GiveUpOldest(policy::Mutations* mutations);

  const std::uint64_t records_max_;
  SecretPtr key_;
  policy::AuditState state_;
  std::deque<policy::AuditLink> links_;  // behind state_.before_first, the oldest first
  bool key_is_new_ = false;
  bool dirty_ = false;  // appended to, and not finished
};

}  // namespace keypool::engine
