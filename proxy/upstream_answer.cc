#include "proxy/upstream_answer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "keyd/base/assert.h"
#include "proxy/field_names.h"
#include "proxy/response_head.h"

namespace keypool::proxy {

IoStatus UpstreamAnswer::Fill(UpstreamConnection& connection) {
  if (block_ == nullptr) block_ = buffers_.Take();
  if (begin_ == end_) begin_ = end_ = pinned_;
  if (end_ == BufferPool::kBlockBytes) {
    std::memmove(block_.get() + pinned_, block_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, pinned_) - pinned_;
  }
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
    if (head.status >= 200 || (head.status == 101 && upgrade_expected_)) {
      head_ = std::move(head);
      left_ = head_.content_length;
      pinned_ = begin_;
      return HeadStep::kComplete;
    }
    // Nobody asked for another protocol.
    if (head.status == 101 || ++interims_ > kInterimMax) return HeadStep::kInvalid;
  }
}

void UpstreamAnswer::LetGo() {
  if (begin_ != end_) return;
  pinned_ = begin_ = end_ = 0;
  block_.reset();
}

UpstreamAnswer::BodyStep UpstreamAnswer::Decode(Pieces* pieces) {
  pieces->Clear();
  const auto unread = [this] { return std::string_view(block_.get() + begin_, end_ - begin_); };
  switch (head_.framing) {
    case Framing::kNone:
      done_ = true;
      return BodyStep::kDone;
    case Framing::kSized: {
      const std::size_t n =
          static_cast<std::size_t>(std::min<std::uint64_t>(unread().size(), left_));
      pieces->Add(unread().substr(0, n));
      begin_ += n;
      left_ -= n;
      done_ = left_ == 0;
      return done_ ? BodyStep::kDone : BodyStep::kMore;
    }
    case Framing::kToClose:
      pieces->Add(unread());
      begin_ = end_;
      return BodyStep::kMore;
    case Framing::kChunked:
      break;
  }
  while (!unread().empty()) {
    if (pieces->count == Pieces::kMax) return BodyStep::kFull;
    const ChunkedDecoder::Step step = decoder_.Feed(unread());
    if (step.state == ChunkedDecoder::State::kInvalid) return BodyStep::kInvalid;
    pieces->Add(step.data);
    begin_ += step.consumed;
    if (step.state == ChunkedDecoder::State::kDone) {
      done_ = true;
      return BodyStep::kDone;
    }
    KP_ASSERT(step.consumed > 0);
  }
  return BodyStep::kMore;
}

void UpstreamAnswer::ReplaceBody(std::string body) {
  kept = std::move(body);
  complete = true;
  const auto coding = [](const Field& field) {
    return Identify(field.name) == FieldName::kContentEncoding;
  };
  head_.fields.erase(std::remove_if(head_.fields.begin(), head_.fields.end(), coding),
                     head_.fields.end());
  head_.content_encoding = {};
  head_.content_length = kept.size();
  head_.framing = Framing::kSized;
}

}  // namespace keypool::proxy
