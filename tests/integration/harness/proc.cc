#include "tests/integration/harness/proc.h"

#include <poll.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "keyd/base/clock.h"

namespace keypool::itest {
namespace {

constexpr int kAskEveryMs = 5;

std::string ProcPath(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

// A line like "VmRSS:     1234 kB".
std::int64_t StatusBytes(pid_t pid, const std::string& field) {
  std::ifstream file(ProcPath(pid, "status"));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field + ":")) {
      return std::strtoll(line.c_str() + field.size() + 1, nullptr, 10) * 1024;
    }
  }
  return 0;
}

}  // namespace

std::int64_t ResidentBytes(pid_t pid) { return StatusBytes(pid, "VmRSS"); }
std::int64_t PeakResidentBytes(pid_t pid) { return StatusBytes(pid, "VmHWM"); }
std::int64_t AnonymousBytes(pid_t pid) { return StatusBytes(pid, "RssAnon"); }

std::vector<std::string> OpenFiles(pid_t pid) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator it(ProcPath(pid, "fd"), error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    files.push_back(std::filesystem::read_symlink(it->path(), gone).string());
  }
  return files;
}

bool WaitUntil(const std::function<bool()>& condition, absl::Duration deadline) {
  const MonoTime end = SystemClock().MonoNow() + deadline;
  while (!condition()) {
    if (SystemClock().MonoNow() >= end) return false;
    poll(nullptr, 0, kAskEveryMs);
  }
  return true;
}

}  // namespace keypool::itest
