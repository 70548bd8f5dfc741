#include "proxy/ws_frames.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/proxy/ws_build.h"

namespace keypool::proxy {
namespace {

using Event = WsFrameReader::Event;
using Sender = WsFrameReader::Sender;

struct Read {
  WsFrame frame;
  std::string payload;
  bool whole = false;
};
struct Reading {
  std::vector<Read> frames;
  bool invalid = false;
  bool at_end = false;
};

Reading ReadAll(Sender sender, std::string_view bytes, std::size_t piece) {
  WsFrameReader reader(sender);
  Reading all;
  for (std::size_t at = 0; at < bytes.size() && !all.invalid; at += piece) {
    std::string_view rest = bytes.substr(at, piece);
    for (Event event = reader.Next(&rest); event != Event::kMore; event = reader.Next(&rest)) {
      if (event == Event::kInvalid) {
        all.invalid = true;
        break;
      }
      if (event == Event::kHead) all.frames.push_back({reader.frame(), "", false});
      if (event == Event::kPayload) reader.AppendPayload(&all.frames.back().payload);
      if (event == Event::kEnd) all.frames.back().whole = true;
    }
  }
  all.at_end = reader.AtFrameEnd();
  return all;
}

TEST(WsFrames, AnyPiecesThenTheSameFrames) {
  const std::string payloads[] = {"", "a", std::string(125, 'b'), std::string(126, 'c'),
                                  std::string(70'000, 'd')};
  for (const bool masked : {false, true}) {
    std::string bytes;
    for (const std::string& payload : payloads) {
      bytes += WsBytes({.opcode = 2, .masked = masked}, payload);
    }
    for (const std::size_t piece : {1u, 2u, 3u, 7u, 4'096u, 1'000'000u}) {
      const Reading all = ReadAll(masked ? Sender::kClient : Sender::kServer, bytes, piece);
      EXPECT_FALSE(all.invalid);
      EXPECT_TRUE(all.at_end);
      ASSERT_EQ(all.frames.size(), std::size(payloads));
      for (std::size_t i = 0; i < all.frames.size(); ++i) {
        EXPECT_EQ(all.frames[i].payload, payloads[i]);
        EXPECT_TRUE(all.frames[i].whole);
        EXPECT_EQ(all.frames[i].frame.size, payloads[i].size());
        EXPECT_EQ(all.frames[i].frame.masked, masked);
        EXPECT_EQ(all.frames[i].frame.opcode, WsOpcode::kBinary);
      }
    }
  }
}

TEST(WsFrames, MessageInFramesWithAPingBetweenThenEachIsTold) {
  const std::string bytes = WsBytes({.opcode = 1, .fin = false, .rsv1 = true}, "one") +
                            WsBytes({.opcode = 9}, "ping") +
                            WsBytes({.opcode = 0, .fin = false}, "two") +
                            WsBytes({.opcode = 0}, "three") + WsBytes({.opcode = 1}, "next");
  const Reading all = ReadAll(Sender::kServer, bytes, 5);
  EXPECT_FALSE(all.invalid);
  ASSERT_EQ(all.frames.size(), 5u);
  EXPECT_TRUE(all.frames[0].frame.rsv1);
  EXPECT_FALSE(all.frames[0].frame.fin);
  EXPECT_EQ(all.frames[1].frame.opcode, WsOpcode::kPing);
  EXPECT_TRUE(all.frames[1].frame.IsControl());
  EXPECT_EQ(all.frames[3].payload, "three");
  EXPECT_TRUE(all.frames[3].frame.fin);
  EXPECT_EQ(all.frames[4].frame.opcode, WsOpcode::kText);
}

TEST(WsFrames, WhatTheProtocolForbidsThenInvalidForEver) {
  const std::string text = WsBytes({.opcode = 1}, "x");
  const std::string cases[] = {
      WsBytes({.opcode = 3}, ""),
      WsBytes({.opcode = 7}, ""),
      WsBytes({.opcode = 11}, ""),
      WsBytes({.opcode = 15}, ""),
      std::string("\xa1\x00", 2),                        // RSV2
      std::string("\x91\x00", 2),                        // RSV3
      WsBytes({.opcode = 9, .fin = false}, ""),          // a ping in pieces
      WsBytes({.opcode = 9, .rsv1 = true}, ""),          // … packed
      WsBytes({.opcode = 8}, std::string(126, 'x')),     // a long close
      WsBytes({.opcode = 0}, ""),                        // continues nothing
      WsBytes({.opcode = 1, .fin = false}, "a") + text,  // inside of another
      WsBytes({.opcode = 1, .fin = false}, "a") + WsBytes({.opcode = 0, .rsv1 = true}, "b"),
      std::string("\x82\x7f\x80\0\0\0\0\0\0\0", 10),  // 2^63
      WsBytes({.opcode = 1, .masked = true}, "x"),    // masked by a server
  };
  for (const std::string& bytes : cases) {
    for (const std::size_t piece : {1u, 1'000u}) {
      EXPECT_TRUE(ReadAll(Sender::kServer, bytes + text + text, piece).invalid) << bytes;
      EXPECT_TRUE(ReadAll(Sender::kServer, text + bytes + text, piece).invalid) << bytes;
    }
  }
  EXPECT_TRUE(ReadAll(Sender::kClient, text, 1).invalid);
  WsFrameReader reader(Sender::kClient);
  std::string_view bad = text, good = text;
  EXPECT_EQ(reader.Next(&bad), Event::kInvalid);
  EXPECT_EQ(reader.Next(&good), Event::kInvalid);
}

TEST(WsFrames, LargestLengthIsReadAndNotWaitedForAllAtOnce) {
  WsFrameReader reader(Sender::kServer);
  const std::string bytes(
      "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"
      "abc",
      13);
  std::string_view rest = bytes;
  EXPECT_EQ(reader.Next(&rest), Event::kHead);
  EXPECT_EQ(reader.frame().size, static_cast<std::uint64_t>(INT64_MAX));
  EXPECT_EQ(reader.Next(&rest), Event::kPayload);
  EXPECT_EQ(reader.payload(), "abc");
  EXPECT_EQ(reader.Next(&rest), Event::kMore);
  EXPECT_FALSE(reader.AtFrameEnd());
}

TEST(WsFrames, EndIsToldOfTheFrameOnlyWhenItIsWhole) {
  const std::string bytes = WsBytes({.opcode = 1}, "abc");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const Reading all = ReadAll(Sender::kServer, bytes.substr(0, cut), 100);
    EXPECT_EQ(all.at_end, cut == 0 || cut == bytes.size()) << cut;
    EXPECT_EQ(!all.frames.empty() && all.frames[0].whole, cut == bytes.size()) << cut;
  }
}

TEST(WsClose, FrameOfOursThenItReadsAsWhatWasSaid) {
  const Reading server = ReadAll(Sender::kServer, WsCloseFrame(1011, "no quota"), 1);
  ASSERT_EQ(server.frames.size(), 1u);
  EXPECT_EQ(server.frames[0].frame.opcode, WsOpcode::kClose);
  const WsClose close = ParseWsClose(server.frames[0].payload);
  EXPECT_EQ(close.code, 1011);
  EXPECT_EQ(close.reason, "no quota");
  const Reading client = ReadAll(Sender::kClient, WsMaskedCloseFrame(1001, "away", 0x01020304), 1);
  ASSERT_EQ(client.frames.size(), 1u);
  EXPECT_EQ(client.frames[0].payload, server.frames[0].payload.substr(0, 0) +
                                          "\x03\xe9"
                                          "away");
}

TEST(WsClose, LongReasonThenCutBetweenCharacters) {
  EXPECT_EQ(WsCloseFrame(1000, std::string(200, 'x')).size(), 2u + kWsControlBytesMax);
  std::string reason(kWsReasonBytesMax - 1, 'x');
  reason += "\xe2\x82\xac and more";
  const std::string frame = WsCloseFrame(1000, reason);
  EXPECT_EQ(frame.size(), 2u + 2u + kWsReasonBytesMax - 1);
  EXPECT_EQ(ReadAll(Sender::kServer, frame, 100).frames.size(), 1u);
}

TEST(WsClose, WithoutACodeThenNone) {
  EXPECT_EQ(ParseWsClose("").code, 0);
  EXPECT_EQ(ParseWsClose("x").code, 0);
  EXPECT_EQ(ParseWsClose(std::string("\x03\xef", 2)).code, 1007);
}

}  // namespace
}  // namespace keypool::proxy
