#include "keyd/rpc/socket_path.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/base/log.h"
#include "keyd/base/status.h"
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

// The group first: until the mode follows, it means nothing.
absl::Status Share(const std::string& path, mode_t mode, const SocketGroup& group) {
  constexpr auto kSameOwner = static_cast<uid_t>(-1);
  if (lchown(path.c_str(), kSameOwner, group.id) != 0) {
    const int error = errno;
    const std::string problem =
        absl::StrCat("KEYD_SOCKET_GROUP: ", path, " cannot be given to group ", group.name, ": ",
                     ErrorText(error));
    if (error != EPERM) return absl::UnavailableError(problem);
    return absl::FailedPreconditionError(
        absl::StrCat(problem, "; make keyd's user a member of it (usermod -aG ", group.name,
                     " USER, and a new login), or name a group that it is in"));
  }
  if (chmod(path.c_str(), mode) == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("KEYD_SOCKET_GROUP: the mode of ", path, " cannot be set: ", ErrorText(errno)));
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

absl::StatusOr<SocketGroup> FindSocketGroup(const std::string& name_or_number) {
  constexpr std::size_t kEntryBytesMax = 256 * 1024;  // with all its members
  std::vector<char> buffer(kEntryBytesMax);
  group entry = {};
  group* found = nullptr;
  getgrnam_r(name_or_number.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return SocketGroup{entry.gr_gid, name_or_number};
  std::uint32_t number = 0;
  constexpr std::uint32_t kNone = static_cast<gid_t>(-1);
  if (absl::SimpleAtoi(name_or_number, &number) && number != kNone) {
    return SocketGroup{number, name_or_number};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("KEYD_SOCKET_GROUP: this machine has no group \"", name_or_number,
                   "\": make it (groupadd), or name one that `getent group` lists"));
}

absl::Status ShareSocket(const std::string& path, const SocketGroup& group,
                         const std::vector<std::string>& made) {
  for (const std::string& folder : made) {
    if (!path.starts_with(folder + "/")) continue;
    KP_RETURN_IF_ERROR(Share(folder, 0710, group));
  }
  KP_RETURN_IF_ERROR(Share(path, 0660, group));
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  struct stat info = {};
  if (stat(folder.c_str(), &info) != 0) return absl::OkStatus();
  const mode_t passes = info.st_gid == group.id ? S_IXGRP : S_IXOTH;
  if ((info.st_mode & passes) == 0) {
    log::Warning(
        "socket_out_of_reach",
        {{"folder", folder},
         {"group", group.name},
         {"fix", absl::StrCat("chgrp ", group.name, " ", folder, " && chmod g+x ", folder)}});
  }
  return absl::OkStatus();
}

absl::Status OpenSocket(const std::string& path, const SocketSharing& sharing) {
  if (sharing.group.empty()) return RestrictSocket(path);
  const absl::StatusOr<SocketGroup> group = FindSocketGroup(sharing.group);
  if (!group.ok()) return group.status();
  return ShareSocket(path, *group, sharing.made_folders);
}

}  // namespace keypool::rpc
