// A Live session as Gemini serves it: BidiGenerateContent over a WebSocket.
//
// What the client says in its text decides what happens: "close CODE REASON" closes, "cut" ends the
// connection without a word, "go away" announces the end, "ping" sends a ping, "text TEXT" answers
// TEXT in a text frame, "pieces BYTES TEXT" in frames of BYTES, "pings BYTES TEXT" with a ping
// behind the first of these, everything else is echoed as a turn with its usage. A session whose
// setup asks for resumption gets a handle with the setup and with each turn.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/fakes/gemini/api.h"
#include "tests/fakes/gemini/shared.h"
#include "tests/fakes/gemini/transport.h"
#include "tests/fakes/gemini/websocket.h"

namespace keypool::fake {

// The upgrade to a Live session.
bool IsLive(const RequestHead& head);

class LiveSession {
 public:
  // `number` is that of the upgrade in the journal, whose body gets the client's messages, a line
  // for each. `unread`: what came behind the head.
  LiveSession(Transport& transport, Shared& shared, const RequestHead& head, Subject subject,
              std::uint64_t number, std::string unread);

  // Until either side ends it.
  boost::asio::awaitable<void> Run();

 private:
  // False: the session is over.
  boost::asio::awaitable<bool> Open();
  boost::asio::awaitable<bool> Serve(const WebSocket::Message& message);
  // Nothing: the text does not ask for frames of its own.
  boost::asio::awaitable<std::optional<bool>> SayInFrames(const std::string& text);
  boost::asio::awaitable<bool> Say(const std::string& text);
  boost::asio::awaitable<bool> GiveHandle();
  void Note(const std::string& line);

  Transport& transport_;
  Shared& shared_;
  Subject subject_;
  const std::uint64_t number_;
  const Handshake handshake_;
  WebSocket socket_;
  bool resumable_ = false;
};

}  // namespace keypool::fake
