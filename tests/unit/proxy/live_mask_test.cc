// Keys in what upstream says in a Live session: masked however the frames and the reads are cut,
// with every frame as long as it was, and nothing delayed that is whole.
#include "proxy/live_mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_replace.h"
#include "proxy/live_watch.h"
#include "proxy/ws_frames.h"
#include "tests/unit/proxy/gzip.h"
#include "tests/unit/proxy/ws_build.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kKey = "AIzaSyCanary-0123456789_abcdefghijklmno";

std::string WithKey(std::string text) {
  return absl::StrReplaceAll(text, {{"$KEY", std::string(kKey)}});
}
std::string WithStars(std::string text) {
  return absl::StrReplaceAll(text, {{"$KEY", std::string(kKey.size(), '*')}});
}

// What a tunnel would pass on.
class Tunnel {
 public:
  explicit Tunnel(bool deflates = false) {
    keys_.Add(std::make_shared<const Secret>(kKey));
    watch_.emplace(WsFrameReader::Sender::kServer, deflates, &keys_);
  }
  // What goes on when these bytes have come.
  std::string Pass(std::string_view bytes) {
    const std::size_t seen = unread_.size();
    unread_.append(bytes);
    EXPECT_TRUE(watch_->Feed(unread_, seen));
    EXPECT_LE(watch_->HeldBack(), unread_.size());
    const std::string passed = unread_.substr(0, unread_.size() - watch_->HeldBack());
    unread_.erase(0, passed.size());
    return passed;
  }
  std::string PassInPieces(std::string_view bytes, std::size_t piece) {
    std::string passed;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      passed += Pass(bytes.substr(at, piece));
    return passed;
  }
  const LiveWatch& watch() const { return *watch_; }

 private:
  Redactor keys_;
  std::optional<LiveWatch> watch_;
  std::string unread_;
};

std::string Text(std::string_view text, bool fin = true, int opcode = 1) {
  return WsBytes({.opcode = opcode, .fin = fin}, text);
}

TEST(LiveMask, KeyInAMessageThenStarsHoweverItIsReadAndAllElseAsItWas) {
  std::string before, after;
  for (const int opcode : {1, 2}) {
    for (const char* text :
         {R"({"a":"$KEY"})", "$KEY", "$KEY$KEY", "x$KEY AIzaSyCanary-0123x", ""}) {
      before += Text(WithKey(text), true, opcode) + Text("{}", true, opcode);
      after += Text(WithStars(text), true, opcode) + Text("{}", true, opcode);
    }
  }
  const std::string large = std::string(70'000, 'A') + "$KEY" + std::string(70'000, 'A');
  before += Text(WithKey(large));
  after += Text(WithStars(large));
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 40u, 1'000u, 1'000'000u}) {
    ASSERT_EQ(Tunnel().PassInPieces(before, piece), after) << piece;
  }
}

