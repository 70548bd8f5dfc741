// Classes of bytes in HTTP messages, and the searches that the parsers live on. Private to the
// pure part.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace keypool::proxy {

enum CharClass : std::uint8_t {
  kTokenChar = 1,     // RFC 9110 tchar: methods, field names
  kTargetChar = 2,    // what a request target may be made of: visible ASCII except '#'
  kHostChar = 4,      // a registered name or an IPv4 address
  kDigitChar = 8,     // 0-9
  kHexChar = 16,      // 0-9 a-f A-F
  kModelChar = 32,    // one segment of a model name
  kControlChar = 64,  // C0 and DEL, HTAB included
  kUnderscore = 128
};

namespace internal {
constexpr bool IsOneOf(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

constexpr std::array<std::uint8_t, 256> MakeCharTable() {
  std::array<std::uint8_t, 256> table{};
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const bool digit = c >= '0' && c <= '9';
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool hex = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    std::uint8_t bits = 0;
    if (alpha || digit || IsOneOf(c, "!#$%&'*+-.^_`|~")) bits |= kTokenChar;
    if (i > 0x20 && i < 0x7f && c != '#') bits |= kTargetChar;
    if (alpha || digit || IsOneOf(c, "-._")) bits |= kHostChar | kModelChar;
    if (digit) bits |= kDigitChar;
    if (hex) bits |= kHexChar;
    if (i < 0x20 || i == 0x7f) bits |= kControlChar;
    if (c == '_') bits |= kUnderscore;
    table[static_cast<std::size_t>(i)] = bits;
  }
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kCharTable = MakeCharTable();
}  // namespace internal

// All classes of a byte, or'ed.
constexpr std::uint8_t ClassesOf(char c) {
  return internal::kCharTable[static_cast<unsigned char>(c)];
}

constexpr bool Is(CharClass wanted, char c) { return (ClassesOf(c) & wanted) != 0; }

constexpr bool AllAre(CharClass wanted, std::string_view text) {
  for (const char c : text) {
    if (!Is(wanted, c)) return false;
  }
  return true;
}

// The value of a hexadecimal digit.
constexpr int HexValue(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

// The first control byte in [p, end), or `end`. HTAB is one; the caller decides on it.
inline const char* FindControl(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i c0 = _mm_set1_epi8(0x1f);
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, c0), bytes);
    const int hits = _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(bytes, del)));
    if (hits != 0) return p + std::countr_zero(static_cast<unsigned>(hits));
  }
#endif
  while (p != end && !Is(kControlChar, *p)) ++p;
  return p;
}

#if defined(__SSE2__)
namespace internal {
// All bits of a byte that is between the two, which are ASCII.
inline __m128i Between(__m128i bytes, char low, char high) {
  return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(low - 1))),
                       _mm_cmpgt_epi8(_mm_set1_epi8(static_cast<char>(high + 1)), bytes));
}
inline __m128i Letters(__m128i bytes) {
  return Between(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
}
}  // namespace internal
#endif

// Steps over letters, digits and dashes, sixteen at a time; may stop before the first other byte.
inline const char* SkipPlainName(const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i others =
        _mm_or_si128(internal::Between(bytes, '0', '9'), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
    const int misses = _mm_movemask_epi8(_mm_or_si128(internal::Letters(bytes), others)) ^ 0xffff;
    if (misses != 0) return p + std::countr_zero(static_cast<unsigned>(misses));
  }
#else
  static_cast<void>(end);
#endif
  return p;
}

// The digits of base64 and base64url, and '='.
constexpr bool IsBase64Char(char c) {
  return (Is(kModelChar, c) && c != '.') || c == '+' || c == '/' || c == '=';
}

// The first byte in [p, end) that is not IsBase64Char, or `end`.
inline const char* FindNotBase64(const char* p, const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto is = [bytes](char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); };
    // '/' stands in front of '0'.
    const __m128i slash_to_nine = internal::Between(bytes, '/', '9');
    const __m128i others =
        _mm_or_si128(_mm_or_si128(is('+'), is('-')), _mm_or_si128(is('_'), is('=')));
    const __m128i good =
        _mm_or_si128(_mm_or_si128(internal::Letters(bytes), slash_to_nine), others);
    const int misses = _mm_movemask_epi8(good) ^ 0xffff;
    if (misses != 0) return p + std::countr_zero(static_cast<unsigned>(misses));
  }
#endif
  while (p != end && IsBase64Char(*p)) ++p;
  return p;
}

// The first `a` or `b` in [p, end), or `end`.
inline const char* FindEither(const char* p, const char* end, char a, char b) {
#if defined(__SSE2__)
  const __m128i as = _mm_set1_epi8(a);
  const __m128i bs = _mm_set1_epi8(b);
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const int hits =
        _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, as), _mm_cmpeq_epi8(bytes, bs)));
    if (hits != 0) return p + std::countr_zero(static_cast<unsigned>(hits));
  }
#endif
  while (p != end && *p != a && *p != b) ++p;
  return p;
}

}  // namespace keypool::proxy
