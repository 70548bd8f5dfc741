// Sockets that keyd listens on itself, because it has to know who is at the other end.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/time/time.h"

namespace keypool::rpc {

// Owns a file descriptor. Move-only.
class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket();
  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// What errno says.
std::string ErrorText(int error);

// True when `fd` is ready for `events` of poll before the deadline.
bool WaitFor(int fd, short events, absl::Duration most);

// Hands non-blocking connections to `take` until `wake` can be read.
void AcceptUntil(const Socket& listener, const Socket& wake,
                 const std::function<void(Socket)>& take);

// A socket that Wake makes readable, for good.
Socket MakeWake();
void Wake(const Socket& wake);

}  // namespace keypool::rpc
