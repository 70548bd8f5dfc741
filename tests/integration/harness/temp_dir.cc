#include "tests/integration/harness/temp_dir.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "keyd/base/assert.h"

namespace keypool::itest {

TempDir::TempDir() {
  // Short, because the path of a unix socket has 107 bytes.
  path_ = (std::filesystem::temp_directory_path() / "kp-XXXXXX").string();
  KP_ASSERT(mkdtemp(path_.data()) != nullptr);
}

TempDir::~TempDir() {
  if (std::getenv("KEYPOOL_KEEP_TEMP") != nullptr) {
    std::fprintf(stderr, "kept %s\n", path_.c_str());
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Write(std::string_view name, std::string_view content) const {
  const std::string file = File(name);
  std::ofstream(file, std::ios::binary) << content;
  KP_ASSERT(chmod(file.c_str(), 0600) == 0);
  return file;
}

}  // namespace keypool::itest
