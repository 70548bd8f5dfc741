// Whatever upstream says in a Live session: no client sees a key of the pool.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "proxy/ws_frames.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/live_client.h"
#include "tests/unit/proxy/ws_build.h"

namespace keypool::itest {
namespace {

using proxy::WsBytes;
using proxy::WsFrameReader;
using testing::HasSubstr;
using testing::Not;

// TestKey(1), which the answers quote.
const std::string& Canary() {
  static const std::string key = TestKey(1);
  return key;
}
std::string WithKey(std::string text) { return absl::StrReplaceAll(text, {{"$KEY", Canary()}}); }
std::string WithStars(std::string text) {
  return absl::StrReplaceAll(text, {{"$KEY", std::string(Canary().size(), '*')}});
}

struct Heard {
  std::vector<std::string> messages;
  std::string ping;
  std::string close;  // the reason
};

Heard Read(std::string_view bytes) {
  Heard heard;
  WsFrameReader reader(WsFrameReader::Sender::kServer);
  std::string payload, control;
  for (auto event = reader.Next(&bytes); event != WsFrameReader::Event::kMore;
       event = reader.Next(&bytes)) {
    std::string* const to = reader.frame().IsControl() ? &control : &payload;
    if (event == WsFrameReader::Event::kPayload) reader.AppendPayload(to);
    if (event == WsFrameReader::Event::kInvalid) {
      ADD_FAILURE() << "what came is no WebSocket's";
      break;
    }
    if (event != WsFrameReader::Event::kEnd || !reader.frame().fin) continue;
    if (!reader.frame().IsControl()) {
      heard.messages.push_back(payload);
    } else if (reader.frame().opcode == proxy::WsOpcode::kClose) {
      heard.close = proxy::ParseWsClose(control).reason;
    } else {
      heard.ping = control;
    }
    to->clear();
  }
  EXPECT_TRUE(reader.AtFrameEnd());
  return heard;
}

class LiveRedaction : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_THAT(cluster_->proxy().Err(), Not(HasSubstr(Canary())));
    EXPECT_THAT(cluster_->proxy().Out(), Not(HasSubstr(Canary())));
  }
  // A whole session in which the client says this; every byte that comes for it behind the head.
  std::string Converse(const std::vector<std::string>& texts) {
    RawConnection connection(cluster_->proxy_port());
    HttpRequest upgrade{.target = LiveOptions().target};
    upgrade.headers = {{"Connection", "Upgrade"},
                       {"Upgrade", "websocket"},
                       {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                       {"Sec-WebSocket-Version", "13"}};
    EXPECT_TRUE(connection.Send(upgrade));
    EXPECT_EQ(connection.ReadHead().status, 101);
    std::string said = Message(R"({"setup":{"model":"models/gemini-2.5-flash"}})");
    for (const std::string& text : texts) {
      said += Message(R"({"realtimeInput":{"text":")" + WithKey(text) + R"("}})");
    }
    said += proxy::WsMaskedCloseFrame(1000, "", 0x01020304);
    EXPECT_TRUE(connection.Send(said));
    std::string bytes;
    EXPECT_EQ(connection.ReadToEnd(&bytes), End::kClosed);
    EXPECT_THAT(bytes, Not(HasSubstr(Canary())));
    return bytes;
  }
  static std::string Message(std::string_view text) { return WsBytes({.masked = true}, text); }

  std::unique_ptr<Cluster> cluster_ = Cluster::Start({.keys = TestKeys(1)}).value();
};

TEST_F(LiveRedaction, TextAndBinaryFramesThenStarsStandInPlaceOfTheKey) {
  const std::string large = absl::StrCat(std::string(300'000, 'A'), "$KEY", std::string(9, 'A'));
  const Heard heard = Read(Converse({"text {$KEY}", "binary $KEY", "text " + large}));
  ASSERT_EQ(heard.messages.size(), 5u);  // setup, text, turn, its end, text
  EXPECT_EQ(heard.messages[1], WithStars("{$KEY}"));
  EXPECT_THAT(heard.messages[2], HasSubstr(WithStars("\"text\":\"binary $KEY\"")));
  EXPECT_EQ(heard.messages[4], WithStars(large));
}

TEST_F(LiveRedaction, KeySplitOverTheFramesOfAMessageThenNothingOfItComesThrough) {
  const std::string text = "say $KEY AIza $KEY";
  for (const int bytes : {1, 2, 7, 30}) {
    const std::string raw = Converse({absl::StrCat("pieces ", bytes, " ", text)});
    const Heard heard = Read(raw);
    ASSERT_EQ(heard.messages.size(), 2u);
    EXPECT_EQ(heard.messages[1], WithStars(text)) << bytes;
    // No more of the key than stands beside it.
    EXPECT_THAT(raw, Not(HasSubstr(Canary().substr(0, 7))));
  }
}

TEST_F(LiveRedaction, PingInsideOfAMessageThenItComesAndNoMoreThanTheStartOfTheKeyDoes) {
  const Heard heard = Read(Converse({"pings 10 $KEY"}));
  ASSERT_EQ(heard.messages.size(), 2u);
  // What has gone on before the ping came is less than half.
  const std::string rest(Canary().size() - 10, '*');
  EXPECT_THAT(heard.messages[1],
              testing::AnyOf(Canary().substr(0, 10) + rest, std::string(10, '*') + rest));
  EXPECT_EQ(heard.ping, "in between");
}

TEST_F(LiveRedaction, CloseReasonThenMasked) {
  const Heard heard = Read(Converse({"close 1008 Consumer 'api_key:$KEY' has been suspended."}));
  EXPECT_EQ(heard.close, WithStars("Consumer 'api_key:$KEY' has been suspended."));
}

TEST_F(LiveRedaction, CompressionAgreedOnThenTheCloseReasonIsMaskedAllTheSame) {
  LiveClient client(cluster_->proxy_port(), {.deflate = true});
  ASSERT_TRUE(client.Setup());
  ASSERT_TRUE(client.Receive().has_value());
  ASSERT_TRUE(client.Say("text plain " + Canary()));
  EXPECT_EQ(client.Receive(), WithStars("plain $KEY"));
  ASSERT_TRUE(client.Say("close 1008 " + Canary()));
  EXPECT_EQ(client.Receive(), std::nullopt);
  EXPECT_EQ(client.close_code(), 1008);
  EXPECT_EQ(client.close_reason(), WithStars("$KEY"));
}

}  // namespace
}  // namespace keypool::itest
