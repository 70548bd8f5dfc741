// What the operator should do next.
#pragma once

#include <string>

#include "keyd/base/admin.h"

namespace keypool::rpc {

// One sentence; empty when nothing is to be done.
std::string Advice(const PoolSummary& summary);

}  // namespace keypool::rpc
