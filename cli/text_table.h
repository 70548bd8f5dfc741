// Text in aligned columns, by the width it has on a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keypool::cli {

// Columns that UTF-8 text takes on a terminal: 2 for East Asian wide characters and emoji, 0 for
// combining marks, 1 for everything else.
std::size_t Width(std::string_view text);

// `text` without what a terminal would obey: control characters and broken UTF-8 become "?".
std::string Harmless(std::string_view text);

enum class Colour { kNone, kGreen, kYellow, kRed, kBold };

struct Cell {
  std::string text;
  Colour colour = Colour::kNone;
};

// Rows below a head, each column as wide as its widest cell. The last column is not padded.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> head);
  // As many cells as the head has.
  void Add(std::vector<Cell> row);
  // Lines without line ends. `columns`: longer lines are cut there; 0 never cuts.
  std::vector<std::string> Lines(bool colour, std::size_t columns) const;

 private:
  std::vector<std::vector<Cell>> rows_;  // the head first
  std::vector<std::size_t> widths_;
};

// The first `columns` columns of `text`, which ends in "…" when it was longer.
std::string Cut(std::string_view text, std::size_t columns);

}  // namespace keypool::cli
