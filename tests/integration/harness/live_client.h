// A Live session's client: a WebSocket as SDKs open it, with or without TLS, blocking, over
// Boost.Beast.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/fakes/gemini/http_message.h"
#include "tests/integration/harness/process.h"

namespace keypool::itest {

struct LiveOptions {
  std::string target =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  std::vector<fake::Header> headers = {};
  bool deflate = false;  // offers permessage-deflate
  // Not empty: over TLS, to "localhost", whose certificate must be by this authority (a PEM file).
  std::string authority = {};
};

// Not thread-safe. Every call waits for at most kDeadline.
class LiveClient {
 public:
  // Connects to 127.0.0.1 and asks for the upgrade.
  explicit LiveClient(std::uint16_t port, LiveOptions options = {});
  ~LiveClient();
  LiveClient(const LiveClient&) = delete;
  LiveClient& operator=(const LiveClient&) = delete;

  // Of the answer to the upgrade: 101 when it is a WebSocket now, 0 when there was none.
  int status() const;
  std::string Header(const std::string& name) const;
  std::string body() const;

  // False: the connection is gone.
  bool Send(const std::string& text);
  // {"setup":{"model":"models/MODEL"}}, or with `more` members behind the model.
  bool Setup(const std::string& model = "gemini-2.5-flash", const std::string& more = "");
  // A turn of the user.
  bool Say(const std::string& text);
  // The next message. Nothing: the session has ended.
  std::optional<std::string> Receive();
  // Receives until a message has `part` in it; that message.
  std::optional<std::string> ReceiveUntil(const std::string& part);
  bool Ping(const std::string& payload);
  // Payload of the last pong that came while receiving.
  const std::string& pong() const;

  // How the other side has ended it; 1006 when without a close frame.
  int close_code() const;
  std::string close_reason() const;
  // Ends it in order; true when the other side has answered so.
  bool Close(int code, const std::string& reason);
  void Abort();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace keypool::itest
