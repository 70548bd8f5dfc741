#include "tests/fakes/gemini/transport.h"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <utility>

namespace keypool::fake {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(tcp::socket socket) : socket_(std::move(socket)) {}

  asio::awaitable<bool> Open() override { co_return true; }

  asio::awaitable<std::size_t> ReadSome(char* buffer, std::size_t size) override {
    Error error;
    const std::size_t n = co_await socket_.async_read_some(
        asio::buffer(buffer, size), asio::redirect_error(asio::use_awaitable, error));
    co_return error ? 0 : n;
  }

  asio::awaitable<bool> Write(std::string_view data) override {
    Error error;
    co_await asio::async_write(socket_, asio::buffer(data.data(), data.size()),
                               asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  asio::awaitable<void> Close() override {
    Error error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    socket_.close(error);
    co_return;
  }

  std::string ServerName() const override { return ""; }
  bool Resumed() const override { return false; }

 private:
  tcp::socket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(tcp::socket socket, asio::ssl::context& tls) : stream_(std::move(socket), tls) {}

  asio::awaitable<bool> Open() override {
    Error error;
    co_await stream_.async_handshake(asio::ssl::stream_base::server,
                                     asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  asio::awaitable<std::size_t> ReadSome(char* buffer, std::size_t size) override {
    Error error;
    const std::size_t n = co_await stream_.async_read_some(
        asio::buffer(buffer, size), asio::redirect_error(asio::use_awaitable, error));
    co_return error ? 0 : n;
  }

  asio::awaitable<bool> Write(std::string_view data) override {
    Error error;
    co_await asio::async_write(stream_, asio::buffer(data.data(), data.size()),
                               asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  asio::awaitable<void> Close() override {
    Error error;
    // Sends close_notify; the peer's is not waited for, because nothing can be received any more.
    stream_.next_layer().shutdown(tcp::socket::shutdown_receive, error);
    co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
    stream_.next_layer().shutdown(tcp::socket::shutdown_send, error);
    stream_.next_layer().close(error);
    co_return;
  }

  std::string ServerName() const override {
    // The handle is not changed, but Asio has no const access to it.
    auto& stream = const_cast<asio::ssl::stream<tcp::socket>&>(stream_);
    const char* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
  }

  bool Resumed() const override {
    auto& stream = const_cast<asio::ssl::stream<tcp::socket>&>(stream_);
    return SSL_session_reused(stream.native_handle()) == 1;
  }

 private:
  asio::ssl::stream<tcp::socket> stream_;
};

}  // namespace

std::unique_ptr<Transport> MakeTransport(tcp::socket socket, asio::ssl::context* tls) {
  Error error;
  socket.set_option(tcp::no_delay(true), error);
  if (tls == nullptr) return std::make_unique<PlainTransport>(std::move(socket));
  return std::make_unique<TlsTransport>(std::move(socket), *tls);
}

}  // namespace keypool::fake
