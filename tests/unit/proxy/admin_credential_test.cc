#include "proxy/admin_credential.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keypool::proxy {
namespace {

const std::string kToken = "gka_" + std::string(48, 'x');

RequestHead HeadOf(std::vector<Field> fields, std::string_view target = "/admin/status") {
  RequestHead head;
  head.method = "GET";
  head.target = target;
  head.fields.assign(fields.begin(), fields.end());
  return head;
}

TEST(AdminCredential, IsTheBearerOfTheOneAuthorizationField) {
  for (const std::string& value : {"Bearer " + kToken, "bearer " + kToken, "BEARER   " + kToken}) {
    const AdminCredential found = FindAdminCredential(HeadOf({{"authorization", value}}));
    EXPECT_TRUE(found.shown);
    ASSERT_NE(found.token, nullptr) << value;
    EXPECT_EQ(found.token->Reveal(), kToken);
  }
}

TEST(AdminCredential, WhatIsNoTokenIsShownAllTheSame) {
  for (const std::string& value :
       {kToken, "Basic " + kToken, "Bearer " + kToken + "x", "Bearer gkp_" + std::string(48, 'x'),
        std::string("Bearer"), std::string("Bearer \x80")}) {
    const AdminCredential found = FindAdminCredential(HeadOf({{"Authorization", value}}));
    EXPECT_TRUE(found.shown) << value;
    EXPECT_EQ(found.token, nullptr) << value;
  }
  const std::string bearer = "Bearer " + kToken;
  const AdminCredential twice =
      FindAdminCredential(HeadOf({{"Authorization", bearer}, {"Authorization", bearer}}));
  EXPECT_TRUE(twice.shown);
  EXPECT_EQ(twice.token, nullptr);
}

TEST(AdminCredential, NothingElseIsLookedAt) {
  const std::string target = "/admin/status?key=" + kToken;
  const AdminCredential found = FindAdminCredential(
      HeadOf({{"x-goog-api-key", kToken}, {"Cookie", kToken}, {"x-admin-token", kToken}}, target));
  EXPECT_FALSE(found.shown);
  EXPECT_EQ(found.token, nullptr);
}

TEST(AnotherSite, IsWhereABrowserSaysThatARequestIsFrom) {
  EXPECT_TRUE(MayBeFromAnotherSite(HeadOf({{"Origin", "http://evil.example"}})));
  EXPECT_TRUE(MayBeFromAnotherSite(HeadOf({{"origin", "null"}})));
  EXPECT_TRUE(MayBeFromAnotherSite(HeadOf({{"Sec-Fetch-Site", "cross-site"}})));
  EXPECT_TRUE(MayBeFromAnotherSite(HeadOf({{"Sec-Fetch-Site", "same-site"}})));
  EXPECT_FALSE(MayBeFromAnotherSite(HeadOf({{"Sec-Fetch-Site", "none"}})));
  EXPECT_FALSE(MayBeFromAnotherSite(HeadOf({{"Host", "pool.example"}})));
}

}  // namespace
}  // namespace keypool::proxy
