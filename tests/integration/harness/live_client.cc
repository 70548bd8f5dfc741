#include "tests/integration/harness/live_client.h"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <chrono>
#include <utility>

namespace keypool::itest {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ssl = asio::ssl;
namespace websocket = beast::websocket;
using Error = boost::system::error_code;

namespace {

constexpr int kAbnormal = 1006;
constexpr const char* kHost = "localhost";

// A connection with or without TLS, as Beast takes one.
class Wire {
 public:
  using next_layer_type = asio::ip::tcp::socket;
  using executor_type = next_layer_type::executor_type;
  explicit Wire(asio::io_context& io) : stream_(io, context_) {}

  executor_type get_executor() { return stream_.get_executor(); }
  next_layer_type& next_layer() { return stream_.next_layer(); }
  const next_layer_type& next_layer() const { return stream_.next_layer(); }

  template <class Handler>
  void Encrypt(const std::string& authority, Handler handler) {
    encrypted_ = true;
    // Those of the context came too late for the stream.
    SSL* const tls = stream_.native_handle();
    SSL_CTX_load_verify_file(SSL_get_SSL_CTX(tls), authority.c_str());
    SSL_set_tlsext_host_name(tls, kHost);
    SSL_set1_host(tls, kHost);
    SSL_set_verify(tls, SSL_VERIFY_PEER, nullptr);
    stream_.async_handshake(ssl::stream_base::client, handler);
  }
  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (encrypted_) return stream_.async_read_some(buffers, std::forward<Handler>(handler));
    next_layer().async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (encrypted_) return stream_.async_write_some(buffers, std::forward<Handler>(handler));
    next_layer().async_write_some(buffers, std::forward<Handler>(handler));
  }
  template <class Handler>
  friend void async_teardown(beast::role_type role, Wire& wire, Handler&& handler) {
    if (wire.encrypted_) {
      beast::async_teardown(role, wire.stream_, std::forward<Handler>(handler));
    } else {
      websocket::async_teardown(role, wire.next_layer(), std::forward<Handler>(handler));
    }
  }

 private:
  ssl::context context_{ssl::context::tls_client};
  ssl::stream<next_layer_type> stream_;
  bool encrypted_ = false;
};

}  // namespace

struct LiveClient::Impl {
  // Runs one operation, started by `start` with a handler, to its end. An error when it takes too
  // long.
  template <class Start>
  Error Await(Start start) {
    std::optional<Error> result;
    start([&result](const Error& error, auto&&...) { result = error; });
    io.restart();
    io.run_for(std::chrono::nanoseconds(absl::ToInt64Nanoseconds(kDeadline)));
    if (!result) {
      // The handler refers to this frame.
      beast::get_lowest_layer(socket).close();
      io.restart();
      io.run();
      return asio::error::timed_out;
    }
    return *result;
  }

  asio::io_context io{1};
  websocket::stream<Wire> socket{io};
  websocket::response_type answer;
  int status = 0;
  std::string pong;
};

LiveClient::LiveClient(std::uint16_t port, LiveOptions options) : impl_(new Impl) {
  Impl& impl = *impl_;
  Error error;
  const asio::ip::tcp::endpoint proxy(asio::ip::address_v4::loopback(), port);
  beast::get_lowest_layer(impl.socket).connect(proxy, error);
  if (error) return;
  beast::get_lowest_layer(impl.socket).set_option(asio::ip::tcp::no_delay(true));
  if (!options.authority.empty()) {
    error = impl.Await(
        [&](auto handler) { impl.socket.next_layer().Encrypt(options.authority, handler); });
    if (error) return;
  }
  websocket::permessage_deflate deflate;
  deflate.client_enable = options.deflate;
  impl.socket.set_option(deflate);
  impl.socket.read_message_max(64 * 1024 * 1024);
  impl.socket.set_option(
      websocket::stream_base::decorator([&options](websocket::request_type& request) {
        for (const fake::Header& header : options.headers) {
          request.insert(header.name, header.value);
        }
      }));
  impl.socket.control_callback([&impl](websocket::frame_type kind, beast::string_view payload) {
    if (kind == websocket::frame_type::pong) impl.pong = std::string(payload);
  });
  impl.Await([&](auto handler) {
    impl.socket.async_handshake(impl.answer, kHost, options.target, handler);
  });
  impl.status = static_cast<int>(impl.answer.result_int());
  if (impl.answer.version() == 0) impl.status = 0;
}

LiveClient::~LiveClient() = default;

int LiveClient::status() const { return impl_->socket.is_open() ? 101 : impl_->status; }
std::string LiveClient::Header(const std::string& name) const {
  return std::string(impl_->answer[name]);
}
std::string LiveClient::body() const { return impl_->answer.body(); }

bool LiveClient::Send(const std::string& text) {
  const asio::const_buffer buffer(text.data(), text.size());
  return !impl_->Await([&](auto handler) { impl_->socket.async_write(buffer, handler); });
}

bool LiveClient::Setup(const std::string& model, const std::string& more) {
  return Send(R"({"setup":{"model":"models/)" + model + "\"" + more + "}}");
}

bool LiveClient::Say(const std::string& text) {
  return Send(R"({"clientContent":{"turns":[{"role":"user","parts":[{"text":")" + text +
              R"("}]}],"turnComplete":true}})");
}

std::optional<std::string> LiveClient::Receive() {
  beast::flat_buffer buffer;
  if (impl_->Await([&](auto handler) { impl_->socket.async_read(buffer, handler); })) {
    return std::nullopt;
  }
  return beast::buffers_to_string(buffer.data());
}

std::optional<std::string> LiveClient::ReceiveUntil(const std::string& part) {
  std::optional<std::string> message = Receive();
  while (message && message->find(part) == std::string::npos) message = Receive();
  return message;
}

bool LiveClient::Ping(const std::string& payload) {
  return !impl_->Await(
      [&](auto handler) { impl_->socket.async_ping(websocket::ping_data(payload), handler); });
}

const std::string& LiveClient::pong() const { return impl_->pong; }

int LiveClient::close_code() const {
  const int code = impl_->socket.reason().code;
  return code == 0 ? kAbnormal : code;
}
std::string LiveClient::close_reason() const {
  return std::string(impl_->socket.reason().reason.c_str());
}

bool LiveClient::Close(int code, const std::string& reason) {
  websocket::close_reason why;
  why.code = static_cast<std::uint16_t>(code);
  why.reason = reason;
  const Error error = impl_->Await([&](auto handler) { impl_->socket.async_close(why, handler); });
  // Over TLS the server's connection may be gone before ours says its last word: the frame counts.
  return !error || impl_->socket.reason();
}

void LiveClient::Abort() {
  auto& socket = beast::get_lowest_layer(impl_->socket);
  Error error;
  socket.set_option(asio::socket_base::linger(true, 0), error);
  socket.close(error);
}

}  // namespace keypool::itest
