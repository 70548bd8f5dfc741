// One accepted connection, with or without TLS. Used from the fake's only thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace keypool::fake {

class Transport {
 public:
  virtual ~Transport() = default;
  // True when the connection can be used (TLS: after the handshake).
  virtual boost::asio::awaitable<bool> Open() = 0;
  // 0: the peer closed or the connection broke.
  virtual boost::asio::awaitable<std::size_t> ReadSome(char* buffer, std::size_t size) = 0;
  // `data` must live until it returns. False: the connection broke.
  virtual boost::asio::awaitable<bool> Write(std::string_view data) = 0;
  // Ends the connection in an orderly way (FIN, close_notify).
  virtual boost::asio::awaitable<void> Close() = 0;
  // Of TLS; empty and false without.
  virtual std::string ServerName() const = 0;
  virtual bool Resumed() const = 0;
};

// `tls` may be null and must outlive the transport.
std::unique_ptr<Transport> MakeTransport(boost::asio::ip::tcp::socket socket,
                                         boost::asio::ssl::context* tls);

}  // namespace keypool::fake
