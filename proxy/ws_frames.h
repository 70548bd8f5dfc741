// WebSocket frames (RFC 6455, section 5) as they stream by in one direction: read beside the bytes,
// which are neither changed nor kept. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace keypool::proxy {

inline constexpr std::size_t kWsControlBytesMax = 125;
// Of a close frame: what its code leaves of it.
inline constexpr std::size_t kWsReasonBytesMax = kWsControlBytesMax - 2;

enum class WsOpcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

struct WsFrame {
  WsOpcode opcode = WsOpcode::kContinuation;
  bool fin = false;
  bool rsv1 = false;  // permessage-deflate (RFC 7692), on the first frame of a message
  bool masked = false;
  std::uint64_t size = 0;  // of the payload
  bool IsControl() const { return opcode >= WsOpcode::kClose; }
};

class WsFrameReader {
 public:
  enum class Sender { kClient, kServer };  // clients mask what they send, servers do not
  explicit WsFrameReader(Sender sender) : masks_(sender == Sender::kClient) {}

  enum class Event {
    kMore,     // the bytes are used up
    kHead,     // frame() begins
    kPayload,  // payload() is the next piece of it
    kEnd,      // frame() has come whole
    kInvalid,  // what follows cannot be told apart any more, now and ever
  };
  // Takes bytes from the front of `bytes` up to the next event. To be called until it is kMore or
  // kInvalid. Invalid are, beside what cannot be read at all: reserved opcodes and bits, a control
  // frame that is long or in pieces, a continuation of nothing, a message inside of another, a
  // length of 2^63 and more, and a mask where there must be none or none where there must be one.
  Event Next(std::string_view* bytes);

  const WsFrame& frame() const { return frame_; }
  // With kPayload: as it came.
  std::string_view payload() const { return payload_; }
  // With kPayload: it appended to `to` without its mask.
  void AppendPayload(std::string* to) const;
  // Between two frames.
  bool AtFrameEnd() const { return at_ == At::kHead && head_size_ == 0; }

 private:
  enum class At : std::uint8_t { kHead, kPayload, kInvalid };
  static constexpr std::size_t kHeadBytesMax = 14;

  // How many bytes the head that begins so has in all, as far as it can be told.
  std::size_t HeadSize() const;
  bool ParseHead();

  bool masks_;
  At at_ = At::kHead;
  bool in_message_ = false;  // the frames of a message have begun, and not ended
  std::uint8_t head_size_ = 0;
  std::array<std::uint8_t, kHeadBytesMax> head_{};
  std::array<std::uint8_t, 4> mask_{};
  WsFrame frame_;
  std::uint64_t left_ = 0;  // of the payload
  std::string_view payload_;
};

// What a close frame says (RFC 6455, section 7.4).
struct WsClose {
  int code = 0;  // 0: none
  std::string reason;
};
WsClose ParseWsClose(std::string_view payload);

// A close frame. The reason is cut to kWsReasonBytesMax, between two characters of UTF-8.
std::string WsCloseFrame(int code, std::string_view reason);
// The same as a client sends it. `mask` is random.
std::string WsMaskedCloseFrame(int code, std::string_view reason, std::uint32_t mask);

}  // namespace keypool::proxy
