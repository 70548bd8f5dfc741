#include "keyd/store/store_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::store {
namespace {

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

absl::Status SystemError(const std::string& path, std::string_view what, int error) {
  return absl::UnavailableError(
      absl::StrCat("'", path, "': ", ToAbsl(what), ": ", std::strerror(error),
                   "; set DATA_DIR to a directory that keyd's user may write to"));
}

int OpenPrivate(const std::string& path) {
  return open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly);
}

absl::Status Tighten(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : SystemError(path, "cannot look at it", errno);
  }
  if ((info.st_mode & 07777) == kOwnerOnly) return absl::OkStatus();
  if (chmod(path.c_str(), kOwnerOnly) == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("'", path, "' holds secrets and others may read it; run: chmod 600 ", path));
}

// The holder wrote its process id; a lock file may also be empty for a moment.
std::string HolderOf(int fd) {
  char text[24];
  const ssize_t size = pread(fd, text, sizeof text, 0);
  std::int64_t pid = 0;
  if (size <= 0 || std::from_chars(text, text + size, pid).ec != std::errc{}) return "another keyd";
  return absl::StrCat("the keyd with process id ", pid);
}

// The entry of a new directory must survive a loss of power too.
void SyncDirectory(const std::filesystem::path& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

absl::StatusOr<StoreLock> StoreLock::Take(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int fd = OpenPrivate(lock_path);
  if (fd < 0) return SystemError(lock_path, "cannot open it", errno);
  StoreLock lock(fd);
  int rc = 0;
  do {
    rc = flock(fd, LOCK_EX | LOCK_NB);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0 && errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", path, "' is in use by ", HolderOf(fd),
                     "; stop that one, or give each its own DATA_DIR"));
  }
  if (rc != 0) return SystemError(lock_path, "cannot lock it", errno);
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) != 0 ||
      pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return SystemError(lock_path, "cannot write to it", errno);
  }
  return lock;
}

StoreLock::StoreLock(StoreLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

// The file stays: removing it would let two holders lock two files of the same name.
StoreLock::~StoreLock() {
  if (fd_ >= 0) close(fd_);
}

absl::Status MakeStoreDirectory(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::absolute(path).parent_path();
  std::filesystem::path made;
  for (const std::filesystem::path& part : directory) {
    const std::filesystem::path parent = made;
    made /= part;
    if (mkdir(made.c_str(), S_IRWXU) == 0) {
      SyncDirectory(parent);
      continue;
    }
    const int error = errno;
    std::error_code ignored;
    if (std::filesystem::is_directory(made, ignored)) continue;
    return SystemError(made.string(), "cannot make this directory", error);
  }
  return absl::OkStatus();
}

absl::Status MakeStoreFile(const std::string& path) {
  const int fd = OpenPrivate(path);
  if (fd < 0) return SystemError(path, "cannot open it", errno);
  close(fd);
  for (const char* sidecar : {"", "-wal", "-shm", "-journal"}) {
    KP_RETURN_IF_ERROR(Tighten(path + sidecar));
  }
  return absl::OkStatus();
}

}  // namespace keypool::store
