#include "keyd/wire/library.h"

#include <grpc/grpc.h>

namespace keypool::wire {

void KeepGrpcLoaded() {
  // Never balanced by grpc_shutdown: the end of the process is soon enough.
  [[maybe_unused]] static const bool loaded = [] {
    grpc_init();
    return true;
  }();
}

}  // namespace keypool::wire
