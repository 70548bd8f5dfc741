#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keyd/base/settings_parts.h"

namespace keypool {
namespace {

struct Good {
  const char* text;
  const char* value;
};

TEST(SettingsToml, ValuesAreReadAsText) {
  for (const Good& good : std::vector<Good>{
           {"a = \"x y\" # comment", "x y"},
           {"a = 'C:\\x'", "C:\\x"},
           {"a = \"q\\\" b\\\\ t\\t u\\u00e9 U\\U0001F600\"", "q\" b\\ t\t u\u00e9 U\U0001F600"},
           {"a=8_000", "8000"},
           {"  a  =  -0.5  ", "-0.5"},
           {"a = true\r\n", "true"},
           {"\"a\" = \"\"", ""},
           {"a = [\"k1@p\", 'k2']", "k1@p,k2"},
           {"a = [ # keys\n  \"k1\",\n\n  \"k2\", # last\n]\n", "k1,k2"},
           {"a = []", ""},
       }) {
    const SettingsFile file = ReadToml(good.text);
    ASSERT_EQ(file.mistakes.size(), 0u) << good.text << ": " << file.mistakes[0].message;
    ASSERT_EQ(file.entries.size(), 1u) << good.text;
    EXPECT_EQ(file.entries[0].key, "a") << good.text;
    EXPECT_EQ(file.entries[0].value, good.value) << good.text;
  }
}

TEST(SettingsToml, EveryBrokenLineIsToldOnceAndTheOthersAreRead) {
  for (const char* text :
       {"a", "a =", "= 1", "a = x", "a = 1 2", "a = \"x", "a = 'x", "a = \"\\q\"", "a = \"\\u12\"",
        "a = \"\\ud800\"", "a = \"\"\"x\"\"\"", "a = [1, 2", "a = [1 2]", "[x", "a = host name",
        "a = 2026-11-22", "a.b = 1", "a = {x = 1}", "[[x]]"}) {
    const SettingsFile file = ReadToml(std::string("# one\n") + text + "\nlast = 1\n");
    ASSERT_EQ(file.mistakes.size(), 1u) << text;
    EXPECT_GE(file.mistakes[0].line, 2) << text;
  }
  const SettingsFile file = ReadToml("a = x\nb = 1\nc = \"\n");
  ASSERT_EQ(file.mistakes.size(), 2u);
  EXPECT_EQ(file.mistakes[0].line, 1);
  EXPECT_EQ(file.mistakes[1].line, 3);
  EXPECT_EQ(file.entries.size(), 1u);
}

TEST(SettingsToml, MistakesDoNotQuoteTheLineBecauseItMayHoldASecret) {
  for (const char* text : {"gemini_api_keys = AIzaSecret", "gemini_api_keys = \"AIzaSecret",
                           "AIzaSecret", "[AIzaSecret"}) {
    for (const auto& mistake : ReadToml(text).mistakes) {
      EXPECT_THAT(mistake.message, testing::Not(testing::HasSubstr("AIza")));
    }
  }
}

TEST(SettingsToml, EntriesKnowTheirTableAndLine) {
  const SettingsFile file = ReadToml("a = 1\n\n[keyd]\nb = 2\n[ proxy ]\nc = [\n1,\n2]\nd = 4");
  ASSERT_EQ(file.mistakes.size(), 0u);
  ASSERT_EQ(file.entries.size(), 4u);
  EXPECT_EQ(file.entries[0].table, "");
  EXPECT_EQ(file.entries[1].table, "keyd");
  EXPECT_EQ(file.entries[1].line, 4);
  EXPECT_EQ(file.entries[2].table, "proxy");
  EXPECT_EQ(file.entries[3].line, 9);
}

TEST(SettingsToml, QuotedTextReadsBack) {
  for (const std::string text : {"", "plain", "\"\\\n\t\x01\x7f", "\u4e2d\u6587"}) {
    const SettingsFile file = ReadToml("a = " + TomlQuoted(text));
    ASSERT_EQ(file.entries.size(), 1u) << TomlQuoted(text);
    EXPECT_EQ(file.entries[0].value, text);
  }
}

}  // namespace
}  // namespace keypool