TEST(LiveMask, KeySplitOverFramesThenNothingOfItComesThrough) {
  for (std::size_t a = 1; a < kKey.size(); ++a) {
    const auto message = [a](std::string_view key) {
      return Text("{\"" + std::string(key.substr(0, a)), false) + Text(key.substr(a, 3), false, 0) +
             Text(std::string(key.substr(std::min(a + 3, key.size()))) + "\"}", true, 0);
    };
    for (const std::size_t piece : {1u, 5u, 1'000u}) {
      ASSERT_EQ(Tunnel().PassInPieces(message(kKey), piece), message(std::string(kKey.size(), '*')))
          << a;
    }
  }
}

TEST(LiveMask, EveryByteAFrameOfItsOwnThenMaskedToo) {
  const auto message = [](std::string_view key) {
    std::string bytes = Text("", false);
    for (const char c : key) bytes += Text({&c, 1}, false, 0) + Text("", false, 0);
    return bytes + Text("!", true, 0);
  };
  EXPECT_EQ(Tunnel().PassInPieces(message(kKey), 1), message(std::string(kKey.size(), '*')));
}

TEST(LiveMask, MessageThatIsWholeThenNeverHeldBack) {
  Tunnel tunnel;
  for (const std::string text : {"ends like AIza", "A", "{}"}) {
    EXPECT_EQ(tunnel.Pass(Text(text)), Text(text));
    EXPECT_EQ(tunnel.watch().HeldBack(), 0u);
  }
  // Of a frame that is not whole, only what may be the start of a key.
  const std::string frame = Text("text AIza and more");
  EXPECT_EQ(tunnel.Pass(frame.substr(0, 11)), frame.substr(0, 7));
  EXPECT_EQ(tunnel.Pass(frame.substr(11)), frame.substr(7));
}

TEST(LiveMask, HalfAKeyAtTheEndOfAMessageThenMasked) {
  const std::string less(kKey.substr(0, kKey.size() / 2 - 1)), more(kKey.substr(0, 30));
  const std::string bytes = Text(less) + Text(more) + Text(kKey.substr(30));
  EXPECT_EQ(Tunnel().PassInPieces(bytes, 4),
            Text(less) + Text(std::string(30, '*')) + Text(kKey.substr(30)));
}

TEST(LiveMask, PingInsideOfAMessageThenItDoesNotWaitAndNoHalfOfAKeyComesThrough) {
  const std::string ping = Text("are you there", true, 9);
  for (std::size_t a = 1; a < kKey.size(); ++a) {
    Tunnel tunnel;
    std::string passed = tunnel.Pass(Text(kKey.substr(0, a), false));
    passed += tunnel.Pass(ping);
    EXPECT_TRUE(passed.ends_with(ping));
    EXPECT_EQ(tunnel.watch().HeldBack(), 0u);
    passed += tunnel.Pass(Text(kKey.substr(a), true, 0));
    const bool masked = a * 2 >= kKey.size();
    const std::string start = masked ? std::string(a, '*') : std::string(kKey.substr(0, a));
    EXPECT_EQ(passed, Text(start, false) + ping + Text(std::string(kKey.size() - a, '*'), true, 0));
  }
}

TEST(LiveMask, PingInsideOfAMessageThatHasComeWholeThenNothingOfTheKeyComesThrough) {
  const std::string ping = Text("are you there", true, 9);
  for (const std::string_view end : {kKey.substr(10), kKey.substr(11)}) {
    const bool whole = end.size() + 10 == kKey.size();
    const std::string bytes =
        Text(kKey.substr(0, 10), false) + ping + Text(std::string(end), true, 0);
    const std::string stars =
        Text(std::string(10, '*'), false) + ping + Text(std::string(end.size(), '*'), true, 0);
    EXPECT_EQ(Tunnel().Pass(bytes), whole ? stars : bytes);
  }
}

TEST(LiveMask, FramesWithoutEndBehindAStartThenLittleIsHeldBack) {
  Tunnel tunnel;
  std::string passed = tunnel.Pass(Text("AIza", false));
  for (int i = 0; i < 100'000; ++i) {
    passed += tunnel.Pass(Text("", false, 0));
    ASSERT_LE(tunnel.watch().HeldBack(), 5'000u);
  }
  passed += tunnel.Pass(Text(kKey.substr(4), true, 0));
  EXPECT_TRUE(passed.ends_with(Text(std::string(kKey.size() - 4, '*'), true, 0)));
}

TEST(LiveMask, CloseReasonAndPingThenMaskedAndPassedOnWhole) {
  const std::string reason = "Consumer 'api_key:$KEY' suspended";
  for (const std::size_t piece : {1u, 4u, 1'000u}) {
    Tunnel tunnel;
    const std::string bytes = Text(WithKey("is $KEY there"), true, 9) +
                              WsCloseFrame(1008, WithKey(reason)) + WithKey("behind it: $KEY");
    EXPECT_EQ(tunnel.PassInPieces(bytes, piece),
              Text(WithStars("is $KEY there"), true, 9) + WsCloseFrame(1008, WithStars(reason)));
    ASSERT_TRUE(tunnel.watch().close().has_value());
    EXPECT_EQ(tunnel.watch().close()->code, 1008);
    EXPECT_EQ(tunnel.watch().close()->reason, WithStars(reason));
  }
}

TEST(LiveMask, PackedMessagesThenAsTheyWereAndOthersBesideThemMasked) {
  MessagePacker packer;
  const std::string packed = WsBytes({.rsv1 = true}, packer.Pack(WithKey("$KEY")));
  EXPECT_EQ(Tunnel(true).PassInPieces(packed + Text(kKey), 3),
            packed + Text(std::string(kKey.size(), '*')));
}

TEST(LiveMask, NoKeysThenNothingIsHeldBackButWhatStandsBehindAClose) {
  LiveWatch watch(WsFrameReader::Sender::kServer, false);
  std::string bytes = Text(kKey.substr(0, 30), false) + WsCloseFrame(1000, "bye");
  bytes.resize(bytes.size() - 2);
  ASSERT_TRUE(watch.Feed(bytes));
  EXPECT_EQ(watch.HeldBack(), 0u);
  ASSERT_TRUE(watch.Feed("yexx"));
  EXPECT_EQ(watch.HeldBack(), 2u);
}

}  // namespace
}  // namespace keypool::proxy
