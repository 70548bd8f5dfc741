#include "keyd/base/clients.h"

#include <gtest/gtest.h>

#include <string>

namespace keypool {
namespace {

TEST(ClientName, IsNoAddress) {
  for (const char* good : {"a", "Team-7", "team_a.prod", "x0"}) {
    EXPECT_TRUE(IsClientName(good)) << good;
  }
  EXPECT_TRUE(IsClientName(std::string(64, 'a')));
  for (const char* bad : {"", "10.0.0.1", "::1", "fe80::1", "-a", ".a", "a b", "a/b", "\xc3\xa4"}) {
    EXPECT_FALSE(IsClientName(bad)) << bad;
  }
  EXPECT_FALSE(IsClientName(std::string(65, 'a')));
}

TEST(ModelPattern, StandsForModels) {
  struct Case {
    const char* pattern;
    const char* model;
    bool matches;
  };
  for (const Case& c : {Case{"gemini-2.5-*", "gemini-2.5-pro", true},
                        {"gemini-2.5-*", "gemini-2.5-", true},
                        {"gemini-2.5-*", "gemini-3-pro", false},
                        {"*", "", true},
                        {"*flash*", "gemini-2.5-flash-lite", true},
                        {"*flash", "gemini-2.5-flash-lite", false},
                        {"*-pro", "gemini-pro-pro", true},
                        {"gemini-?.5-pro", "gemini-2.5-pro", true},
                        {"gemini-?.5-pro", "gemini-12.5-pro", false},
                        {"gemini-2.5-pro", "gemini-2.5-pro", true},
                        {"gemini-2.5-pro", "gemini-2.5-pro-x", false},
                        {"**a*", "ba", true},
                        {"tunedModels/*", "tunedModels/x", true},
                        {"a*b*c", "aXbXbXc", true},
                        {"a*b*c", "aXbXbX", false}}) {
    EXPECT_EQ(MatchesModel(c.pattern, c.model), c.matches) << c.pattern << " " << c.model;
  }
}

TEST(ModelPattern, ThatIsNoneIsToldApart) {
  EXPECT_TRUE(IsModelPattern("gemini-2.5-*"));
  EXPECT_TRUE(IsModelPattern("tunedModels/x?"));
  EXPECT_FALSE(IsModelPattern(""));
  EXPECT_FALSE(IsModelPattern("a b"));
  EXPECT_FALSE(IsModelPattern(std::string(129, 'a')));
}

}  // namespace
}  // namespace keypool
