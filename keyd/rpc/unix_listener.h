// keyd's unix socket. keyd accepts its connections itself: gRPC would not say who has made them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "keyd/rpc/socket_path.h"

namespace keypool::rpc {

// Thread-safe.
class UnixListener {
 public:
  // Takes a connection over: a non-blocking socket. `who`: the user at the other end, as the kernel
  // says, like "uid 1000 (ada)". Called on the listener's thread.
  using OnConnection = std::function<void(std::string who, int fd)>;

  // Listens at `path`, where nothing may be yet, for the owner and those of `sharing`. Errors:
  // UNAVAILABLE (KEYD_LISTEN and the path are named), those of OpenSocket.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Start(const std::string& path,
                                                             const SocketSharing& sharing,
                                                             OnConnection on_connection);
  // Stop.
  virtual ~UnixListener() = default;

  // Takes no more, and removes its file. Idempotent; blocks until done.
  virtual void Stop() = 0;
};

}  // namespace keypool::rpc
