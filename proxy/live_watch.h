// One direction of a Live session's WebSocket, looked at while its bytes stream by. What upstream
// says is searched for keys. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/inflate.h"
#include "proxy/live_mask.h"
#include "proxy/live_scan.h"
#include "proxy/redact.h"
#include "proxy/ws_frames.h"

namespace keypool::proxy {

class LiveWatch {
 public:
  using Sender = WsFrameReader::Sender;
  // `deflates`: permessage-deflate was agreed on. Of a client only the first message is read.
  // `keys` (null: none), which outlive it, are masked in what a server says; not in packed
  // messages, which could not be unpacked any more.
  LiveWatch(Sender sender, bool deflates, const Redactor* keys = nullptr)
      : sender_(sender), deflates_(deflates), frames_(sender), mask_(keys) {}

  // The next bytes, in a buffer that may be changed when there are keys to mask. In front of them
  // lie `seen` bytes that were fed before, at least HeldBack() of them. False: they are none that
  // this sender may send, and where its frames begin cannot be told any more.
  bool Feed(std::string_view bytes, std::size_t seen = 0);
  // That many bytes at the end of all that was fed must not be passed on yet: they may be the start
  // of a key, or belong to a ping or a close frame that has not come whole. What stands behind a
  // close frame is never passed on.
  std::uint64_t HeldBack() const;

  // A frame of ours could go in here.
  bool AtFrameEnd() const { return frames_.AtFrameEnd(); }
  // The first text or binary message has come whole.
  bool HasMessage() const { return has_message_; }
  // Its first frame has begun, or that of a ping or pong.
  bool Begun() const { return begun_; }
  // The sender has ended the session; nothing behind it is looked at.
  const std::optional<WsClose>& close() const { return close_; }
  const LiveScan& scan() const { return scan_; }
  LiveScan& scan() { return scan_; }

 private:
  void OnHead(std::uint64_t place);
  void OnPayload();
  void OnEnd();
  void Look(std::string_view payload);
  bool Masks() const { return sender_ == Sender::kServer && mask_.HasKeys(); }
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
  LiveMask mask_;
  std::uint64_t fed_ = 0;
  std::optional<std::uint64_t> control_at_;  // where the payload of one begins that is under way
  std::uint64_t close_end_ = 0;
  std::optional<WsClose> close_;
};

// True when `extensions`, of Sec-WebSocket-Extensions in an answer, has permessage-deflate.
bool HasMessageDeflate(std::string_view extensions);

}  // namespace keypool::proxy
