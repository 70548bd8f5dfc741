#include "keyd/base/client_token.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace keypool {
namespace {

std::string NewToken() { return std::string((*MakeClientToken())->Reveal()); }

TEST(ClientToken, HasItsFormAndADigestOfItsOwn) {
  std::set<std::string> tokens;
  std::set<TokenDigest> digests;
  for (int i = 0; i < 100; ++i) {
    const std::string token = NewToken();
    EXPECT_EQ(token.size(), kTokenBytes);
    EXPECT_TRUE(token.starts_with(kClientToken.start));
    EXPECT_TRUE(LooksLikeClientToken(token));
    const auto digest = DigestOfClientToken(token);
    ASSERT_TRUE(digest.has_value()) << token;
    EXPECT_EQ(digest, DigestOfClientToken(token));
    tokens.insert(token);
    digests.insert(*digest);
  }
  EXPECT_EQ(tokens.size(), 100u);
  EXPECT_EQ(digests.size(), 100u);
}

TEST(ClientToken, OneThatWasMistypedIsNone) {
  const std::string token = NewToken();
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(DigestOfClientToken(other).has_value()) << i;
  }
  for (const std::string& text :
       {std::string(), std::string("gkp_"), token.substr(1), token + "A", token.substr(0, 51),
        std::string("AIzaSyFakeFakeFakeFakeFakeFakeFakeFake"), token.substr(0, 51) + "=",
        token.substr(0, 51) + "\n"}) {
    EXPECT_FALSE(LooksLikeClientToken(text)) << text;
    EXPECT_FALSE(DigestOfClientToken(text).has_value()) << text;
  }
}

TEST(ClientToken, DigestsAreComparedWhole) {
  TokenDigest a = *DigestOfClientToken(NewToken());
  TokenDigest b = a;
  EXPECT_TRUE(TokenDigestEqual()(a, b));
  EXPECT_EQ(TokenDigestHash()(a), TokenDigestHash()(b));
  b.back() ^= 1;
  EXPECT_FALSE(TokenDigestEqual()(a, b));
}

}  // namespace
}  // namespace keypool
