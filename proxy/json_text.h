// One text of JSON as it streams by: where it ends, and what its escapes stand for. Private to the
// pure part.
#pragma once

#include <cstdint>

#include "proxy/char_class.h"

namespace keypool::proxy {

constexpr bool IsJsonBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The first byte in [p, end) that is not blank, or `end`.
inline const char* SkipJsonBlanks(const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16 && IsJsonBlank(*p); p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto is = [bytes](char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); };
    const __m128i blanks =
        _mm_or_si128(_mm_or_si128(is(' '), is('\n')), _mm_or_si128(is('\r'), is('\t')));
    const int others = _mm_movemask_epi8(blanks) ^ 0xffff;
    if (others != 0) return p + std::countr_zero(static_cast<unsigned>(others));
  }
#endif
  while (p != end && IsJsonBlank(*p)) ++p;
  return p;
}

// The first byte in [p, end) that starts a text, or opens or closes an object or array, or `end`.
inline const char* FindJsonMark(const char* p, const char* end) {
  // This bit makes the brackets of arrays those of objects, and nothing else.
  constexpr char kBit = 0x20;
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(kBit));
    const auto is = [](__m128i v, char c) { return _mm_cmpeq_epi8(v, _mm_set1_epi8(c)); };
    const __m128i marks = _mm_or_si128(_mm_or_si128(is(bytes, '"'), is(bytes, '\'')),
                                       _mm_or_si128(is(folded, '{'), is(folded, '}')));
    const int hits = _mm_movemask_epi8(marks);
    if (hits != 0) return p + std::countr_zero(static_cast<unsigned>(hits));
  }
#endif
  for (; p != end; ++p) {
    const char folded = static_cast<char>(*p | kBit);
    if (*p == '"' || *p == '\'' || folded == '{' || folded == '}') break;
  }
  return p;
}

class JsonText {
 public:
  // What an escape stands for that stands for nothing.
  static constexpr int kMalformed = -1;

  // The next byte is the first behind the quote, which is the one that ends the text.
  void Start(char quote) {
    quote_ = quote;
    escape_ = 0;
  }
  bool Open() const { return quote_ != 0; }

  // Takes bytes from `p` on, up to the end of the text or of the bytes; returns where it stopped.
  // Calls sink.Run(begin, end) with bytes that stand for themselves, possibly none, and
  // sink.Escape(code) with the UTF-16 unit that an escape stands for, or kMalformed.
  template <class Sink>
  const char* Feed(const char* p, const char* end, Sink& sink) {
    while (p != end) {
      if (escape_ != 0) {
        FeedEscape(*p++, sink);
        if (!Open()) return p;
        continue;
      }
      const char* const stop = FindEither(p, end, quote_, '\\');
      sink.Run(p, stop);
      if (stop == end) return end;
      p = stop + 1;
      if (*stop != '\\') {
        quote_ = 0;
        return p;
      }
      escape_ = 1;
    }
    return p;
  }

 private:
  static constexpr int Meaning(char c) {
    switch (c) {
      case '"':
      case '\'':
      case '/':
      case '\\':
        return c;
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      default:
        return kMalformed;
    }
  }

  // A byte behind a backslash.
  template <class Sink>
  void FeedEscape(char c, Sink& sink) {
    if (escape_ == 1) {
      code_ = 0;
      escape_ = c == 'u' ? 2 : 0;
      if (c != 'u') sink.Escape(Meaning(c));
      return;
    }
    if (!Is(kHexChar, c)) {
      escape_ = 0;
      sink.Escape(kMalformed);
      if (c == quote_) quote_ = 0;
      return;
    }
    code_ = static_cast<std::uint16_t>(code_ * 16 + HexValue(c));
    if (++escape_ <= 5) return;
    escape_ = 0;
    sink.Escape(code_);
  }

  std::uint16_t code_ = 0;   // of \uXXXX so far
  std::uint8_t escape_ = 0;  // 0 none, 1 behind a backslash, 2 to 5 in \uXXXX
  char quote_ = 0;           // that ends the text; 0: there is none
};

}  // namespace keypool::proxy
