#include "proxy/upstream_answer.h"

#include <algorithm>

#include "keyd/base/assert.h"
#include "proxy/response_head.h"

namespace keypool::proxy {

IoStatus UpstreamAnswer::Fill(UpstreamConnection& connection) {
  if (block_ == nullptr) block_ = buffers_.Take();
  if (begin_ == end_) begin_ = end_ = pinned_;
  KP_ASSERT(end_ < BufferPool::kBlockBytes);
  const IoResult result = connection.Read(block_.get() + end_, BufferPool::kBlockBytes - end_);
  end_ += result.bytes;
  if (result.bytes > 0) begun_ = true;
  return result.status;
}

UpstreamAnswer::HeadStep UpstreamAnswer::ParseHead(std::string_view request_method) {
  for (;;) {
    const std::string_view unread(block_.get() + begin_, end_ - begin_);
    if (unread.empty()) return HeadStep::kMore;
    ResponseHead head;
    const HeadResult result = ParseResponseHead(unread, request_method, &scanned_, &head);
    if (result.state == HeadState::kInvalid) return HeadStep::kInvalid;
    if (result.state == HeadState::kIncomplete) {
      return end_ == BufferPool::kBlockBytes ? HeadStep::kInvalid : HeadStep::kMore;
    }
    begin_ += head.size;
    scanned_ = 0;
    if (head.status >= 200) {
      head_ = std::move(head);
      left_ = head_.content_length;
      pinned_ = begin_;
      return HeadStep::kComplete;
    }
    // Nobody asked for another protocol.
    if (head.status == 101 || ++interims_ > kInterimMax) return HeadStep::kInvalid;
  }
}

UpstreamAnswer::BodyStep UpstreamAnswer::Decode(Pieces* pieces) {
  pieces->count = pieces->bytes = 0;
  const auto add = [pieces](std::string_view data) {
    if (data.empty()) return;
    pieces->part[pieces->count++] = data;
    pieces->bytes += data.size();
  };
  const auto unread = [this] { return std::string_view(block_.get() + begin_, end_ - begin_); };
  switch (head_.framing) {
    case Framing::kNone:
      done_ = true;
      return BodyStep::kDone;
    case Framing::kSized: {
      const std::size_t n =
          static_cast<std::size_t>(std::min<std::uint64_t>(unread().size(), left_));
      add(unread().substr(0, n));
      begin_ += n;
      left_ -= n;
      done_ = left_ == 0;
      return done_ ? BodyStep::kDone : BodyStep::kMore;
    }
    case Framing::kToClose:
      add(unread());
      begin_ = end_;
      return BodyStep::kMore;
    case Framing::kChunked:
      break;
  }
  while (!unread().empty()) {
    if (pieces->count == Pieces::kMax) return BodyStep::kFull;
    const ChunkedDecoder::Step step = decoder_.Feed(unread());
    if (step.state == ChunkedDecoder::State::kInvalid) return BodyStep::kInvalid;
    add(step.data);
    begin_ += step.consumed;
    if (step.state == ChunkedDecoder::State::kDone) {
      done_ = true;
      return BodyStep::kDone;
    }
    KP_ASSERT(step.consumed > 0);
  }
  return BodyStep::kMore;
}

}  // namespace keypool::proxy
