#include "proxy/client_connection.h"

#include <cstring>

#include "keyd/base/assert.h"

namespace keypool::proxy {
namespace {

// What a client may still send after an answer that ends the connection, and for how long.
constexpr std::size_t kLingerBytesMax = 4 * 1024 * 1024;
constexpr absl::Duration kLingerMax = absl::Seconds(2);

}  // namespace

ClientConnection::ClientConnection(SocketEvents& events, int descriptor, TimerWheel& wheel,
                                   BufferPool& buffers)
    : wheel_(wheel), buffers_(buffers), timer_(&wakeup_), socket_(events, descriptor, &wakeup_) {}

Interrupt ClientConnection::Interrupted() {
  if (watching_ && !socket_.ReadArmed()) Look();
  if (gone_) return Interrupt::kGone;
  return timer_.Expired() ? Interrupt::kTimeout : Interrupt::kNone;
}

IoStatus ClientConnection::TryRead() {
  if (block_ == nullptr) block_ = buffers_.Take();
  if (begin_ == end_) begin_ = end_ = pinned_;
  KP_ASSERT(end_ < BufferPool::kBlockBytes);
  const IoResult result = socket_.Read(block_.get() + end_, BufferPool::kBlockBytes - end_);
  end_ += result.bytes;
  if (result.status == IoStatus::kEnd || result.status == IoStatus::kFailed) gone_ = true;
  return result.status;
}

void ClientConnection::Look() {
  if (end_ == BufferPool::kBlockBytes && begin_ != end_) {
    watching_ = false;  // as much as we keep; the rest waits in the kernel
    return;
  }
  const IoStatus status = TryRead();
  if (status == IoStatus::kDone || status == IoStatus::kWantRead) socket_.ArmRead();
}

void ClientConnection::Watch() {
  if (watching_) return;
  watching_ = true;
  socket_.ArmRead();
}

Task<bool> ClientConnection::AwaitReadable(const bool& stop) {
  if (!Unread().empty()) co_return true;
  socket_.ArmRead();
  while (socket_.ReadArmed()) {
    if (stop || timer_.Expired()) co_return false;
    co_await wakeup_.Wait();
  }
  co_return true;
}

Task<Interrupt> ClientConnection::ReadMore() {
  if (gone_) co_return Interrupt::kGone;
  for (;;) {
    // A wait that is armed says that nothing has come since the last look.
    if (!socket_.ReadArmed()) {
      const IoStatus status = TryRead();
      if (status == IoStatus::kDone) co_return Interrupt::kNone;
      if (status != IoStatus::kWantRead) co_return Interrupt::kGone;
      socket_.ArmRead();
    }
    while (socket_.ReadArmed()) {
      if (timer_.Expired()) co_return Interrupt::kTimeout;
      co_await wakeup_.Wait();
    }
  }
}

void ClientConnection::EndRequest() {
  watching_ = false;
  pinned_ = 0;
  timer_.Disarm();
  if (begin_ == end_) {
    block_.reset();
    begin_ = end_ = 0;
    return;
  }
  std::memmove(block_.get(), block_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

Task<Interrupt> ClientConnection::Write(std::span<iovec> parts) {
  for (;;) {
    const IoResult result = socket_.Write(parts);
    if (result.status == IoStatus::kFailed) {
      gone_ = true;
      co_return Interrupt::kGone;
    }
    parts = Behind(parts, result.bytes);
    if (parts.empty()) co_return Interrupt::kNone;
    SetDeadline(kWriteStallMax);
    socket_.ArmWrite();
    while (socket_.WriteArmed()) {
      const Interrupt interrupt = Interrupted();
      if (interrupt != Interrupt::kNone) co_return interrupt;
      co_await wakeup_.Wait();
    }
  }
}

Task<Interrupt> ClientConnection::Write(std::string_view text) {
  iovec part = {const_cast<char*>(text.data()), text.size()};
  co_return co_await Write(std::span<iovec>(&part, 1));
}

Task<void> ClientConnection::LingerClose() {
  if (gone_) co_return;
  socket_.EndWriting();
  EndRequest();
  SetDeadline(kLingerMax);
  for (std::size_t seen = 0; seen < kLingerBytesMax;) {
    begin_ = end_;
    const Interrupt interrupt = co_await ReadMore();
    if (interrupt != Interrupt::kNone) break;
    seen += Unread().size();
  }
  EndRequest();
}

}  // namespace keypool::proxy
