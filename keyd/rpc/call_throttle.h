// Calls that change nothing are many, and must not push everything else out of the audit: of those
// that are alike one is told in a while, with how many there were in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "keyd/base/audit.h"
#include "keyd/base/clock.h"
#include "keyd/base/mutex.h"

namespace keypool::rpc {

// Thread-safe.
class CallThrottle {
 public:
  static constexpr std::size_t kKindsMax = 1024;

  explicit CallThrottle(absl::Duration every) : every_(every) {}

  // What to record now, if anything. Calls of the same `kind` are alike. Of more than kKindsMax
  // kinds at a time those that are new are all told.
  std::optional<AuditEntry> Note(const std::string& kind, AuditEntry entry, MonoTime now) {
    const MutexLock lock(&mutex_);
    const auto found = kinds_.find(kind);
    if (found == kinds_.end()) {
      if (kinds_.size() == kKindsMax) ForgetOld(now);
      if (kinds_.size() < kKindsMax) kinds_[kind].told_at = now;
      return entry;
    }
    Kind& known = found->second;
    if (now - known.told_at < every_) {
      ++known.untold;
      return std::nullopt;
    }
    if (known.untold > 0) {
      entry.target = absl::StrCat("and ", known.untold, " more calls before it");
    }
    known = {now, 0};
    return entry;
  }

  // What Note has told could not be recorded: the next call of this kind is to be.
  void Forget(const std::string& kind) {
    const MutexLock lock(&mutex_);
    kinds_.erase(kind);
  }

 private:
  struct Kind {
    MonoTime told_at;
    std::int64_t untold = 0;
  };

  void ForgetOld(MonoTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    absl::erase_if(kinds_, [&](const auto& kind) { return now - kind.second.told_at >= every_; });
  }

  const absl::Duration every_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, Kind> kinds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keypool::rpc
