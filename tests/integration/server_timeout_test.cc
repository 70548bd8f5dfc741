// X-Server-Timeout bounds what the client waits for in all, not each try anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <memory>
#include <string>
#include <string_view>

#include "tests/integration/harness/cluster.h"

namespace keypool::itest {
namespace {

using fake::FaultKind;
using testing::HasSubstr;

HttpRequest Within(std::string_view seconds) {
  HttpRequest request = GenerateContent();
  request.headers.push_back({"X-Server-Timeout", std::string(seconds)});
  return request;
}

std::string TimeoutOf(const fake::SeenRequest& seen) {
  const std::vector<std::string_view> all = seen.head.All("x-server-timeout");
  return all.size() == 1 ? std::string(all[0]) : "not once";
}

// An overloaded upstream is asked again after 250 ms, 500 ms and one second.
TEST(ServerTimeout, LaterTriesHaveWhatIsLeft) {
  auto cluster = Cluster::Start({.keys = TestKeys(1), .proxy = {{"RETRY_DELAY_SECONDS", "1"}}});
  ASSERT_TRUE(cluster.ok());
  (*cluster)->fake().AddFault(fake::FaultOf(FaultKind::k503, 3));
  EXPECT_EQ(Fetch((*cluster)->proxy_port(), Within("1000")).status, 200);
  const auto requests = (*cluster)->fake().Requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(TimeoutOf(requests[0]), "1000");
  const std::string last = TimeoutOf(requests[3]);
  int left = 0;
  std::from_chars(last.data(), last.data() + last.size(), left);
  EXPECT_GT(left, 0) << last;
  EXPECT_LE(left, 999) << last;
}

TEST(ServerTimeout, NothingIsLeftThenItIsADeadlineInTheCallersShape) {
  auto cluster = Cluster::Start({.keys = TestKeys(1), .proxy = {{"RETRY_DELAY_SECONDS", "1"}}});
  ASSERT_TRUE(cluster.ok());
  (*cluster)->fake().AddFault(fake::FaultOf(FaultKind::k503, -1));
  const Answer native = Fetch((*cluster)->proxy_port(), Within("1"));
  EXPECT_EQ(native.status, 504);
  EXPECT_THAT(native.body, HasSubstr("\"DEADLINE_EXCEEDED\""));
  EXPECT_THAT(native.body, HasSubstr("X-Server-Timeout"));
}

TEST(ServerTimeout, NothingIsLeftOfAnArrayThenTheErrorIsAnArrayToo) {
  auto cluster = Cluster::Start({.keys = TestKeys(1), .proxy = {{"RETRY_DELAY_SECONDS", "1"}}});
  ASSERT_TRUE(cluster.ok());
  (*cluster)->fake().AddFault(fake::FaultOf(FaultKind::k503, -1));
  HttpRequest request = Within("1");
  request.target = "/v1beta/models/gemini-2.5-flash:streamGenerateContent";
  const Answer array = Fetch((*cluster)->proxy_port(), request);
  EXPECT_EQ(array.status, 504);
  EXPECT_THAT(array.body, testing::StartsWith("["));
}

TEST(ServerTimeout, WhatIsNoNumberOfSecondsStaysAsItCame) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)});
  ASSERT_TRUE(cluster.ok());
  for (const std::string_view text : {"30", "0030", "1.5", "soon"}) {
    EXPECT_EQ(Fetch((*cluster)->proxy_port(), Within(text)).status, 200);
    EXPECT_EQ(TimeoutOf((*cluster)->fake().Requests().back()), text);
  }
}

}  // namespace
}  // namespace keypool::itest
