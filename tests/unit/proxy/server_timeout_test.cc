#include "proxy/server_timeout.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "proxy/request_head.h"

namespace keypool::proxy {
namespace {

std::optional<absl::Duration> Read(const std::string& value) {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nx-Server-timeout: " + value + "\r\n\r\n";
  std::size_t scanned = 0;
  RequestHead head;
  EXPECT_EQ(ParseRequestHead(text, &scanned, &head).state, HeadState::kComplete);
  return ReadServerTimeout(head);
}

TEST(ServerTimeout, WholeSecondsThenTheyAreRead) {
  EXPECT_EQ(Read("30"), absl::Seconds(30));
  EXPECT_EQ(Read("1"), absl::Seconds(1));
  EXPECT_EQ(Read("999999999"), absl::Seconds(999'999'999));
  for (const char* other : {"", "0", "-1", "1.5", "1000000000", "soon", "3 0"}) {
    EXPECT_EQ(Read(other), std::nullopt) << other;
  }
}

TEST(ServerTimeout, LessIsLeftThenItIsRoundedUp) {
  const absl::Duration given = absl::Seconds(30);
  EXPECT_EQ(SecondsLeft(given, given), "");
  EXPECT_EQ(SecondsLeft(absl::Milliseconds(29'001), given), "");
  EXPECT_EQ(SecondsLeft(absl::Seconds(29), given), "29");
  EXPECT_EQ(SecondsLeft(absl::Milliseconds(28'001), given), "29");
  EXPECT_EQ(SecondsLeft(absl::Nanoseconds(1), given), "1");
}

}  // namespace
}  // namespace keypool::proxy
