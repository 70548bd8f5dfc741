// The version of all programs, as CMakeLists.txt states it.
#pragma once

#include <string_view>

namespace keypool {
std::string_view Version();
}  // namespace keypool
