// What callers try that their role may not, for the audit: so that nobody can push everything else
// out of it, one a minute is told, with how many there were in between.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "keyd/base/audit.h"
#include "keyd/base/clock.h"
#include "keyd/base/mutex.h"

namespace keypool::rpc {

inline constexpr absl::Duration kDeniedEvery = absl::Minutes(1);

// Thread-safe.
class DeniedCalls {
 public:
  // What to record now, if anything.
  std::optional<AuditEntry> Note(AuditEntry entry, MonoTime now) {
    const MutexLock lock(&mutex_);
    if (told_at_ && now - *told_at_ < kDeniedEvery) {
      ++untold_;
      return std::nullopt;
    }
    told_at_ = now;
    if (untold_ > 0) entry.target = absl::StrCat("and ", untold_, " more calls before it");
    untold_ = 0;
    return entry;
  }

 private:
  Mutex mutex_;
  std::optional<MonoTime> told_at_ ABSL_GUARDED_BY(mutex_);
  std::int64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace keypool::rpc
