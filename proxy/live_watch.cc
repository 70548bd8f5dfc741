#include "proxy/live_watch.h"

#include "proxy/field_names.h"

namespace keypool::proxy {

using Event = WsFrameReader::Event;

bool LiveWatch::Feed(std::string_view bytes) {
  while (!close_) {
    switch (frames_.Next(&bytes)) {
      case Event::kMore:
        return true;
      case Event::kHead:
        OnHead();
        break;
      case Event::kPayload:
        OnPayload();
        break;
      case Event::kEnd:
        OnEnd();
        break;
      case Event::kInvalid:
        return false;
    }
  }
  return true;
}

void LiveWatch::OnHead() {
  const WsFrame& frame = frames_.frame();
  if (frame.opcode != WsOpcode::kClose) begun_ = true;
  if (frame.opcode == WsOpcode::kText || frame.opcode == WsOpcode::kBinary) packed_ = frame.rsv1;
}

void LiveWatch::OnPayload() {
  const WsFrame& frame = frames_.frame();
  if (frame.opcode == WsOpcode::kClose) return frames_.AppendPayload(&unmasked_);
  if (frame.IsControl() || !Reads()) return;
  if (!frame.masked) return Look(frames_.payload());
  unmasked_.clear();
  frames_.AppendPayload(&unmasked_);
  Look(unmasked_);
  unmasked_.clear();
}

void LiveWatch::Look(std::string_view payload) {
  if (!packed_) return scan_.Feed(payload);
  // What cannot be unpacked is passed on all the same.
  if (deflates_) inflate_.Feed(payload, [this](std::string_view text) { scan_.Feed(text); });
}

void LiveWatch::OnEnd() {
  const WsFrame& frame = frames_.frame();
  if (frame.opcode == WsOpcode::kClose) {
    close_ = ParseWsClose(unmasked_);
  } else if (!frame.IsControl() && frame.fin && Reads()) {
    if (packed_ && deflates_) {
      inflate_.EndMessage([this](std::string_view text) { scan_.Feed(text); });
    }
    scan_.EndMessage();
    has_message_ = true;
    if (sender_ == Sender::kServer) return;
    // Nothing more is read of a client.
    inflate_ = MessageInflate();
    unmasked_ = std::string();
  }
}

bool HasMessageDeflate(std::string_view extensions) {
  return !ForEachElement(extensions, [](std::string_view element) {
    std::string_view name = element.substr(0, element.find(';'));
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    return !IsIgnoringCase(name, "permessage-deflate");
  });
}

}  // namespace keypool::proxy
