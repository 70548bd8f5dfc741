#include "tests/bench/lease/keyd_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keypool::bench {
namespace {

absl::Duration CpuTimeOf(clockid_t clock) {
  timespec used = {};
  if (clock_gettime(clock, &used) != 0) return absl::ZeroDuration();
  return absl::DurationFromTimespec(used);
}

[[noreturn]] void Exec(const std::string& program, const std::string& directory,
                       const std::string& store) {
  std::string keys;
  for (int i = 0; i < kKeys; ++i) absl::StrAppend(&keys, "bench-key-", i, "@project-", i, ",");
  keys.pop_back();
  setenv("DATA_DIR", directory.c_str(), 1);
  setenv("GEMINI_API_KEYS", keys.c_str(), 1);
  setenv("STORE", store.c_str(), 1);
  setenv("LOG_LEVEL", "WARNING", 1);
  setenv("DEFAULT_RPM_LIMIT", "1000000000", 1);
  setenv("DEFAULT_RPD_LIMIT", "1000000000", 1);
  setenv("DEFAULT_TPM_LIMIT", "1000000000000", 1);
  unsetenv("KEYD_LISTEN");
  execl(program.c_str(), program.c_str(), nullptr);
  _exit(127);
}

}  // namespace

absl::StatusOr<KeydProcess> KeydProcess::Start(const std::string& program,
                                               const std::string& store) {
  std::string directory = "/tmp/lease_bench.XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return absl::UnavailableError("mkdtemp");
  const pid_t pid = fork();
  if (pid < 0) return absl::UnavailableError("fork");
  if (pid == 0) Exec(program, directory, store);
  return KeydProcess(directory, pid);
}

KeydProcess::KeydProcess(KeydProcess&& other) noexcept
    : directory_(std::move(other.directory_)), pid_(std::exchange(other.pid_, 0)) {}

KeydProcess::~KeydProcess() {
  if (pid_ != 0) {
    kill(pid_, SIGTERM);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

absl::Duration KeydProcess::CpuTime() const {
  clockid_t clock = 0;
  return clock_getcpuclockid(pid_, &clock) == 0 ? CpuTimeOf(clock) : absl::ZeroDuration();
}

absl::Duration OwnCpuTime() { return CpuTimeOf(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace keypool::bench
