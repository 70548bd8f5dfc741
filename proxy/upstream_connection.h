// One connection to upstream, with or without TLS.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "keyd/base/clock.h"
#include "proxy/socket.h"
#include "proxy/tls_context.h"

namespace keypool::proxy {

// Used by one thread.
class UpstreamConnection {
 public:
  // `ssl` is null for plain HTTP.
  UpstreamConnection(Socket socket, SslPtr ssl)
      : socket_(std::move(socket)), ssl_(std::move(ssl)) {}
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  // kDone when TLS is up and the certificate is good; at once without TLS.
  IoStatus Handshake();
  const SSL* ssl() const { return ssl_.get(); }

  IoResult Read(char* to, std::size_t size);
  // After kWantRead or kWantWrite the same bytes must be offered again, in any parts.
  IoResult Write(std::span<const iovec> parts);

  // Asks for a notification when `want` (kWantRead or kWantWrite) is worth another try.
  void Arm(IoStatus want);
  bool Armed(IoStatus want) const;
  void NotifyTo(Wakeup* wakeup) { socket_.NotifyTo(wakeup); }

  // Between requests: true when the connection has ended, or something came that nobody asked for.
  bool Stale();

  // The pool's bookkeeping.
  MonoTime idle_since;

 private:
  IoResult OfTls(int result, std::size_t bytes);

  // ssl_ goes first: it writes to the socket no more, but it knows its descriptor.
  Socket socket_;
  SslPtr ssl_;
};

}  // namespace keypool::proxy
