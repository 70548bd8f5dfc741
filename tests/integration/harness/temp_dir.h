// A directory of one test's own, gone with it. Kept when the environment says KEYPOOL_KEEP_TEMP=1.
#pragma once

#include <string>
#include <string_view>

namespace keypool::itest {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Writes a file that only the owner may read; its path.
  std::string Write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

}  // namespace keypool::itest
