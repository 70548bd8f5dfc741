#include "tests/integration/harness/programs.h"

#include <cstdlib>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"

namespace keypool::itest {
namespace {

#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER)
constexpr bool kBuiltWithSanitizer = true;
#else
constexpr bool kBuiltWithSanitizer = false;
#endif

const char* OtherFolder() { return std::getenv("KEYPOOL_PROGRAMS"); }

}  // namespace

std::string Program(std::string_view name) {
  const char* folder = OtherFolder();
  return absl::StrCat(folder == nullptr ? KEYPOOL_BUILT_PROGRAMS : folder, "/", std::string(name));
}

// Other programs than those built with the tests are there for their sanitizer.
bool ProgramsAreSanitized() { return kBuiltWithSanitizer || OtherFolder() != nullptr; }

}  // namespace keypool::itest
