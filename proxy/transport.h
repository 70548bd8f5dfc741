// One connection's bytes, with or without TLS.
#pragma once

#include <span>
#include <utility>

#include "proxy/socket.h"
#include "proxy/ssl_ptr.h"

namespace keypool::proxy {

// Used by one thread.
class Transport {
 public:
  // `ssl` is over the same descriptor; null for no TLS.
  Transport(Socket socket, SslPtr ssl) : socket_(std::move(socket)), ssl_(std::move(ssl)) {}
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // kDone when TLS is up, and of the client's side the certificate is good; at once without TLS.
  IoStatus Handshake();
  const SSL* ssl() const { return ssl_.get(); }
  // From here on without TLS, of which nothing has been sent.
  void DropTls() { ssl_.reset(); }

  IoResult Read(char* to, std::size_t size);
  // After kWantRead or kWantWrite the same bytes must be offered again, in any parts.
  IoResult Write(std::span<const iovec> parts);

  // Asks for a notification when `want` (kWantRead or kWantWrite) is worth another try.
  void Arm(IoStatus want);
  bool Armed(IoStatus want) const;
  void NotifyTo(Wakeup* wakeup) { socket_.NotifyTo(wakeup); }
  // The kernel finds out when the peer is gone without a word.
  void KeepAlive() { socket_.KeepAlive(); }

  // True when a read would give bytes or the end, as far as can be told without one. With TLS it
  // looks behind what is no payload.
  bool HasBytes();
  // The first byte that came, which stays; 0 when there is none yet, or the end.
  char PeekFirst() const;

  bool IsOpen() const { return socket_.IsOpen(); }
  // Tells the peer that nothing more comes, in order.
  void EndWriting();
  void Reset() { socket_.Reset(); }

 private:
  IoResult OfTls(int result, std::size_t bytes);

  // ssl_ goes first: it writes to the socket no more, but it knows its descriptor.
  Socket socket_;
  SslPtr ssl_;
};

}  // namespace keypool::proxy
