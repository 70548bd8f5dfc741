// Programmer errors end the process, in release builds too. Never for network, file or peer data.
#pragma once

#include <string_view>

namespace keypool {
[[noreturn]] void AssertFailed(std::string_view condition, std::string_view file, int line);
}  // namespace keypool

#define KP_ASSERT(condition) \
  ((condition) ? (void)0 : ::keypool::AssertFailed(#condition, __FILE__, __LINE__))
