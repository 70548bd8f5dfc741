#include "proxy/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>

#include "keyd/base/assert.h"

namespace keypool::proxy {

std::span<iovec> Behind(std::span<iovec> parts, std::size_t bytes) {
  while (!parts.empty() && bytes >= parts.front().iov_len) {
    bytes -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (bytes > 0) {
    KP_ASSERT(!parts.empty());
    parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + bytes;
    parts.front().iov_len -= bytes;
  }
  return parts;
}

// Outlives the Socket while events for it may be in hand.
struct Socket::Impl final : SocketEvents::Listener {
  enum Direction { kRead, kWrite };

  Impl(SocketEvents& e, int fd, Wakeup* w) : events(e), descriptor(fd), wakeup(w) {}

  void Arm(Direction direction) { armed[direction] = !open[direction]; }

  void OnEvents(std::uint32_t what) override {
    if (descriptor < 0) return;
    // An error or an end is found by reading or writing.
    constexpr std::uint32_t kEnds = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((what & kEnds) != 0) ended = true;
    bool notify = false;
    if ((what & (EPOLLIN | kEnds)) != 0) notify = Open(kRead);
    if ((what & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) notify = Open(kWrite) || notify;
    if (notify && wakeup != nullptr) wakeup->Notify();
  }

  // True: somebody waited for it.
  bool Open(Direction direction) {
    open[direction] = true;
    return std::exchange(armed[direction], false);
  }

  SocketEvents& events;
  int descriptor;
  Wakeup* wakeup;
  // A try may get somewhere: no event has been missed since a try that did not.
  bool open[2] = {false, false};
  bool armed[2] = {false, false};
  bool ended = false;  // the peer's side: there is no other event for it
};

Socket::Socket(SocketEvents& events, int descriptor, Wakeup* wakeup)
    : impl_(new Impl(events, descriptor, wakeup)) {
  if (!events.Watch(descriptor, impl_)) {
    ::close(descriptor);
    delete std::exchange(impl_, nullptr);
  }
}

Socket::Socket(Socket&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    Close();
    impl_ = std::exchange(other.impl_, nullptr);
  }
  return *this;
}

int Socket::Descriptor() const { return impl_->descriptor; }

void Socket::NotifyTo(Wakeup* wakeup) { impl_->wakeup = wakeup; }

IoResult Socket::Read(char* to, std::size_t size) {
  KP_ASSERT(size > 0);
  for (;;) {
    const ssize_t n = ::recv(Descriptor(), to, size, 0);
    if (n > 0) {
      // Less than there was room for: the next bytes make an event, an end may have made it
      // already.
      if (static_cast<std::size_t>(n) < size) impl_->open[Impl::kRead] = impl_->ended;
      return {IoStatus::kDone, static_cast<std::size_t>(n)};
    }
    if (n == 0) return {IoStatus::kEnd, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      Note(IoStatus::kWantRead);
      return {IoStatus::kWantRead, 0};
    }
    return {IoStatus::kFailed, 0};
  }
}

IoResult Socket::Write(std::span<const iovec> parts) {
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  for (;;) {
    const ssize_t n = ::sendmsg(Descriptor(), &message, MSG_NOSIGNAL);
    if (n >= 0) return {IoStatus::kDone, static_cast<std::size_t>(n)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      Note(IoStatus::kWantWrite);
      return {IoStatus::kWantWrite, 0};
    }
    return {IoStatus::kFailed, 0};
  }
}

void Socket::Note(IoStatus status) {
  if (status == IoStatus::kWantRead) impl_->open[Impl::kRead] = false;
  if (status == IoStatus::kWantWrite) impl_->open[Impl::kWrite] = false;
}

bool Socket::MayBeReadable() const { return impl_->open[Impl::kRead]; }

void Socket::ArmRead() { impl_->Arm(Impl::kRead); }
void Socket::ArmWrite() { impl_->Arm(Impl::kWrite); }
bool Socket::ReadArmed() const { return impl_ != nullptr && impl_->armed[Impl::kRead]; }
bool Socket::WriteArmed() const { return impl_ != nullptr && impl_->armed[Impl::kWrite]; }

void Socket::KeepAlive() {
  constexpr int kOn = 1, kIdleSeconds = 60, kIntervalSeconds = 20, kProbes = 3;
  if (impl_ == nullptr) return;
  const int fd = Descriptor();
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &kOn, sizeof(kOn));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof(kIdleSeconds));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kIntervalSeconds, sizeof(kIntervalSeconds));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof(kProbes));
}

void Socket::EndWriting() {
  if (impl_ != nullptr) ::shutdown(Descriptor(), SHUT_WR);
}

void Socket::Close() {
  if (impl_ == nullptr) return;
  std::unique_ptr<Impl> impl(std::exchange(impl_, nullptr));
  ::close(std::exchange(impl->descriptor, -1));
  SocketEvents& events = impl->events;
  events.Retire(std::move(impl));
}

void Socket::Reset() {
  if (impl_ == nullptr) return;
  const linger at_once = {1, 0};
  ::setsockopt(Descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

}  // namespace keypool::proxy
