#include "proxy/socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <utility>

#include "keyd/base/assert.h"

namespace keypool::proxy {

namespace asio = boost::asio;

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

// Outlives the Socket until its last wait has come back.
struct Socket::Impl {
  using Executor = asio::io_context::executor_type;
  enum Direction { kRead, kWrite };

  Impl(asio::io_context& io, Wakeup* w) : descriptor(io), wakeup(w) {}

  // One wait. Comes back by being called, or by being destroyed with the io_context.
  class Wait {
   public:
    Wait(Impl* impl, Direction direction) : impl_(impl), direction_(direction) {}
    Wait(Wait&& other) noexcept
        : impl_(std::exchange(other.impl_, nullptr)), direction_(other.direction_) {}
    ~Wait() {
      if (impl_ != nullptr) impl_->Back(direction_, /*notify=*/false);
    }
    void operator()(const boost::system::error_code&) {
      std::exchange(impl_, nullptr)->Back(direction_, /*notify=*/true);
    }

   private:
    Impl* impl_;
    Direction direction_;
  };

  void Arm(Direction direction) {
    if (armed[direction]) return;
    armed[direction] = true;
    descriptor.async_wait(direction == kRead ? descriptor.wait_read : descriptor.wait_write,
                          Wait(this, direction));
  }

  void Back(Direction direction, bool notify) {
    armed[direction] = false;
    if (orphaned) {
      if (!armed[kRead] && !armed[kWrite]) delete this;
    } else if (notify && wakeup != nullptr) {
      wakeup->Notify();
    }
  }

  asio::posix::basic_stream_descriptor<Executor> descriptor;
  Wakeup* wakeup;
  bool armed[2] = {false, false};
  bool orphaned = false;
};

Socket::Socket(asio::io_context& io, int descriptor, Wakeup* wakeup) : impl_(new Impl(io, wakeup)) {
  boost::system::error_code error;
  impl_->descriptor.assign(descriptor, error);
  if (error) {
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

int Socket::Descriptor() const { return impl_->descriptor.native_handle(); }

void Socket::NotifyTo(Wakeup* wakeup) { impl_->wakeup = wakeup; }

IoResult Socket::Read(char* to, std::size_t size) {
  KP_ASSERT(size > 0);
  for (;;) {
    const ssize_t n = ::recv(Descriptor(), to, size, 0);
    if (n > 0) return {IoStatus::kDone, static_cast<std::size_t>(n)};
    if (n == 0) return {IoStatus::kEnd, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoStatus::kWantRead, 0};
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
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoStatus::kWantWrite, 0};
    return {IoStatus::kFailed, 0};
  }
}

void Socket::ArmRead() { impl_->Arm(Impl::kRead); }
void Socket::ArmWrite() { impl_->Arm(Impl::kWrite); }
bool Socket::ReadArmed() const { return impl_ != nullptr && impl_->armed[Impl::kRead]; }
bool Socket::WriteArmed() const { return impl_ != nullptr && impl_->armed[Impl::kWrite]; }

void Socket::EndWriting() {
  if (impl_ != nullptr) ::shutdown(Descriptor(), SHUT_WR);
}

void Socket::Close() {
  if (impl_ == nullptr) return;
  Impl* impl = std::exchange(impl_, nullptr);
  boost::system::error_code ignored;
  impl->orphaned = true;
  const bool waits = impl->armed[Impl::kRead] || impl->armed[Impl::kWrite];
  impl->descriptor.close(ignored);
  if (!waits) delete impl;
}

void Socket::Reset() {
  if (impl_ == nullptr) return;
  const linger at_once = {1, 0};
  ::setsockopt(Descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

}  // namespace keypool::proxy
