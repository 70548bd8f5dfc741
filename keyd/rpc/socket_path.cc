#include "keyd/rpc/socket_path.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/rpc/socket.h"

namespace keypool::rpc {
namespace {

absl::Status Refuse(const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("KEYD_LISTEN: ", path, ": ", std::string(why)));
}

// 0 when somebody accepts connections at `path`, else errno.
int Knock(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  KP_ASSERT(path.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.data(), path.size());
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = result == 0 ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

absl::Status ClearSocketPath(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) {
      const std::size_t slash = path.rfind('/');
      const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
      if (access(directory.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
      return Refuse(path, "its directory " + directory + " cannot be used: " + ErrorText(errno));
    }
    return Refuse(path, ErrorText(errno));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Refuse(path, "something else than a socket is there: remove it or choose another path");
  }
  const int error = Knock(path);
  // EAGAIN: somebody listens, and is too busy to accept.
  if (error == 0 || error == EAGAIN) {
    return Refuse(path,
                  "another keyd listens there: stop it, or give this one a DATA_DIR of its own");
  }
  if (error != ECONNREFUSED) return Refuse(path, ErrorText(error));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Refuse(path, "left by a keyd that is gone, and cannot be removed: " + ErrorText(errno));
  }
  return absl::OkStatus();
}

absl::Status RestrictSocket(const std::string& path) {
  if (chmod(path.c_str(), 0600) == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("KEYD_LISTEN: ", path, ": cannot set its mode to 0600: ", ErrorText(errno)));
}

}  // namespace keypool::rpc
