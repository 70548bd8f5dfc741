#include "proxy/chunked.h"

#include <algorithm>
#include <bit>

#include "keyd/base/assert.h"
#include "proxy/char_class.h"

namespace keypool::proxy {
namespace {

constexpr std::uint8_t kSizeDigitsMax = 16;

bool IsText(char c) { return c == '\t' || !Is(kControlChar, c); }

}  // namespace

ChunkedDecoder::At ChunkedDecoder::NextInSize(char c) {
  if (Is(kHexChar, c)) {
    // The 16th digit may follow a first one of up to 7 only: a size is below 2^63.
    if (digits_ == kSizeDigitsMax || left_ > (UINT64_MAX >> 5)) return At::kInvalid;
    left_ = left_ * 16 + static_cast<std::uint64_t>(HexValue(c));
    ++digits_;
    return At::kSize;
  }
  if (digits_ == 0) return At::kInvalid;
  if (c == '\r') return At::kSizeLf;
  if (c != ';') return At::kInvalid;
  line_bytes_ = 0;
  return At::kExtension;
}

ChunkedDecoder::At ChunkedDecoder::NextInTrailer(char c) {
  if (++line_bytes_ > kTrailerBytesMax) return At::kInvalid;
  switch (at_) {
    case At::kTrailerStart:
      if (c == '\r') return At::kLastLf;
      return Is(kTokenChar, c) ? At::kTrailer : At::kInvalid;
    case At::kTrailer:
      if (c == '\r') return At::kTrailerLf;
      return IsText(c) ? At::kTrailer : At::kInvalid;
    case At::kTrailerLf:
      return c == '\n' ? At::kTrailerStart : At::kInvalid;
    default:
      return c == '\n' ? At::kDone : At::kInvalid;
  }
}

// Takes one byte that is no payload.
ChunkedDecoder::At ChunkedDecoder::Next(char c) {
  switch (at_) {
    case At::kSize:
      return NextInSize(c);
    case At::kExtension:
      if (c == '\r') return At::kSizeLf;
      return ++line_bytes_ <= kExtensionBytesMax && IsText(c) ? At::kExtension : At::kInvalid;
    case At::kSizeLf:
      if (c != '\n') return At::kInvalid;
      line_bytes_ = 0;
      return left_ == 0 ? At::kTrailerStart : At::kData;
    case At::kDataCr:
      return c == '\r' ? At::kDataLf : At::kInvalid;
    case At::kDataLf:
      digits_ = 0;
      return c == '\n' ? At::kSize : At::kInvalid;
    default:
      return NextInTrailer(c);
  }
}

ChunkedDecoder::Step ChunkedDecoder::Feed(std::string_view input) {
  Step step;
  while (true) {
    if (at_ == At::kDone || at_ == At::kInvalid) {
      step.state = at_ == At::kDone ? State::kDone : State::kInvalid;
      return step;
    }
    if (step.consumed == input.size()) return step;
    if (at_ == At::kData) {
      const std::size_t size =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - step.consumed));
      step.data = input.substr(step.consumed, size);
      step.consumed += size;
      left_ -= size;
      if (left_ == 0) at_ = At::kDataCr;
      return step;
    }
    at_ = Next(input[step.consumed]);
    if (at_ != At::kInvalid) ++step.consumed;
  }
}

ChunkHead::ChunkHead(std::uint64_t size) {
  KP_ASSERT(size != 0);  // it would end the body
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int shift = (63 - std::countl_zero(size)) / 4 * 4; shift >= 0; shift -= 4) {
    text_[size_++] = kDigits[(size >> shift) & 15];
  }
  text_[size_++] = '\r';
  text_[size_++] = '\n';
}

}  // namespace keypool::proxy
