// One direction of a Live session's WebSocket, looked at while its bytes stream by. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/inflate.h"
#include "proxy/live_scan.h"
#include "proxy/ws_frames.h"

namespace keypool::proxy {

class LiveWatch {
 public:
  using Sender = WsFrameReader::Sender;
  // `deflates`: permessage-deflate was agreed on. Of a client only the first message is read.
  LiveWatch(Sender sender, bool deflates) : sender_(sender), deflates_(deflates), frames_(sender) {}

  // The next bytes. False: they are none that this sender may send, and where its frames begin
  // cannot be told any more.
  bool Feed(std::string_view bytes);

  // A frame of ours could go in here.
  bool AtFrameEnd() const { return frames_.AtFrameEnd(); }
  // The first text or binary message has come whole.
  bool HasMessage() const { return has_message_; }
  // Its first frame has begun, or that of a ping or pong.
  bool Begun() const { return begun_; }
  // The sender has ended the session; nothing behind it is looked at.
  const std::optional<WsClose>& close() const { return close_; }
  const LiveScan& scan() const { return scan_; }

 private:
  void OnHead();
  void OnPayload();
  void OnEnd();
  void Look(std::string_view payload);
  bool Reads() const { return sender_ == Sender::kServer || !has_message_; }

  Sender sender_;
  bool deflates_;
  WsFrameReader frames_;
  MessageInflate inflate_;
  LiveScan scan_;
  bool packed_ = false;  // the message that is under way
  bool has_message_ = false;
  bool begun_ = false;
  std::string unmasked_;
  std::optional<WsClose> close_;
};

// True when `extensions`, of Sec-WebSocket-Extensions in an answer, has permessage-deflate.
bool HasMessageDeflate(std::string_view extensions);

}  // namespace keypool::proxy
