#include "proxy/live_watch.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "proxy/resource_names.h"
#include "tests/unit/proxy/gzip.h"
#include "tests/unit/proxy/ws_build.h"

namespace keypool::proxy {
namespace {

using Sender = LiveWatch::Sender;

LiveWatch Watch(Sender sender, std::string_view bytes, std::size_t piece, bool deflates = false) {
  LiveWatch watch(sender, deflates);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    EXPECT_TRUE(watch.Feed(bytes.substr(at, piece)));
  }
  return watch;
}

std::string FromClient(std::string_view text) { return WsBytes({.masked = true}, text); }
std::string FromServer(std::string_view text) { return WsBytes({.opcode = 2}, text); }

constexpr std::string_view kSetup =
    R"({"setup":{"generationConfig":{"model":"no"},"model":"models/gemini-live-x",)"
    R"("sessionResumption":{"handle":"abc"},"tools":[{"model":"no"}]}})";

TEST(LiveWatch, SetupInAnyPiecesThenItsModelAndHandleAreFound) {
  const std::string bytes = FromClient(kSetup) + FromClient(R"({"setup":{"model":"other"}})");
  for (const std::size_t piece : {1u, 3u, 50u, 10'000u}) {
    const LiveWatch watch = Watch(Sender::kClient, bytes, piece);
    EXPECT_TRUE(watch.HasMessage());
    EXPECT_EQ(watch.scan().Model(), "gemini-live-x");
    EXPECT_EQ(watch.scan().handle(), "abc");
  }
}

TEST(LiveWatch, SetupInPiecesOfAMessageAndInOtherSpellingsThenItIsFoundToo) {
  const std::string cases[] = {
      WsBytes({.opcode = 2, .fin = false, .masked = true}, R"({"setup":{"mo)") +
          WsBytes({.opcode = 9, .masked = true}, "ping") +
          WsBytes({.opcode = 0, .masked = true}, R"(del":"models/m","sessionResumption":{}}})"),
      FromClient(R"({'setup': {'model': 'models/m', 'session_resumption': {'handle': ''}}})"),
      FromClient(R"({"setup":{"\u006dodel":"models\/m"}})"),
      FromClient(R"({"setup":{"model":"first"},"setup":{"model":"m"}})"),
  };
  for (const std::string& bytes : cases) {
    const LiveWatch watch = Watch(Sender::kClient, bytes, 4);
    EXPECT_EQ(watch.scan().Model(), "m") << bytes;
    EXPECT_EQ(watch.scan().handle(), "") << bytes;
  }
}

TEST(LiveWatch, SetupWithoutAModelOrWithNoModelsNameThenItSaysSo) {
  const LiveWatch none = Watch(Sender::kClient, FromClient(R"({"setup":{"tools":[]}})"), 100);
  EXPECT_TRUE(none.HasMessage());
  EXPECT_FALSE(none.scan().NamesModel());
  const LiveWatch bad = Watch(Sender::kClient, FromClient(R"({"setup":{"model":"a b"}})"), 100);
  EXPECT_TRUE(bad.scan().NamesModel());
  EXPECT_EQ(bad.scan().Model(), "");
}

TEST(LiveWatch, PackedSetupThenItIsUnpacked) {
  MessagePacker packer;
  const std::string bytes = WsBytes({.rsv1 = true, .masked = true}, packer.Pack(kSetup));
  EXPECT_EQ(Watch(Sender::kClient, bytes, 3, true).scan().Model(), "gemini-live-x");
  // Nobody has agreed on it.
  EXPECT_FALSE(Watch(Sender::kClient, bytes, 3, false).scan().NamesModel());
}

TEST(LiveWatch, UsageThenTheLastOfEachTurnIsSummed) {
  const std::string bytes =
      FromServer(R"({"setupComplete":{}})") +
      FromServer(R"({"usageMetadata":{"promptTokenCount":10,"responseTokenCount":1}})") +
      FromServer(R"({"serverContent":{"turnComplete":true},"usageMetadata":{)"
                 R"("promptTokenCount":10,"toolUsePromptTokenCount":2,"responseTokenCount":5,)"
                 R"("cachedContentTokenCount":3,"thoughtsTokenCount":4,"promptTokensDetails":[)"
                 R"({"modality":"TEXT","tokenCount":99}]}})") +
      FromServer(
          R"({"serverContent":{"modelTurn":{"parts":[{"text":"\"turnComplete\":true"}]}}})") +
      FromServer(R"({"usageMetadata":{"promptTokenCount":"20","responseTokenCount":7}})") +
      FromServer(R"({"usageMetadata":{"promptTokenCount":30,"responseTokenCount":8}})");
  for (const std::size_t piece : {1u, 17u, 10'000u}) {
    const LiveWatch watch = Watch(Sender::kServer, bytes, piece);
    EXPECT_EQ(watch.scan().Usage(),
              (TokenUsage{.input = 42, .cached = 3, .output = 13, .thoughts = 4}));
  }
  EXPECT_EQ(Watch(Sender::kServer, FromServer("{}"), 9).scan().Usage(), std::nullopt);
}

