#include "proxy/connection_caps.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace keypool::proxy {
namespace {

TEST(CountedAddress, SameMachineThenTheSame) {
  EXPECT_EQ(CountedAddress("192.0.2.1"), CountedAddress("::ffff:192.0.2.1"));
  EXPECT_EQ(CountedAddress("2001:db8:1:2::1"), CountedAddress("2001:db8:1:2:ffff::9"));
}

TEST(CountedAddress, OtherMachinesThenOthers) {
  EXPECT_NE(CountedAddress("192.0.2.1"), CountedAddress("192.0.2.2"));
  EXPECT_NE(CountedAddress("2001:db8:1:2::1"), CountedAddress("2001:db8:1:3::1"));
  EXPECT_NE(CountedAddress("::1"), CountedAddress("127.0.0.1"));
  EXPECT_NE(CountedAddress(""), CountedAddress("::"));
}

TEST(ConnectionCaps, AsManyAsAreAllowedThenTheNextHasNoPlace) {
  ConnectionCaps caps(2);
  const ConnectionCaps::Place first = caps.Take("192.0.2.1");
  ConnectionCaps::Place second = caps.Take("192.0.2.1");
  EXPECT_TRUE(first.taken());
  EXPECT_TRUE(second.taken());
  EXPECT_FALSE(caps.Take("192.0.2.1").taken());
  EXPECT_TRUE(caps.Take("192.0.2.2").taken());
  second = {};
  EXPECT_TRUE(caps.Take("192.0.2.1").taken());
}

TEST(ConnectionCaps, PlaceIsMovedThenItIsGivenBackOnce) {
  ConnectionCaps caps(1);
  {
    ConnectionCaps::Place first = caps.Take("::1");
    const ConnectionCaps::Place second = std::move(first);
    EXPECT_TRUE(second.taken());
    EXPECT_FALSE(caps.Take("::1").taken());
  }
  EXPECT_TRUE(caps.Take("::1").taken());
}

TEST(ConnectionCaps, NoCapThenEveryoneHasAPlace) {
  ConnectionCaps caps(0);
  std::vector<ConnectionCaps::Place> places;
  for (int i = 0; i < 1000; ++i) {
    places.push_back(caps.Take("192.0.2.1"));
    ASSERT_TRUE(places.back().taken());
  }
}

}  // namespace
}  // namespace keypool::proxy
