#include "proxy/text_bytes_scan.h"

#include "proxy/char_class.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kData = "data:";
constexpr std::string_view kBase64 = ";base64";
// Of "data:…;base64,"; longer ones are text.
constexpr std::uint8_t kHeadBytesMax = 128;

// Of a UTF-16 unit as a part of UTF-8: two halves of a pair make four bytes.
std::int64_t Utf8Bytes(int code) {
  if (code < 0x80) return 1;
  const bool is_half = code >= 0xd800 && code <= 0xdfff;
  return code < 0x800 || is_half ? 2 : 3;
}

}  // namespace

void TextBytesScan::Text::Run(const char* p, const char* end) {
  bytes_ += end - p;
  if (may_be_ != MayBe::kNeither) Look(p, end);
}

void TextBytesScan::Text::Escape(int code) {
  bytes_ += Utf8Bytes(code);
  if (may_be_ == MayBe::kNeither) return;
  const char c = code >= 0 && code < 0x80 ? static_cast<char>(code) : '\xff';
  Look(&c, &c + 1);
}

void TextBytesScan::Text::Look(const char* p, const char* end) {
  while (p != end && may_be_ == MayBe::kEither) {
    if (*p != kData[head_bytes_]) {
      // What matched so far is base64 as well.
      may_be_ = MayBe::kBase64;
    } else {
      ++p;
      if (++head_bytes_ == kData.size()) may_be_ = MayBe::kHead;
    }
  }
  while (p != end && may_be_ == MayBe::kHead) LookAtHead(*p++);
  if (may_be_ == MayBe::kBase64 && FindNotBase64(p, end) != end) may_be_ = MayBe::kNeither;
}

void TextBytesScan::Text::LookAtHead(char c) {
  if (c == ',' && matched_ == kBase64.size()) {
    may_be_ = MayBe::kBase64;
  } else if (c == ',' || ++head_bytes_ > kHeadBytesMax) {
    may_be_ = MayBe::kNeither;
  } else if (matched_ < kBase64.size() && c == kBase64[matched_]) {
    ++matched_;
  } else {
    matched_ = c == kBase64[0] ? 1 : 0;
  }
}

void TextBytesScan::Feed(std::string_view piece) {
  const char* p = piece.data();
  const char* const end = p + piece.size();
  while (p != end) {
    if (json_.Open()) {
      p = json_.Feed(p, end, text_);
      pending_ = !json_.Open();
    } else {
      p = FeedStructure(p, end);
    }
  }
}

// Outside of texts, up to the start of one.
const char* TextBytesScan::FeedStructure(const char* p, const char* end) {
  for (; p != end; ++p) {
    const char c = *p;
    if (pending_ && !IsJsonBlank(c)) {
      pending_ = false;
      // In front of a colon it was a name.
      if (c != ':') Count();
    }
    if (c == '"' || c == '\'') {
      json_.Start(c);
      text_ = Text();
      return p + 1;
    }
  }
  return end;
}

void TextBytesScan::Count() {
  if (text_.IsInline()) {
    ++parts_;
  } else {
    bytes_ += text_.bytes();
  }
}

std::int64_t TextBytesScan::InputTokens() const {
  TextBytesScan whole = *this;
  if (pending_ || json_.Open()) whole.Count();
  return (whole.bytes_ + kBytesPerToken - 1) / kBytesPerToken + whole.parts_ * kTokensPerPart;
}

}  // namespace keypool::proxy
