#include "keyd/wire/text.h"

#include <algorithm>
#include <cstdint>

namespace keypool::wire {
namespace {

// Length of the well-formed character at the start of `text`; 0 when there is none.
std::size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t n = lead >= 0xC2 && lead <= 0xDF   ? 2
                        : lead >= 0xE0 && lead <= 0xEF ? 3
                        : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                       : 0;
  if (n == 0 || text.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
  if (lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogate
  if (lead == 0xF0 && byte(1) < 0x90) return 0;   // overlong
  if (lead == 0xF4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
  return n;
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

}  // namespace

bool IsUtf8(std::string_view text) {
  if (IsAscii(text)) return true;
  while (!text.empty()) {
    const std::size_t n = CharacterBytes(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

bool HasControlByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
}

std::string ClipText(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max && IsAscii(text)) return std::string(text);
  std::string clipped;
  while (!text.empty()) {
    const std::size_t n = CharacterBytes(text);
    if (clipped.size() + std::max<std::size_t>(n, 1) > bytes_max) break;
    if (n == 0) {
      clipped.push_back('?');
      text.remove_prefix(1);
    } else {
      clipped.append(text.substr(0, n));
      text.remove_prefix(n);
    }
  }
  return clipped;
}

}  // namespace keypool::wire
