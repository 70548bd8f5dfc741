// The file of keyd's unix socket: who may use it, and what an earlier keyd left there.
#pragma once

#include <sys/stat.h>

#include <string>

#include "absl/status/status.h"

namespace keypool::rpc {

// Removes the socket of a keyd that is gone. Errors, which name the path and the fix:
// FAILED_PRECONDITION (a living keyd listens there; something else than a socket is there; the
// directory is missing), PERMISSION_DENIED.
absl::Status ClearSocketPath(const std::string& path);

// Mode 0600. Errors: UNAVAILABLE.
absl::Status RestrictSocket(const std::string& path);

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
