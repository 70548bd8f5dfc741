#include "proxy/live_watch.h"

#include <algorithm>

#include "proxy/field_names.h"

namespace keypool::proxy {
namespace {

// Behind the start of a key, what more there is of frames does not wait.
constexpr std::uint64_t kHeldBytesMax = 4096;

}  // namespace

using Event = WsFrameReader::Event;

bool LiveWatch::Feed(std::string_view bytes, std::size_t seen) {
  mask_.See(bytes, fed_ - seen);
  bytes.remove_prefix(seen);
  fed_ += bytes.size();
  while (!close_) {
    switch (frames_.Next(&bytes)) {
      case Event::kMore:
        return true;
      case Event::kHead:
        OnHead(fed_ - bytes.size());
        break;
      case Event::kPayload:
        OnPayload();
        break;
      case Event::kEnd:
        OnEnd();
        if (close_) close_end_ = fed_ - bytes.size();
        break;
      case Event::kInvalid:
        return false;
    }
  }
  return true;
}

std::uint64_t LiveWatch::HeldBack() const {
  std::uint64_t passed = close_ ? close_end_ : fed_;
  passed = std::min(passed, control_at_.value_or(passed));
  return fed_ - std::min(passed, mask_.held().value_or(passed));
}

// Its payload begins at `place`.
void LiveWatch::OnHead(std::uint64_t place) {
  const WsFrame& frame = frames_.frame();
  if (frame.opcode != WsOpcode::kClose) begun_ = true;
  if (frame.opcode == WsOpcode::kText || frame.opcode == WsOpcode::kBinary) packed_ = frame.rsv1;
  // A ping is not to wait for the next of a message; nor are any number of frames.
  if (frame.IsControl() || place > mask_.held().value_or(place) + kHeldBytesMax) mask_.LetGo();
}

void LiveWatch::OnPayload() {
  const WsFrame& frame = frames_.frame();
  if (frame.IsControl()) {
    if (frame.opcode != WsOpcode::kClose && !Masks()) return;
    if (Masks() && !control_at_) control_at_ = mask_.PlaceOf(frames_.payload());
    return frames_.AppendPayload(&unmasked_);
  }
  if (!Reads()) return;
  if (!frame.masked) {
    Look(frames_.payload());
    if (Masks() && !packed_) mask_.Text(frames_.payload());
    return;
  }
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
  if (frame.IsControl()) {
    if (control_at_) mask_.Whole(&unmasked_, *control_at_);
    if (frame.opcode == WsOpcode::kClose) close_ = ParseWsClose(unmasked_);
    control_at_.reset();
    unmasked_ = std::string();
  } else if (frame.fin && Reads()) {
    mask_.EndMessage();
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
