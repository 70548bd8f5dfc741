#include "keyd/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace keypool {

void AssertFailed(std::string_view condition, std::string_view file, int line) {
  std::fprintf(stderr, "assertion failed: %.*s (%.*s:%d)\n", static_cast<int>(condition.size()),
               condition.data(), static_cast<int>(file.size()), file.data(), line);
  std::abort();
}

}  // namespace keypool
