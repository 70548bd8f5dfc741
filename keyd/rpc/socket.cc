#include "keyd/rpc/socket.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "keyd/base/assert.h"

namespace keypool::rpc {

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

std::string ErrorText(int error) { return std::generic_category().message(error); }

bool WaitFor(int fd, short events, absl::Duration most) {
  pollfd socket = {fd, events, 0};
  const std::int64_t milliseconds = absl::ToInt64Milliseconds(most);
  return milliseconds > 0 && poll(&socket, 1, static_cast<int>(milliseconds)) > 0;
}

void AcceptUntil(const Socket& listener, const Socket& wake,
                 const std::function<void(Socket)>& take) {
  for (;;) {
    pollfd ready[] = {{listener.fd(), POLLIN, 0}, {wake.fd(), POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 && errno != EINTR) return;
    if (ready[1].revents != 0) return;
    Socket socket(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.ok()) {
      take(std::move(socket));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      WaitFor(wake.fd(), POLLIN, absl::Milliseconds(100));  // until some are closed
    }
  }
}

Socket MakeWake() {
  Socket wake(eventfd(0, EFD_CLOEXEC));
  KP_ASSERT(wake.ok());
  return wake;
}

void Wake(const Socket& wake) {
  const std::uint64_t one = 1;
  KP_ASSERT(write(wake.fd(), &one, sizeof(one)) == sizeof(one));
}

}  // namespace keypool::rpc
