#include "proxy/client_connection.h"

#include <cstring>
#include <utility>

#include "keyd/base/assert.h"
#include "proxy/char_class.h"

namespace keypool::proxy {
namespace {

// What a client may still send after an answer that ends the connection, and for how long.
constexpr std::size_t kLingerBytesMax = 4 * 1024 * 1024;
constexpr absl::Duration kLingerMax = absl::Seconds(2);

}  // namespace

ClientConnection::ClientConnection(SocketEvents& events, int descriptor, TimerWheel& wheel,
                                   BufferPool& buffers, const ClientPatience& patience, SslPtr ssl)
    : wheel_(wheel),
      buffers_(buffers),
      patience_(patience),
      timer_(&wakeup_),
      transport_(Socket(events, descriptor, &wakeup_), std::move(ssl)) {}

Task<ClientConnection::Secured> ClientConnection::Secure(const bool& stop) {
  if (transport_.ssl() == nullptr) co_return Secured::kYes;
  bool first = true;
  for (IoStatus wants = IoStatus::kWantRead;;) {
    transport_.Arm(wants);
    while (transport_.Armed(wants)) {
      if (stop || timer_.Expired()) co_return Secured::kNo;
      co_await wakeup_.Wait();
    }
    // A record of TLS starts with a byte that is no letter.
    if (std::exchange(first, false) && Is(kTokenChar, transport_.PeekFirst())) {
      transport_.DropTls();
      co_return Secured::kPlainHttp;
    }
    wants = transport_.Handshake();
    if (wants == IoStatus::kDone) co_return Secured::kYes;
    if (wants != IoStatus::kWantRead && wants != IoStatus::kWantWrite) co_return Secured::kNo;
  }
}

Interrupt ClientConnection::Interrupted() {
  if (watching_ && !ReadArmed()) Look();
  if (gone_) return Interrupt::kGone;
  return timer_.Expired() ? Interrupt::kTimeout : Interrupt::kNone;
}

IoStatus ClientConnection::TryRead() {
  if (block_ == nullptr) block_ = buffers_.Take();
  if (begin_ == end_) begin_ = end_ = pinned_;
  KP_ASSERT(end_ < BufferPool::kBlockBytes);
  IoResult result = transport_.Read(block_.get() + end_, BufferPool::kBlockBytes - end_);
  end_ += result.bytes;
  const bool writes_first = result.status == IoStatus::kWantWrite;
  read_wants_ = writes_first ? IoStatus::kWantWrite : IoStatus::kWantRead;
  if (writes_first) result.status = IoStatus::kWantRead;
  if (result.status == IoStatus::kEnd || result.status == IoStatus::kFailed) gone_ = true;
  return result.status;
}

void ClientConnection::Look() {
  if (end_ == BufferPool::kBlockBytes && begin_ != end_) {
    watching_ = false;  // as much as we keep; the rest waits in the kernel
    return;
  }
  const IoStatus status = TryRead();
  if (status == IoStatus::kDone || status == IoStatus::kWantRead) ArmRead();
}

void ClientConnection::Watch() {
  if (watching_) return;
  watching_ = true;
  ArmRead();
}

Task<bool> ClientConnection::AwaitReadable(const bool& stop) {
  if (!Unread().empty()) co_return true;
  do {
    ArmRead();
    while (ReadArmed()) {
      if (stop || timer_.Expired()) co_return false;
      co_await wakeup_.Wait();
    }
    // Of TLS what came may be no payload.
  } while (transport_.ssl() != nullptr && !transport_.HasBytes());
  co_return true;
}

Task<Interrupt> ClientConnection::ReadMore() {
  if (gone_) co_return Interrupt::kGone;
  for (;;) {
    // A wait that is armed says that nothing has come since the last look.
    if (!ReadArmed()) {
      const IoStatus status = TryRead();
      if (status == IoStatus::kDone) co_return Interrupt::kNone;
      if (status != IoStatus::kWantRead) co_return Interrupt::kGone;
      ArmRead();
    }
    while (ReadArmed()) {
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
    const IoResult result = transport_.Write(parts);
    if (result.status == IoStatus::kFailed || result.status == IoStatus::kEnd) {
      gone_ = true;
      co_return Interrupt::kGone;
    }
    parts = Behind(parts, result.bytes);
    if (parts.empty()) co_return Interrupt::kNone;
    const IoStatus wants =
        result.status == IoStatus::kWantRead ? IoStatus::kWantRead : IoStatus::kWantWrite;
    SetDeadline(patience_.write_stall);
    transport_.Arm(wants);
    while (transport_.Armed(wants)) {
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
  transport_.EndWriting();
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
