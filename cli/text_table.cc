#include "cli/text_table.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"

namespace keypool::cli {
namespace {

constexpr std::string_view kGap = "  ";
constexpr char32_t kBroken = 0xFFFFFFFF;

struct Range {
  char32_t first, last;
};
// The blocks that matter in practice, from Unicode's EastAsianWidth (W, F) and emoji.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},
                           {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},
                           {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                           {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                           {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kNarrowest[] = {
    {0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};

template <std::size_t n>
bool In(const Range (&ranges)[n], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& r) { return c >= r.first && c <= r.last; });
}

// Takes one character from the front of `*text`, which is not empty: kBroken, and one byte, when it
// is not UTF-8.
char32_t TakeCharacter(std::string_view* text) {
  const auto lead = static_cast<unsigned char>(text->front());
  const std::size_t size = lead < 0x80                    ? 1
                           : lead >= 0xC2 && lead <= 0xDF ? 2
                           : lead >= 0xE0 && lead <= 0xEF ? 3
                           : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                          : 0;
  char32_t c = size == 1 ? lead : lead & (0x7F >> size);
  bool broken = size == 0 || size > text->size();
  for (std::size_t i = 1; i < size && !broken; ++i) {
    const auto next = static_cast<unsigned char>((*text)[i]);
    broken = (next & 0xC0) != 0x80;
    c = (c << 6) | (next & 0x3F);
  }
  broken = broken || (size == 3 && c < 0x800) || (size == 4 && (c < 0x10000 || c > 0x10FFFF)) ||
           (c >= 0xD800 && c <= 0xDFFF);
  text->remove_prefix(broken ? 1 : size);
  return broken ? kBroken : c;
}

std::size_t WidthOf(char32_t c) { return In(kWide, c) ? 2 : In(kNarrowest, c) ? 0 : 1; }

// What a terminal would obey, or what would turn the order of a line around.
bool IsControl(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

std::string_view Code(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kBold:
      return "\x1b[1m";
  }
  return "";
}

}  // namespace

std::size_t Width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) width += WidthOf(TakeCharacter(&text));
  return width;
}

std::string Harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t c = TakeCharacter(&text);
    if (c == kBroken || IsControl(c)) {
      out += '?';
    } else {
      out += before.substr(0, before.size() - text.size());
    }
  }
  return out;
}

std::string Cut(std::string_view text, std::size_t columns) {
  if (Width(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  std::string out;
  std::size_t width = 0;
  while (!text.empty()) {
    const std::string_view before = text;
    width += WidthOf(TakeCharacter(&text));
    if (width > columns - 1) break;
    out += before.substr(0, before.size() - text.size());
  }
  return out + "\u2026";
}

TextTable::TextTable(std::vector<std::string> head) : widths_(head.size(), 0) {
  std::vector<Cell> cells;
  for (std::string& text : head) cells.push_back({std::move(text), Colour::kBold});
  Add(std::move(cells));
}

void TextTable::Add(std::vector<Cell> row) {
  KP_ASSERT(row.size() == widths_.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i].text = Harmless(row[i].text);
    widths_[i] = std::max(widths_[i], Width(row[i].text));
  }
  rows_.push_back(std::move(row));
}

std::vector<std::string> TextTable::Lines(bool colour, std::size_t columns) const {
  std::vector<std::string> lines;
  for (const std::vector<Cell>& row : rows_) {
    std::size_t last = row.size();  // no blanks at the end of a line
    while (last > 0 && row[last - 1].text.empty()) --last;
    std::string line;
    std::size_t used = 0;
    for (std::size_t i = 0; i < last && (columns == 0 || used < columns); ++i) {
      const std::string text = columns == 0 ? row[i].text : Cut(row[i].text, columns - used);
      const std::string_view code = colour ? Code(row[i].colour) : "";
      line.append(code).append(text).append(code.empty() ? "" : "\x1b[0m");
      used += Width(text);
      if (i + 1 == last) break;
      std::size_t blanks = widths_[i] - std::min(widths_[i], Width(text)) + kGap.size();
      if (columns != 0) blanks = std::min(blanks, columns - used);
      line.append(blanks, ' ');
      used += blanks;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace keypool::cli
