// The client's side of a session: the bytes that came from it and were not used yet, and whether it
// is still there.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "absl/time/time.h"
#include "proxy/buffer_pool.h"
#include "proxy/client_patience.h"
#include "proxy/socket.h"
#include "proxy/task.h"
#include "proxy/timer_wheel.h"
#include "proxy/transport.h"
#include "proxy/wakeup.h"

namespace keypool::proxy {

// Why a wait ended early.
enum class Interrupt {
  kNone,
  kTimeout,  // the deadline has passed
  kGone,     // the client has closed its side, or the connection broke
};

// Used by one thread and one coroutine. Holds a buffer only from the first byte of a request to the
// end of its answer.
class ClientConnection {
 public:
  // `descriptor` is a connected, non-blocking socket, and `ssl` is over it; null for no TLS. The
  // others outlive the connection.
  ClientConnection(SocketEvents& events, int descriptor, TimerWheel& wheel, BufferPool& buffers,
                   const ClientPatience& patience, SslPtr ssl = nullptr);

  enum class Secured {
    kYes,
    kPlainHttp,  // the client does not speak TLS, and is answered without
    kNo,
  };
  // Shakes hands, until the deadline or until `*stop` turned true; without TLS it is done at once.
  // Holds no buffer.
  Task<Secured> Secure(const bool& stop);

  const ClientPatience& patience() const { return patience_; }
  Wakeup& wakeup() { return wakeup_; }
  // One deadline at a time: the new one replaces the one before.
  void SetDeadline(absl::Duration after) { wheel_.Arm(&timer_, after); }
  void ClearDeadline() { timer_.Disarm(); }
  // What a loop around wakeup().Wait() has to ask each time.
  Interrupt Interrupted();
  // False when the descriptor could not be registered.
  bool IsOpen() const { return transport_.IsOpen(); }
  bool OverTls() const { return transport_.ssl() != nullptr; }

  // Bytes that were read and not consumed. Views stay valid while they are pinned, or until the
  // next read.
  std::string_view Unread() const { return {block_.get() + begin_, end_ - begin_}; }
  void Consume(std::size_t bytes) { begin_ += bytes; }
  // Keeps all that was consumed so far where it is, until EndRequest.
  void Pin() { pinned_ = begin_; }

  // Bytes that fit from the first unread one on.
  std::size_t Room() const { return BufferPool::kBlockBytes - begin_; }

  // Waits until there is something to read, without a buffer. False: until the deadline, or until
  // `*stop` turned true (with a notification).
  Task<bool> AwaitReadable(const bool& stop);
  // The parts of ReadMore, for who waits for something else as well: one read, and a wait.
  IoStatus TryRead();
  void ArmRead() { transport_.Arm(read_wants_); }
  bool ReadArmed() const { return transport_.Armed(read_wants_); }
  // Waits for more bytes behind Unread. kNone: there are some.
  Task<Interrupt> ReadMore();
  // From now on Interrupted notices a client that goes away. What it sends early is kept, as far as
  // it fits.
  void Watch();
  // Unpins; what is unread is the start of the next request. Gives the buffer back if there is
  // nothing.
  void EndRequest();

  // Sends all of `parts`, which it changes. kNone: they are on their way.
  Task<Interrupt> Write(std::span<iovec> parts);
  // Sends `text`.
  Task<Interrupt> Write(std::string_view text);

  // The parts of Write, for who waits for something else as well.
  IoResult TryWrite(std::span<const iovec> parts) { return transport_.Write(parts); }
  void ArmWrite(IoStatus want) { transport_.Arm(want); }
  bool WriteArmed(IoStatus want) const { return transport_.Armed(want); }
  void KeepAlive() { transport_.KeepAlive(); }

  // Ends the connection so that the peer can still read what was sent: closing a socket with unread
  // bytes would destroy the answer on its way.
  Task<void> LingerClose();
  // Ends it in a way that cannot be taken for the end of a message.
  void Abort() { transport_.Reset(); }

 private:
  void Look();

  TimerWheel& wheel_;
  BufferPool& buffers_;
  const ClientPatience& patience_;
  Wakeup wakeup_;
  Timer timer_;
  Transport transport_;
  IoStatus read_wants_ = IoStatus::kWantRead;  // TLS may have to write first
  BufferPool::Block block_;
  std::size_t pinned_ = 0, begin_ = 0, end_ = 0;
  bool watching_ = false;
  bool gone_ = false;
};

}  // namespace keypool::proxy
