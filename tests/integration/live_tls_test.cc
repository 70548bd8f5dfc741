// Live sessions over the proxy's own HTTPS (wss), on to an upstream with TLS and one without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/harness/certificate.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/live_client.h"
#include "tests/integration/harness/proc.h"
#include "tests/integration/harness/tls_client.h"
#include "tests/unit/proxy/ws_build.h"

namespace keypool::itest {
namespace {

using testing::HasSubstr;

class LiveTls : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    files_ = MakeCertificate(dir_, "localhost");
    ClusterOptions options{.keys = TestKeys(1), .upstream_host = "localhost"};
    options.proxy = {{"TLS_CERT_FILE", files_.certificate},
                     {"TLS_KEY_FILE", files_.key},
                     {"TLS_PORT", "0"},
                     {"UPSTREAM_CA_FILE", files_.authority},
                     {"SHUTDOWN_GRACE_SECONDS", "4"}};
    if (GetParam()) {
      options.fake.tls_certificate_file = files_.certificate;
      options.fake.tls_key_file = files_.key;
    }
    cluster_ = Cluster::Start(options).value();
  }
  std::unique_ptr<LiveClient> Open(bool deflate = false) {
    return std::make_unique<LiveClient>(
        cluster_->proxy_tls_port(), LiveOptions{.deflate = deflate, .authority = files_.authority});
  }
  // … and set up.
  std::unique_ptr<LiveClient> Begin(bool deflate = false) {
    std::unique_ptr<LiveClient> client = Open(deflate);
    EXPECT_EQ(client->status(), 101);
    EXPECT_TRUE(client->Setup());
    EXPECT_EQ(client->Receive(), R"({"setupComplete":{}})");
    return client;
  }
  bool AllLetGo() {
    return cluster_->fake().WaitFor([&] { return cluster_->fake().Counts().connections_open == 0; },
                                    kDeadline);
  }

  TempDir dir_;
  CertificateFiles files_;
  std::unique_ptr<Cluster> cluster_;
};

INSTANTIATE_TEST_SUITE_P(Upstream, LiveTls, testing::Bool(),
                         [](const auto& row) { return row.param ? "Https" : "Http"; });

TEST_P(LiveTls, TextTurnsThenEchoedAsWithout) {
  const auto client = Begin();
  for (const std::string text : {"hello", "again"}) {
    ASSERT_TRUE(client->Say(text));
    EXPECT_THAT(client->Receive().value_or(""), HasSubstr("\"text\":\"" + text + "\""));
    EXPECT_THAT(client->Receive().value_or(""), HasSubstr("turnComplete"));
  }
  ASSERT_TRUE(client->Ping("anyone"));
  ASSERT_TRUE(client->Say("after"));
  ASSERT_TRUE(client->ReceiveUntil("turnComplete").has_value());
  EXPECT_EQ(client->pong(), "anyone");
  EXPECT_TRUE(client->Close(1000, "bye"));
  EXPECT_TRUE(AllLetGo());
  EXPECT_EQ(cluster_->fake().Requests().size(), 1u);
}

TEST_P(LiveTls, MessagesOfAMegabyteThenBothWaysWhole) {
  for (const bool deflate : {false, true}) {
    const auto client = Begin(deflate);
    std::string text;
    for (int i = 0; text.size() < 1'000'000; ++i) absl::StrAppend(&text, i, ",");
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(client->Say(text));
      EXPECT_THAT(client->Receive().value_or(""), HasSubstr(text));
      EXPECT_THAT(client->Receive().value_or(""), HasSubstr("turnComplete"));
    }
    EXPECT_TRUE(client->Close(1000, ""));
  }
}

// Setup and more come in one record, before the key for them is there.
TEST_P(LiveTls, MessagesInOneRecordThenAllAreAnswered) {
  TlsClient client(cluster_->proxy_tls_port(), {.authority = files_.authority});
  ASSERT_TRUE(client.connected());
  ASSERT_TRUE(client.Send(
      absl::StrCat("GET ", LiveOptions().target,
                   " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                   "\r\n")));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), testing::StartsWith("HTTP/1.1 101 "));
  const auto message = [](std::string_view text) { return proxy::WsBytes({.masked = true}, text); };
  std::string all = message(R"({"setup":{"model":"models/gemini-2.5-flash"}})");
  for (int i = 0; i < 50; ++i) {
    all += message(absl::StrCat(R"({"realtimeInput":{"text":"text no. )", i, R"("}})"));
  }
  all += message(R"({"realtimeInput":{"text":"close 1000 done"}})");
  ASSERT_TRUE(client.Send(all));
  EXPECT_THAT(client.ReadUntil("done"), HasSubstr("no. 49"));
}

TEST_P(LiveTls, EveryKindOfEndThenCodeAndReasonReachTheClient) {
  for (const int code : {1000, 1001, 1008, 1011}) {
    const auto client = Begin();
    ASSERT_TRUE(client->Say(absl::StrCat("close ", code, " as you wish")));
    EXPECT_EQ(client->Receive(), std::nullopt);
    EXPECT_EQ(client->close_code(), code);
    EXPECT_EQ(client->close_reason(), "as you wish");
  }
  const auto cut = Begin();
  ASSERT_TRUE(cut->Say("cut"));
  EXPECT_EQ(cut->Receive(), std::nullopt);
  EXPECT_EQ(cut->close_code(), 1006);
  const auto leaves = Begin();
  leaves->Abort();
  EXPECT_TRUE(AllLetGo());
}

TEST_P(LiveTls, StopOfTheProxyThenSessionsAreToldToGo) {
  const auto client = Begin();
  const auto idle = Open();
  ASSERT_EQ(idle->status(), 101);
  cluster_->proxy().Signal(SIGTERM);
  ASSERT_TRUE(cluster_->proxy().WaitForLine("proxy_stopping").has_value());
  EXPECT_EQ(idle->Receive(), std::nullopt);
  EXPECT_EQ(idle->close_code(), 1001);
  ASSERT_TRUE(client->Say("still there"));
  EXPECT_TRUE(client->ReceiveUntil("turnComplete").has_value());
  EXPECT_EQ(client->Receive(), std::nullopt);
  EXPECT_EQ(client->close_code(), 1001);
  EXPECT_EQ(cluster_->proxy().WaitForExit(), 0);
}

}  // namespace
}  // namespace keypool::itest
