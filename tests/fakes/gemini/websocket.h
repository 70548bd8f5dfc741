// The server's side of a WebSocket (RFC 6455) with permessage-deflate (RFC 7692), straightforward
// and strict: what a client must not send is not read.
#pragma once

#include <zlib.h>

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/fakes/gemini/http_message.h"
#include "tests/fakes/gemini/transport.h"

namespace keypool::fake {

bool AsksForWebSocket(const RequestHead& head);

// The head of 101 for `head`: takes the first subprotocol and permessage-deflate where they are
// offered.
struct Handshake {
  std::string wire;
  bool deflates = false;
};
Handshake AcceptWebSocket(const RequestHead& head);

// Used by one coroutine.
class WebSocket {
 public:
  // `unread`: what came behind the request's head.
  WebSocket(Transport& transport, std::string unread, bool deflates);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  struct Message {
    enum class Kind { kData, kPing, kPong, kClose };
    Kind kind = Kind::kData;
    std::string payload;
    bool packed = false;
  };
  // Nothing: the connection ended, or what came is no WebSocket's. Pings are not answered.
  boost::asio::awaitable<std::optional<Message>> Read();

  // False: the connection broke.
  boost::asio::awaitable<bool> WriteBinary(std::string text);
  // A text message in frames of `bytes`, perhaps with a ping behind the first; never packed.
  boost::asio::awaitable<bool> WriteTextInPieces(std::string text, std::size_t bytes, bool ping);
  boost::asio::awaitable<bool> WriteControl(Message::Kind kind, std::string payload);
  boost::asio::awaitable<bool> WriteClose(int code, std::string reason);

 private:
  struct Frame {
    int opcode = 0;
    bool fin = false;
    bool rsv1 = false;
    std::string payload;
  };
  boost::asio::awaitable<std::optional<Frame>> ReadFrame();
  boost::asio::awaitable<bool> Await(std::size_t bytes);
  boost::asio::awaitable<bool> Write(int first_byte, std::string payload);
  std::string Pack(std::string_view text);
  std::optional<std::string> Unpack(std::string packed);

  Transport& transport_;
  std::string unread_;
  const bool deflates_;
  z_stream packer_{}, unpacker_{};
};

}  // namespace keypool::fake