TEST(LiveWatch, BrokenMessageThenTheNextOneIsReadAllTheSame) {
  const std::string bytes = FromServer(R"({"serverContent":{"modelTurn":"\)") +
                            FromServer(R"({"usageMetadata":{"promptTokenCount":3}})");
  EXPECT_EQ(Watch(Sender::kServer, bytes, 4).scan().Usage(), (TokenUsage{.input = 3}));
}

TEST(LiveWatch, PackedMessagesThenEachIsUnpackedWithWhatCameBefore) {
  MessagePacker packer;
  std::string bytes;
  for (int i = 0; i < 3; ++i) {
    const std::string packed = packer.Pack(
        R"({"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":5}})");
    bytes += WsBytes({.rsv1 = true}, packed);
    if (i > 0) {
      EXPECT_LT(packed.size(), 20u);
    }
  }
  bytes += FromServer(R"({"usageMetadata":{"promptTokenCount":1}})");
  EXPECT_EQ(Watch(Sender::kServer, bytes, 7, true).scan().Usage(), (TokenUsage{.input = 16}));
}

TEST(LiveWatch, PackedMessageThatIsBrokenOrHugeThenNoMoreIsRead) {
  MessagePacker packer;
  const std::string bomb = packer.Pack(std::string(64 * 1024 * 1024, ' '));
  const std::string after =
      WsBytes({.rsv1 = true}, packer.Pack(R"({"usageMetadata":{"promptTokenCount":5}})"));
  for (const std::string& bad : {bomb, std::string("\xff\xff\xff\xff")}) {
    const std::string bytes = WsBytes({.rsv1 = true}, bad) + after;
    EXPECT_EQ(Watch(Sender::kServer, bytes, 50'000, true).scan().Usage(), std::nullopt);
  }
}

TEST(LiveWatch, HandlesThenTheLastOnesAreKeptWhateverTheirLength) {
  std::string bytes;
  const std::string large(2'000, 'h');
  for (int i = 0; i < 70; ++i) {
    bytes += FromServer(R"({"sessionResumptionUpdate":{"resumable":true,"newHandle":"n)" +
                        std::to_string(i) + R"("}})");
  }
  bytes += FromServer(R"({"sessionResumptionUpdate":{"newHandle":")" + large + R"("}})");
  bytes += FromServer(R"({"sessionResumptionUpdate":{"newHandle":")" + large + R"("}})");
  bytes += FromServer(R"({"sessionResumptionUpdate":{"newHandle":""}})");
  bytes += FromServer(R"({"sessionResumptionUpdate":{"newHandle":")" +
                      std::string(LiveScan::kHandleBytesMax + 1, 'x') + R"("}})");
  const LiveWatch watch = Watch(Sender::kServer, bytes, 11);
  ASSERT_EQ(watch.scan().handles().size(), LiveScan::kHandlesMax);
  EXPECT_EQ(watch.scan().handles().back(), large);
  EXPECT_EQ(watch.scan().handles().front(), "n7");
}

TEST(LiveWatch, HandlesThatWereTakenThenNotToldAgain) {
  LiveWatch watch =
      Watch(Sender::kServer, FromServer(R"({"sessionResumptionUpdate":{"newHandle":"a"}})"), 9);
  EXPECT_EQ(watch.scan().TakeHandles(), std::vector<std::string>{"a"});
  EXPECT_TRUE(watch.scan().handles().empty());
  EXPECT_TRUE(watch.Feed(FromServer(R"({"sessionResumptionUpdate":{"newHandle":"b"}})")));
  EXPECT_EQ(watch.scan().TakeHandles(), std::vector<std::string>{"b"});
}

TEST(LiveWatch, CloseThenItsCodeAndReasonAndNothingBehindIt) {
  const std::string bytes = FromServer("{}") + WsCloseFrame(1011, "no quota") + "no frame at all";
  for (const std::size_t piece : {1u, 100u}) {
    const LiveWatch watch = Watch(Sender::kServer, bytes, piece);
    ASSERT_TRUE(watch.close().has_value());
    EXPECT_EQ(watch.close()->code, 1011);
    EXPECT_EQ(watch.close()->reason, "no quota");
  }
  const std::string masked = FromClient("{}") + WsMaskedCloseFrame(1000, "bye", 0xa1b2c3d4);
  EXPECT_EQ(Watch(Sender::kClient, masked, 1).close()->reason, "bye");
}

TEST(LiveWatch, FramesOfTheOtherSideThenNotPassedOn) {
  LiveWatch watch(Sender::kServer, false);
  EXPECT_FALSE(watch.Feed(FromClient("{}")));
  EXPECT_FALSE(watch.Feed(FromServer("{}")));
}

TEST(LiveWatch, ExtensionsThatAreAgreedOn) {
  EXPECT_TRUE(HasMessageDeflate("permessage-deflate"));
  EXPECT_TRUE(HasMessageDeflate("x, Permessage-Deflate ; server_no_context_takeover"));
  EXPECT_FALSE(HasMessageDeflate(""));
  EXPECT_FALSE(HasMessageDeflate("x; permessage-deflate"));
}

TEST(LiveResource, IsNamedByTheStartOfTheSha256OfItsHandle) {
  EXPECT_EQ(LiveResource("abc"), "live/ba7816bf8f01cfea414140de5dae2223");
}

}  // namespace
}  // namespace keypool::proxy
