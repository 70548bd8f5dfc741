// A fresh directory of a test's own, removed with the object.
#pragma once

#include <string>
#include <string_view>

namespace keypool::fakes {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // `name` inside of it.
  std::string File(std::string_view name) const;

 private:
  std::string path_;
};

}  // namespace keypool::fakes
