// What RotateMasterKey does. The master key lives with keyd's settings, in a room that this one
// must not use, so it is handed in.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "keyd/base/admin.h"

namespace keypool::rpc {

// Blocks. One at a time; on a thread of its own.
using MasterKeyRotation = std::function<absl::StatusOr<RotatedMasterKey>()>;

}  // namespace keypool::rpc
