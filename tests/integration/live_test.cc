// Live sessions through the proxy: bytes pass as they are, one key is put in, the model's quota is
// taken once, and how it ends is told to both the client and the pool.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>

#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/live_client.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

using fake::FaultKind;
using fake::FaultOf;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kMethodPath =
    "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

// The upgrades that the fake got, oldest first.
std::vector<fake::SeenRequest> Upgrades(Cluster& cluster) { return cluster.fake().Requests(); }

bool WaitForOpen(Cluster& cluster, std::int64_t connections) {
  return cluster.fake().WaitFor(
      [&] { return cluster.fake().Counts().connections_open == connections; }, kDeadline);
}

TEST(Live, TextTurnsThenEchoedAsOverADirectConnection) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  LiveClient client(cluster->proxy_port(), {.target = std::string(kMethodPath) + "?key=MINE&x=1"});
  ASSERT_EQ(client.status(), 101);
  ASSERT_TRUE(client.Setup());
  EXPECT_EQ(client.Receive(), R"({"setupComplete":{}})");
  for (const std::string text : {"hello", "again"}) {
    ASSERT_TRUE(client.Say(text));
    EXPECT_THAT(client.Receive().value_or(""), HasSubstr("\"text\":\"" + text + "\""));
    EXPECT_THAT(client.Receive().value_or(""), HasSubstr("turnComplete"));
  }
  EXPECT_TRUE(client.Close(1000, "bye"));
  ASSERT_TRUE(WaitForOpen(*cluster, 0));
  const fake::SeenRequest upgrade = Upgrades(*cluster).back();
  EXPECT_EQ(upgrade.head.target, std::string(kMethodPath) + "?x=1");
  EXPECT_EQ(upgrade.head.All("x-goog-api-key").size(), 1u);
  EXPECT_EQ(upgrade.key, TestKey(1));
  EXPECT_THAT(upgrade.body, AllOf(HasSubstr(R"({"setup":{"model":"models/gemini-2.5-flash"}})"),
                                  HasSubstr("close\n")));
  // One key: the connection of the upgrade serves.
  EXPECT_EQ(Upgrades(*cluster).size(), 1u);
}

TEST(Live, DoubledSlashAndOtherMethodsThenUpgradedToo) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  for (const char* target :
       {"//ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent?key=K",
        "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateMusic"}) {
    LiveClient client(cluster->proxy_port(), {.target = target});
    ASSERT_TRUE(client.Setup()) << target;
    EXPECT_EQ(client.Receive(), R"({"setupComplete":{}})") << target;
  }
  // Not an upgrade: a request as any other.
  EXPECT_EQ(Get(cluster->proxy_port(), kMethodPath).status, 404);
}

TEST(Live, MessageOfAMegabyteThenBothWaysWhole) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  for (const bool deflate : {false, true}) {
    LiveClient client(cluster->proxy_port(), {.deflate = deflate});
    ASSERT_TRUE(client.Setup());
    ASSERT_TRUE(client.Receive().has_value());
    const std::string text(1'000'000, 'x');
    ASSERT_TRUE(client.Say(text));
    EXPECT_THAT(client.Receive().value_or("").size(), testing::Gt(text.size()));
  }
}

TEST(Live, SubprotocolAndExtensionsThenAgreedOnAsUpstreamDoes) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  LiveClient client(cluster->proxy_port(),
                    {.headers = {{"Sec-WebSocket-Protocol", "gemini.v1, other"}}, .deflate = true});
  ASSERT_EQ(client.status(), 101);
  EXPECT_EQ(client.Header("Sec-WebSocket-Protocol"), "gemini.v1");
  EXPECT_THAT(client.Header("Sec-WebSocket-Extensions"), HasSubstr("permessage-deflate"));
  ASSERT_TRUE(client.Setup());
  EXPECT_EQ(client.Receive(), R"({"setupComplete":{}})");
  ASSERT_TRUE(client.Say("packed"));
  EXPECT_TRUE(client.ReceiveUntil("turnComplete").has_value());
  EXPECT_TRUE(client.Close(1000, ""));
  EXPECT_TRUE(WaitUntil([&] {
    return cluster->Poolctl({"usage", "--json"}).out.find(R"("output_tokens":2)") !=
           std::string::npos;
  })) << cluster->Poolctl({"usage", "--json"}).out;
}

TEST(Live, PingsThenAnsweredByTheOtherSide) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  LiveClient client(cluster->proxy_port());
  ASSERT_TRUE(client.Setup());
  ASSERT_TRUE(client.Receive().has_value());
  ASSERT_TRUE(client.Ping("anyone"));
  ASSERT_TRUE(client.Say("ping"));
  ASSERT_TRUE(client.Say("after"));
  ASSERT_TRUE(client.ReceiveUntil("turnComplete").has_value());
  EXPECT_EQ(client.pong(), "anyone");
  EXPECT_TRUE(client.Close(1000, ""));
  ASSERT_TRUE(WaitForOpen(*cluster, 0));
  EXPECT_THAT(Upgrades(*cluster).back().body, HasSubstr("pong are you there"));
}

TEST(Live, EveryKindOfEndThenCodeAndReasonReachTheOtherSide) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  for (const int code : {1000, 1001, 1008, 1011}) {
    LiveClient client(cluster->proxy_port());
    ASSERT_TRUE(client.Setup());
    ASSERT_TRUE(client.Receive().has_value());
    ASSERT_TRUE(client.Say("close " + std::to_string(code) + " as you wish"));
    EXPECT_EQ(client.Receive(), std::nullopt);
    EXPECT_EQ(client.close_code(), code);
    EXPECT_EQ(client.close_reason(), "as you wish");
  }
  LiveClient cut(cluster->proxy_port());
  ASSERT_TRUE(cut.Setup());
  ASSERT_TRUE(cut.Receive().has_value());
  ASSERT_TRUE(cut.Say("cut"));
  EXPECT_EQ(cut.Receive(), std::nullopt);
  EXPECT_EQ(cut.close_code(), 1006);
  EXPECT_TRUE(WaitForOpen(*cluster, 0));
}

TEST(Live, ClientThatGoesThenUpstreamIsLetGo) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  for (const bool set_up : {true, false}) {
    LiveClient client(cluster->proxy_port());
    ASSERT_EQ(client.status(), 101);
    if (set_up) {
      ASSERT_TRUE(client.Setup());
      ASSERT_TRUE(client.Receive().has_value());
    }
    client.Abort();
    EXPECT_TRUE(WaitForOpen(*cluster, 0));
  }
}

TEST(Live, BytesThatAreNoFramesThenTheSessionEnds) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  RawConnection client(cluster->proxy_port());
  HttpRequest upgrade{.target = kMethodPath};
  upgrade.headers = {{"Connection", "Upgrade"},
                     {"Upgrade", "websocket"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                     {"Sec-WebSocket-Version", "13"}};
  ASSERT_TRUE(client.Send(upgrade));
  const Answer answer = client.ReadHead();
  EXPECT_EQ(answer.status, 101);
  EXPECT_EQ(answer.Header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(answer.Header("upgrade"), "websocket");
  ASSERT_TRUE(client.Send("\x81\x02{}"));  // not masked
  std::string rest;
  EXPECT_EQ(client.ReadToEnd(&rest), End::kClosed);
  EXPECT_EQ(rest.substr(2, 2), "\x03\xea");  // 1002
  EXPECT_TRUE(WaitForOpen(*cluster, 0));
}

}  // namespace
}  // namespace keypool::itest
