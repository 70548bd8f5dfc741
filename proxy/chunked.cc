#include "proxy/chunked.h"

#include <algorithm>
#include <bit>

#include "keyd/base/assert.h"
#include "proxy/char_class.h"
#include "proxy/field_names.h"

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

ChunkedDecoder::At ChunkedDecoder::NextInExtension(char c) {
  if (c == '\r') return At::kSizeLf;
  if (!IsText(c) || ++line_bytes_ > kExtensionBytesMax) return At::kInvalid;
  if (extension_bytes_left_-- == 0) return At::kInvalid;
  return At::kExtension;
}

ChunkedDecoder::At ChunkedDecoder::NextInTrailerName(char c) {
  if (Is(kTokenChar, c)) {
    if (name_bytes_ < kNameBytesMax) name_[name_bytes_++] = c == '_' ? '-' : c;
    return At::kTrailerName;
  }
  // Whoever merges trailers into the head would frame or authenticate by them.
  const bool good =
      c == ':' && name_bytes_ != 0 && Identify({name_.data(), name_bytes_}) == FieldName::kOther;
  return good ? At::kTrailer : At::kInvalid;
}

ChunkedDecoder::At ChunkedDecoder::NextInTrailer(char c) {
  if (++line_bytes_ > kTrailerBytesMax) return At::kInvalid;
  switch (at_) {
    case At::kTrailerStart:
      if (c == '\r') return At::kLastLf;
      name_bytes_ = 0;
      return NextInTrailerName(c);
    case At::kTrailerName:
      return NextInTrailerName(c);
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
      return NextInExtension(c);
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
      extension_bytes_left_ += size;
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
