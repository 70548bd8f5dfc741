#include "cli/text_table.h"

#include <gtest/gtest.h>

namespace keypool::cli {
namespace {

TEST(Width, CountsColumnsNotBytes) {
  EXPECT_EQ(Width("abc"), 3u);
  EXPECT_EQ(Width("AIza\u2026wxyz"), 9u);
  EXPECT_EQ(Width("\u641c\u7d22"), 4u);
  EXPECT_EQ(Width("e\u0301"), 1u);
  EXPECT_EQ(Width("\U0001F600"), 2u);
  EXPECT_EQ(Width("\xff"), 1u);
}

TEST(Harmless, TakesAwayWhatATerminalObeys) {
  EXPECT_EQ(Harmless("a\x1b[31mb\n\u202ec\x7f\xc2\x9b"), "a?[31mb??c??");
  EXPECT_EQ(Harmless("\xff\xc0\xaf\xed\xa0\x80 ok \u00e9"), "?????? ok \u00e9");
}

TEST(Cut, KeepsWholeCharacters) {
  EXPECT_EQ(Cut("abcdef", 6), "abcdef");
  EXPECT_EQ(Cut("abcdef", 4), "abc\u2026");
  EXPECT_EQ(Cut("\u641c\u7d22\u641c", 4), "\u641c\u2026");
  EXPECT_EQ(Cut("abc", 0), "");
}

TEST(TextTable, AlignsByWidth) {
  TextTable table({"A", "B", "C"});
  table.Add({{"\u641c"}, {"x"}, {"1"}});
  table.Add({{"long"}, {""}, {""}});
  EXPECT_EQ(table.Lines(false, 0),
            (std::vector<std::string>{"A     B  C", "\u641c    x  1", "long"}));
}

TEST(TextTable, LineIsNotLongerThanTheScreenColoursAside) {
  TextTable table({"STATE", "WHY"});
  table.Add({{"ready", Colour::kGreen}, {"because of this"}});
  for (std::size_t columns = 1; columns < 25; ++columns) {
    for (const std::string& line : table.Lines(false, columns)) {
      EXPECT_LE(Width(line), columns) << line;
    }
  }
  EXPECT_EQ(table.Lines(true, 9)[1], "\x1b[32mready\x1b[0m  b\u2026");
}

}  // namespace
}  // namespace keypool::cli
