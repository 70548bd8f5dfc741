// A non-blocking stream socket: tried first, waited for only when it must be.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "proxy/socket_events.h"
#include "proxy/wakeup.h"

namespace keypool::proxy {

enum class IoStatus {
  kDone,       // some bytes went
  kWantRead,   // nothing went: try again when it is readable
  kWantWrite,  // … writable
  kEnd,        // the peer has ended its side in order
  kFailed,     // reset, or another error
};
struct IoResult {
  IoStatus status = IoStatus::kFailed;
  std::size_t bytes = 0;
};

// What is left of `parts` after `bytes` of it went. Changes the part that was cut.
std::span<iovec> Behind(std::span<iovec> parts, std::size_t bytes);

// Used by the thread of `events` only. Waiting is separate from reading: ArmRead asks to be told
// once, ReadArmed turns false when a read is worth a try, and the wakeup is notified. ReadArmed is
// false right away, and nothing is notified, while the last read has left it open whether there is
// more. One armed wait may serve several readers after each other.
class Socket {
 public:
  Socket() = default;
  // Takes the descriptor, which is non-blocking. `wakeup` must outlive the socket or the next
  // NotifyTo.
  Socket(SocketEvents& events, int descriptor, Wakeup* wakeup);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { Close(); }

  bool IsOpen() const { return impl_ != nullptr; }
  int Descriptor() const;
  // Null: nobody.
  void NotifyTo(Wakeup* wakeup);

  IoResult Read(char* to, std::size_t size);
  IoResult Write(std::span<const iovec> parts);
  // For who uses the descriptor: this is what came of it. Waits go by it.
  void Note(IoStatus status);
  // False: certainly nothing to read, and no end.
  bool MayBeReadable() const;

  void ArmRead();
  void ArmWrite();
  bool ReadArmed() const;
  bool WriteArmed() const;

  // Lets the kernel find out that a silent peer has gone without a word.
  void KeepAlive();
  void EndWriting();  // FIN
  void Close();
  void Reset();  // RST: the peer must not take this for an end in order

 private:
  struct Impl;
  Impl* impl_ = nullptr;
};

}  // namespace keypool::proxy
