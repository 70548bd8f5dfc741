// Where the usage ledger keeps a name, remembered by who carries the name.
#pragma once

#include <cstdint>

namespace keypool::policy {

// A place that was given to another name since is recognised and looked up again.
struct UsagePlace {
  std::uint32_t at = 0;
  std::uint32_t generation = 0;  // 0: nowhere yet
};

}  // namespace keypool::policy
