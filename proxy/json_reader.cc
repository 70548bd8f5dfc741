#include "proxy/json_reader.h"

#include "proxy/char_class.h"

namespace keypool::proxy {
namespace {

constexpr std::size_t kNameBytesMax = 64;

char Visible(char c) { return c >= ' ' && c <= '~' ? c : '?'; }

// A byte of a number or of true, false, null.
bool IsScalarChar(char c) {
  return Is(kDigitChar, c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '+' || c == '.';
}

}  // namespace

std::optional<std::int64_t> WholeNumber(std::string_view digits) {
  constexpr std::size_t kDigitsMax = 18;
  if (digits.empty() || digits.size() > kDigitsMax) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : digits) {
    if (!Is(kDigitChar, c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

bool JsonReader::Fail() {
  failed_ = true;
  p_ = end_;
  return false;
}

void JsonReader::SkipBlanks() {
  while (p_ != end_ && (*p_ == ' ' || *p_ == '\t' || *p_ == '\r' || *p_ == '\n')) ++p_;
}

bool JsonReader::Enter(char open) {
  SkipBlanks();
  if (p_ == end_) return Fail();
  if (*p_ != open) {
    Skip();
    return false;
  }
  ++p_;
  fresh_ = true;
  return true;
}

// Steps to the next member or element.
bool JsonReader::Next(char close) {
  SkipBlanks();
  if (p_ == end_) return Fail();
  if (*p_ == close) {
    ++p_;
    fresh_ = false;
    return false;
  }
  if (!fresh_) {
    if (*p_ != ',') return Fail();
    ++p_;
  }
  fresh_ = false;
  return true;
}

bool JsonReader::NextName(std::string* name) {
  if (!Next('}')) return false;
  SkipBlanks();
  name->clear();
  if (p_ == end_ || *p_ != '"' || !ReadText(kNameBytesMax, name)) return Fail();
  SkipBlanks();
  if (p_ == end_ || *p_ != ':') return Fail();
  ++p_;
  return true;
}

bool JsonReader::NextElement() { return Next(']'); }

std::optional<std::string> JsonReader::Text(std::size_t bytes_max) {
  if (!AtText()) {
    Skip();
    return std::nullopt;
  }
  std::string text;
  if (!ReadText(bytes_max, &text)) return std::nullopt;
  return text;
}

bool JsonReader::AtText() {
  SkipBlanks();
  return p_ != end_ && *p_ == '"';
}

std::optional<std::int64_t> JsonReader::Integer() {
  std::string digits;
  if (AtText()) {
    if (!ReadText(20, &digits)) return std::nullopt;
  } else {
    const char* const begin = p_;
    Skip();
    digits.assign(begin, p_);
    // A number at the very end may go on where the text was cut.
    if (p_ == end_) return std::nullopt;
  }
  return WholeNumber(digits);
}

void JsonReader::Skip() {
  SkipBlanks();
  std::size_t depth = 0;
  do {
    if (p_ == end_) {
      Fail();
      return;
    }
    const char c = *p_;
    if (c == '"') {
      SkipText();
    } else if (c == '{' || c == '[') {
      ++depth;
      ++p_;
    } else if (depth != 0) {
      if (c == '}' || c == ']') --depth;
      ++p_;
    } else if (IsScalarChar(c)) {
      while (p_ != end_ && IsScalarChar(*p_)) ++p_;
    } else {
      Fail();
    }
  } while (depth != 0);
}

std::string_view JsonReader::Raw() {
  SkipBlanks();
  const char* const start = p_;
  Skip();
  return {start, static_cast<std::size_t>(p_ - start)};
}

void JsonReader::SkipText() {
  ++p_;
  while (true) {
    p_ = FindEither(p_, end_, '"', '\\');
    if (p_ == end_) {
      Fail();
      return;
    }
    if (*p_ == '"') {
      ++p_;
      return;
    }
    p_ += end_ - p_ >= 2 ? 2 : 1;
  }
}

bool JsonReader::ReadText(std::size_t bytes_max, std::string* out) {
  ++p_;
  while (p_ != end_ && *p_ != '"') {
    char c = *p_++;
    if (c == '\\' && !ReadEscape(&c)) return Fail();
    if (out->size() < bytes_max) out->push_back(Visible(c));
  }
  if (p_ == end_) return Fail();
  ++p_;
  return true;
}

bool JsonReader::ReadEscape(char* c) {
  if (p_ == end_) return false;
  *c = *p_++;
  if (*c != 'u') {
    // \n, \t and the like are not visible.
    if (*c != '"' && *c != '\\' && *c != '/') *c = '?';
    return true;
  }
  if (end_ - p_ < 4 || !AllAre(kHexChar, {p_, 4})) return false;
  int code = 0;
  for (int i = 0; i < 4; ++i) code = code * 16 + HexValue(*p_++);
  *c = code < 0x80 ? static_cast<char>(code) : '?';
  return true;
}

}  // namespace keypool::proxy
