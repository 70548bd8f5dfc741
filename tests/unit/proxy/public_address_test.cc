#include "proxy/public_address.h"

#include <gtest/gtest.h>

#include <string>

namespace keypool::proxy {
namespace {

TEST(TrustedPeers, RangesThenAddressesInThemAreTrustedAndNoOthers) {
  const auto peers = TrustedPeers::Parse("127.0.0.1, 10.1.0.0/15,fd00::/8, ::1");
  ASSERT_TRUE(peers.ok()) << peers.status();
  for (const std::string_view good :
       {"127.0.0.1", "10.0.0.7", "10.1.255.255", "fd12::9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(peers->Has(good)) << good;
  }
  for (const std::string_view bad : {"127.0.0.2", "10.2.0.0", "fc00::1", "::2", "", "localhost"}) {
    EXPECT_FALSE(peers->Has(bad)) << bad;
  }
  EXPECT_TRUE(TrustedPeers::Parse("0.0.0.0/0")->Has("8.8.8.8"));
  EXPECT_FALSE(TrustedPeers::Parse("0.0.0.0/0")->Has("2001:db8::1"));
  EXPECT_FALSE(TrustedPeers::Parse("")->Has("127.0.0.1"));
}

TEST(TrustedPeers, WhatIsNoRangeThenItIsNamed) {
  for (const std::string bad : {"localhost", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "1.2.3",
                                "10.0.0.0/-1", "10.0.0.0/8x"}) {
    const auto peers = TrustedPeers::Parse("127.0.0.1," + bad);
    ASSERT_FALSE(peers.ok()) << bad;
    EXPECT_NE(peers.status().message().find(bad), std::string::npos) << peers.status();
  }
}

TEST(AddressUsed, ForwardedFieldsThenOnlyATrustedPeersCount) {
  RequestHead head;
  head.host = "localhost:8000";
  EXPECT_EQ(AddressUsed(head, false, true), "http://localhost:8000");
  EXPECT_EQ(AddressUsed(head, true, false), "https://localhost:8000");
  head.fields = {{"X-Forwarded-Proto", "https, http"},
                 {"x-forwarded-host", "pool.example:444, inner"}};
  EXPECT_EQ(AddressUsed(head, false, false), "http://localhost:8000");
  EXPECT_EQ(AddressUsed(head, false, true), "https://pool.example:444");
  head.fields = {{"X-Forwarded-Proto", "gopher"}, {"X-Forwarded-Host", "a/b"}};
  EXPECT_EQ(AddressUsed(head, false, true), "http://localhost:8000");
  head.host = "[::1]:8000";
  EXPECT_EQ(AddressUsed(head, false, false), "http://[::1]:8000");
  head.host = "";
  EXPECT_EQ(AddressUsed(head, false, false), "");
}

TEST(PublicPrefix, PathBehindItThenItGoesAndNothingElseDoes) {
  const struct {
    std::string_view before, after;
  } kCases[] = {
      {"/gemini/v1beta/models?x=1", "/v1beta/models?x=1"},
      {"/gemini/", "/"},
      {"/gemini", "/gemini"},
      {"/geminis/v1", "/geminis/v1"},
      {"/v1beta/gemini/x", "/v1beta/gemini/x"},
      {"*", "*"},
  };
  for (const auto& c : kCases) {
    std::string_view target = c.before;
    EXPECT_EQ(RemovePrefix("/gemini", &target), c.before != c.after) << c.before;
    EXPECT_EQ(target, c.after);
    target = c.before;
    EXPECT_FALSE(RemovePrefix("", &target));
  }
  EXPECT_EQ(AuthorityIn("https://pool.example:444/gemini"), "pool.example:444");
  EXPECT_EQ(AuthorityIn(""), "");
  EXPECT_EQ(AuthorityIn("files?from=https://pool.example/"), "");
}

}  // namespace
}  // namespace keypool::proxy
