#include "keyd/wire/library.h"

#include <grpc/grpc.h>

#include "absl/synchronization/mutex.h"

namespace keypool::wire {

void SetUpGrpc() {
  [[maybe_unused]] static const bool done = [] {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    // Never balanced by grpc_shutdown: the end of the process is soon enough.
    grpc_init();
    return true;
  }();
}

}  // namespace keypool::wire
