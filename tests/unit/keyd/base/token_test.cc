#include "keyd/base/token.h"

#include <gtest/gtest.h>

#include <string>

#include "keyd/base/admin_tokens.h"
#include "keyd/base/client_token.h"

namespace keypool {
namespace {

TEST(Token, OneKindIsNotGoodForAnother) {
  const std::string admin((*MakeToken(kAdminToken))->Reveal());
  const std::string client((*MakeToken(kClientToken))->Reveal());
  EXPECT_TRUE(admin.starts_with("gka_"));
  EXPECT_TRUE(DigestOfToken(kAdminToken, admin).has_value());
  EXPECT_FALSE(LooksLikeToken(kClientToken, admin));
  EXPECT_FALSE(DigestOfToken(kClientToken, admin).has_value());
  EXPECT_FALSE(DigestOfToken(kAdminToken, client).has_value());
  // With the start of the other kind its checksum does not fit.
  EXPECT_FALSE(DigestOfToken(kClientToken, "gkp_" + admin.substr(4)).has_value());
  EXPECT_FALSE(DigestOfToken(kAdminToken, "gka_" + client.substr(4)).has_value());
}

// What is on disk must not change with the code.
TEST(Token, DigestsStayWhatTheyAre) {
  EXPECT_EQ(kClientToken.start, "gkp_");
  EXPECT_EQ(kClientToken.purpose, "keypool client token");
  EXPECT_EQ(kAdminToken.purpose, "keypool admin token");
}

}  // namespace
}  // namespace keypool
