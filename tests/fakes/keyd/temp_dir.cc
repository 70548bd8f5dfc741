#include "tests/fakes/keyd/temp_dir.h"

#include <stdlib.h>

#include <filesystem>

#include "keyd/base/assert.h"

namespace keypool::fakes {

TempDir::TempDir() {
  path_ = (std::filesystem::temp_directory_path() / "keypool-test-XXXXXX").string();
  KP_ASSERT(mkdtemp(path_.data()) != nullptr);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::File(std::string_view name) const {
  return (std::filesystem::path(path_) / name).string();
}

}  // namespace keypool::fakes
