// The one place where an error of ours becomes gRPC's.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace keypool::rpc {

// The same code and message: both libraries number the codes alike.
grpc::Status ToGrpc(const absl::Status& status);

// What a call is answered while keyd stops.
absl::Status Stopping();

}  // namespace keypool::rpc
