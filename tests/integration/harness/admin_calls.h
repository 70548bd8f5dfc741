// What an operator can ask keyd, blocking.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/client/admin_client.h"
#include "tests/integration/harness/process.h"

namespace keypool::itest {

// Thread-safe.
class AdminCalls {
 public:
  explicit AdminCalls(client::KeydAddress keyd);

  // All pages.
  absl::StatusOr<PoolStatus> Status();
  absl::StatusOr<KeyStatus> AddKey(const std::string& secret, const std::string& project);
  absl::Status RemoveKey(KeyId key);

  // Looks at the pool again and again until `condition` holds; false at the deadline.
  bool WaitForStatus(const std::function<bool(const PoolStatus&)>& condition,
                     absl::Duration deadline = kDeadline);

 private:
  std::unique_ptr<client::AdminClient> client_;
};

// Requests that the pool counts today, over all models.
std::int64_t UsedToday(const KeyStatus& key);

}  // namespace keypool::itest
