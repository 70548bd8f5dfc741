#include "proxy/body_model_scan.h"

#include "proxy/char_class.h"
#include "proxy/request_plan.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kName = "model";
constexpr std::uint8_t kNameDiffers = 255;
constexpr char kNotAscii = '\xff';

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool IsBareNameChar(char c) {
  return Is(kDigitChar, c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '$';
}

// A byte order mark may stand in front.
bool MayStandInFront(char c) { return IsBlank(c) || c == '\xef' || c == '\xbb' || c == '\xbf'; }

}  // namespace

void BodyModelScan::Feed(std::string_view piece) {
  const char* p = piece.data();
  const char* const end = p + piece.size();
  while (p != end && at_ != At::kDone) {
    if (at_ == At::kName || at_ == At::kText || at_ == At::kNestedText) {
      p = FeedText(p, end);
    } else if (at_ == At::kNested) {
      p = FeedNested(p, end);
    } else {
      FeedStructure(*p++);
    }
  }
}

std::string_view BodyModelScan::Model() const {
  if (!has_value_ || value_size_ > kValueBytesMax) return {};
  std::string_view model(value_.data(), value_size_);
  constexpr std::string_view kPrefix = "models/";
  if (model.starts_with(kPrefix)) model.remove_prefix(kPrefix.size());
  return IsModelName(model) ? model : std::string_view{};
}

const char* BodyModelScan::FeedText(const char* p, const char* end) {
  if (escape_ != 0) {
    FeedEscaped(*p);
    return p + 1;
  }
  const bool kept = at_ == At::kName || (at_ == At::kText && is_model_);
  const char* const stop = FindEither(p, end, quote_, '\\');
  if (kept) {
    for (const char* at = p; at != stop; ++at) TakeChar(*at);
  }
  if (stop == end) return end;
  if (*stop == '\\') {
    escape_ = 1;
  } else {
    EndText();
  }
  return stop + 1;
}

// A byte behind a backslash. What is malformed resolves to a byte that no model has.
void BodyModelScan::FeedEscaped(char c) {
  if (escape_ == 1) {
    escape_ = 0;
    if (c == 'u') {
      escape_ = 2;
      code_ = 0;
    } else {
      TakeChar(c == '"' || c == '\'' || c == '/' || c == '\\' ? c : kNotAscii);
    }
    return;
  }
  if (!Is(kHexChar, c)) {
    escape_ = 0;
    TakeChar(kNotAscii);
    if (c == quote_) EndText();
    return;
  }
  code_ = static_cast<std::uint16_t>(code_ * 16 + HexValue(c));
  if (++escape_ <= 5) return;
  escape_ = 0;
  TakeChar(code_ < 0x80 ? static_cast<char>(code_) : kNotAscii);
}

void BodyModelScan::TakeChar(char c) {
  if (at_ == At::kName || at_ == At::kBareName) {
    const bool same = name_matched_ < kName.size() && kName[name_matched_] == c;
    name_matched_ = same ? static_cast<std::uint8_t>(name_matched_ + 1) : kNameDiffers;
  } else if (at_ == At::kText && is_model_) {
    if (value_size_ < kValueBytesMax) value_[value_size_] = c;
    if (value_size_ <= kValueBytesMax) ++value_size_;
  }
}

const char* BodyModelScan::FeedNested(const char* p, const char* end) {
  for (; p != end; ++p) {
    switch (*p) {
      case '"':
      case '\'':
        StartText(At::kNestedText, *p);
        return p + 1;
      case '{':
      case '[':
        ++depth_;
        break;
      case '}':
      case ']':
        if (--depth_ == 0) {
          at_ = At::kScalar;
          return p + 1;
        }
        break;
      default:
        break;
    }
  }
  return end;
}

void BodyModelScan::FeedStructure(char c) {
  switch (at_) {
    case At::kStart:
      if (!MayStandInFront(c)) at_ = c == '{' ? At::kMember : At::kDone;
      return;
    case At::kMember:
    case At::kBareName:
      return FeedName(c);
    case At::kColon:
      if (c == ':') at_ = At::kValue;
      return;
    case At::kValue:
      if (IsBlank(c)) return;
      if (c == '"' || c == '\'') return StartText(At::kText, c);
      if (c == '{' || c == '[') {
        depth_ = 1;
        at_ = At::kNested;
        return;
      }
      at_ = At::kScalar;
      return FeedScalar(c);
    default:
      return FeedScalar(c);
  }
}

void BodyModelScan::FeedName(char c) {
  if (at_ == At::kBareName) {
    if (IsBareNameChar(c)) return TakeChar(c);
    EndName();
    if (c == ':') at_ = At::kValue;
    return;
  }
  if (c == '"' || c == '\'') return StartName(At::kName, c);
  if (c == '}') {
    at_ = At::kDone;
  } else if (IsBareNameChar(c)) {
    StartName(At::kBareName, 0);
    TakeChar(c);
  }
}

void BodyModelScan::FeedScalar(char c) {
  if (c == ',') at_ = At::kMember;
  if (c == '}') at_ = At::kDone;
}

void BodyModelScan::StartText(At at, char quote) {
  at_ = at;
  quote_ = quote;
  escape_ = 0;
}

void BodyModelScan::StartName(At at, char quote) {
  StartText(at, quote);
  name_matched_ = 0;
}

void BodyModelScan::EndName() {
  at_ = At::kColon;
  is_model_ = name_matched_ == kName.size();
  if (!is_model_) return;
  has_value_ = false;
  value_size_ = 0;
}

void BodyModelScan::EndText() {
  switch (at_) {
    case At::kName:
      return EndName();
    case At::kNestedText:
      at_ = At::kNested;
      return;
    default:
      if (is_model_) has_value_ = true;
      at_ = At::kScalar;
  }
}

}  // namespace keypool::proxy
