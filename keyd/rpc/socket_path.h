// The file of keyd's unix socket: who may use it, and what an earlier keyd left there.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keypool::rpc {

// Removes the socket of a keyd that is gone. Errors, which name the path and the fix:
// FAILED_PRECONDITION (a living keyd listens there; something else than a socket is there; the
// directory is missing), PERMISSION_DENIED.
absl::Status ClearSocketPath(const std::string& path);

// Mode 0600. Errors: UNAVAILABLE.
absl::Status RestrictSocket(const std::string& path);

// A group that may use the socket beside its owner.
struct SocketGroup {
  gid_t id = 0;
  std::string name;  // as it was said
};
// By name or number. Errors, which name the setting and the fix: INVALID_ARGUMENT.
absl::StatusOr<SocketGroup> FindSocketGroup(const std::string& name_or_number);
// Mode 0660, for `group`, which may also pass those of the folders in `made` that lead there. Until
// then the socket stays as closed as it was. Errors, which name the setting and the fix:
// FAILED_PRECONDITION (keyd's user may not give it to this group), UNAVAILABLE.
absl::Status ShareSocket(const std::string& path, const SocketGroup& group,
                         const std::vector<std::string>& made);

// Who may use the socket beside its owner.
struct SocketSharing {
  std::string group = {};  // by name or number; empty: nobody
  // Folders that were made for this keyd, and that this group may pass therefore.
  std::vector<std::string> made_folders = {};
};
// From here on the socket file is for those whom it is meant for. Errors: those of RestrictSocket,
// FindSocketGroup and ShareSocket.
absl::Status OpenSocket(const std::string& path, const SocketSharing& sharing);

// New files of this process are its own user's only, for the time of this object. The mask belongs
// to the whole process: for use while it starts.
class PrivateUmask {
 public:
  PrivateUmask() : before_(umask(0077)) {}
  ~PrivateUmask() { umask(before_); }
  PrivateUmask(const PrivateUmask&) = delete;
  PrivateUmask& operator=(const PrivateUmask&) = delete;

 private:
  const mode_t before_;
};

}  // namespace keypool::rpc
