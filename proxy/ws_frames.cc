#include "proxy/ws_frames.h"

#include <algorithm>

namespace keypool::proxy {
namespace {

constexpr std::uint8_t kFin = 0x80, kRsv1 = 0x40, kRsv2And3 = 0x30, kOpcode = 0x0f;
constexpr std::uint8_t kMasked = 0x80, kLength = 0x7f;
constexpr std::uint8_t kLength16 = 126, kLength64 = 127;

constexpr bool IsKnown(std::uint8_t opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

std::string_view CutReason(std::string_view reason) {
  if (reason.size() <= kWsReasonBytesMax) return reason;
  std::size_t size = kWsReasonBytesMax;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  while (size > 0 && continues(reason[size])) --size;
  return reason.substr(0, size);
}

std::string ClosePayload(int code, std::string_view reason) {
  std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  payload.append(CutReason(reason));
  return payload;
}

}  // namespace

WsFrameReader::Event WsFrameReader::Next(std::string_view* bytes) {
  switch (at_) {
    case At::kHead:
      while (!bytes->empty()) {
        head_[head_size_++] = static_cast<std::uint8_t>(bytes->front());
        bytes->remove_prefix(1);
        if (head_size_ < HeadSize()) continue;
        at_ = ParseHead() ? At::kPayload : At::kInvalid;
        head_size_ = 0;
        return at_ == At::kInvalid ? Event::kInvalid : Event::kHead;
      }
      return Event::kMore;
    case At::kPayload:
      if (left_ > 0) {
        // The mask goes on where the piece before has ended.
        const std::size_t turn = payload_.size() % mask_.size();
        std::rotate(mask_.begin(), mask_.begin() + static_cast<std::ptrdiff_t>(turn), mask_.end());
        payload_ = bytes->substr(
            0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes->size())));
        bytes->remove_prefix(payload_.size());
        left_ -= payload_.size();
        return payload_.empty() ? Event::kMore : Event::kPayload;
      }
      at_ = At::kHead;
      return Event::kEnd;
    case At::kInvalid:
      break;
  }
  return Event::kInvalid;
}

std::size_t WsFrameReader::HeadSize() const {
  if (head_size_ < 2) return 2;
  const std::uint8_t length = head_[1] & kLength;
  return 2u +
         (length == kLength16   ? 2u
          : length == kLength64 ? 8u
                                : 0u) +
         ((head_[1] & kMasked) != 0 ? mask_.size() : 0u);
}

bool WsFrameReader::ParseHead() {
  const std::uint8_t opcode = head_[0] & kOpcode;
  if (!IsKnown(opcode) || (head_[0] & kRsv2And3) != 0) return false;
  frame_.opcode = static_cast<WsOpcode>(opcode);
  frame_.fin = (head_[0] & kFin) != 0;
  frame_.rsv1 = (head_[0] & kRsv1) != 0;
  frame_.masked = (head_[1] & kMasked) != 0;
  const std::uint8_t length = head_[1] & kLength;
  std::size_t at = 2;
  const std::size_t more = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
  frame_.size = more == 0 ? length : 0;
  for (std::size_t i = 0; i < more; ++i) frame_.size = frame_.size << 8 | head_[at++];
  if (frame_.size > static_cast<std::uint64_t>(INT64_MAX)) return false;
  if (frame_.masked != masks_) return false;
  if (frame_.masked) std::copy_n(&head_[at], mask_.size(), mask_.begin());
  left_ = frame_.size;
  payload_ = {};
  if (frame_.IsControl()) {
    return frame_.fin && !frame_.rsv1 && frame_.size <= kWsControlBytesMax;
  }
  const bool continues = frame_.opcode == WsOpcode::kContinuation;
  if (continues != in_message_ || (continues && frame_.rsv1)) return false;
  in_message_ = !frame_.fin;
  return true;
}

void WsFrameReader::AppendPayload(std::string* to) const {
  const std::size_t before = to->size();
  to->append(payload_);
  if (!frame_.masked) return;
  for (std::size_t i = 0; i < payload_.size(); ++i) {
    char& c = (*to)[before + i];
    c = static_cast<char>(static_cast<std::uint8_t>(c) ^ mask_[i % mask_.size()]);
  }
}

WsClose ParseWsClose(std::string_view payload) {
  WsClose close;
  if (payload.size() < 2) return close;
  close.code = static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]);
  close.reason = payload.substr(2);
  return close;
}

std::string WsCloseFrame(int code, std::string_view reason) {
  const std::string payload = ClosePayload(code, reason);
  std::string frame = {static_cast<char>(kFin | static_cast<std::uint8_t>(WsOpcode::kClose)),
                       static_cast<char>(payload.size())};
  return frame += payload;
}

std::string WsMaskedCloseFrame(int code, std::string_view reason, std::uint32_t mask) {
  std::string frame = WsCloseFrame(code, reason);
  frame[1] = static_cast<char>(static_cast<std::uint8_t>(frame[1]) | kMasked);
  std::string key;
  for (int shift = 24; shift >= 0; shift -= 8) key.push_back(static_cast<char>(mask >> shift));
  for (std::size_t i = 2; i < frame.size(); ++i) {
    frame[i] = static_cast<char>(frame[i] ^ key[(i - 2) % key.size()]);
  }
  frame.insert(2, key);
  return frame;
}

}  // namespace keypool::proxy
