#include "proxy/text_bytes_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace keypool::proxy {
namespace {

std::int64_t Tokens(std::string_view body, std::size_t piece = 1 << 30) {
  TextBytesScan scan;
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) {
    scan.Feed(body.substr(0, piece));
  }
  return scan.InputTokens();
}

void ExpectHoweverCut(std::string_view body, std::int64_t tokens) {
  SCOPED_TRACE(body.substr(0, 300));
  EXPECT_EQ(Tokens(body), tokens);
  EXPECT_EQ(Tokens(body, 1), tokens);
  EXPECT_EQ(Tokens(body, 7), tokens);
  for (std::size_t at = 1; at < std::min<std::size_t>(body.size(), 1000); ++at) {
    TextBytesScan scan;
    scan.Feed(body.substr(0, at));
    scan.Feed(body.substr(at));
    ASSERT_EQ(scan.InputTokens(), tokens) << "cut at " << at;
  }
  constexpr std::uint32_t kSeed = 20261203;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 20; ++round) {
    TextBytesScan scan;
    for (std::string_view rest = body; !rest.empty();) {
      const std::string_view piece = rest.substr(0, random() % 90);
      scan.Feed(piece);
      rest.remove_prefix(piece.size());
    }
    ASSERT_EQ(scan.InputTokens(), tokens) << "seed " << kSeed << ", round " << round;
  }
}

TEST(TextBytesScan, TextsThenFourBytesAreATokenAndNothingElseCounts) {
  const struct {
    std::string_view body;
    std::int64_t tokens;
  } kCases[] = {
      {"", 0},
      {"{}", 0},
      {R"({"contents":[{"parts":[{"text":"12345678"}]}]})", 2},
      {R"({ "contents" : [ { "parts" : [ { "text" : "12345678" } ] } ] })", 2},
      {R"({"a":"1","b":"2","c":"345"})", 2},  // rounded up once
      {R"({"a":["1","22",["333"]],"b":"4444"})", 3},
      {R"(["1234","5678"])", 2},
      {R"("12345")", 2},
      {R"({"a_long_name":12345678,"b":true,"c":null,"d":[1,2,3]})", 0},
      {R"({"name":"abcd"})", 1},
      {R"({"a":""})", 0},
      // Names in front of a colon that is far, and texts that hold what looks like one.
      {"{\"name\" \r\n\t : \"abcd\"}", 1},
      {R"({"a":"\": \"","b":"}]"})", 2},
      // As Google reads it.
      {"{name:'abcd',\"b\":'\"\"\"\"'}", 2},
      // What is cut counts as far as it came.
      {R"({"a":"12345678)", 2},
      {R"({"a":"1234","12345678)", 3},
  };
  for (const auto& c : kCases) ExpectHoweverCut(c.body, c.tokens);
}

TEST(TextBytesScan, SameTextEscapedThenItCountsTheSame) {
  // Three bytes each, two, four.
  ExpectHoweverCut("{\"a\":\"\xe4\xbd\xa0\xe5\xa5\xbd\xe5\x90\x97\xef\xbc\x9f\"}", 3);
  ExpectHoweverCut(R"({"a":"\u4f60\u597d\u5417\uFF1F"})", 3);
  ExpectHoweverCut("{\"a\":\"\xd0\xb4\xd0\xb0\xd0\xb4\xd0\xb0\"}", 2);
  ExpectHoweverCut(R"({"a":"\u0434\u0430\u0434\u0430"})", 2);
  ExpectHoweverCut("{\"a\":\"\xf0\x9f\x98\x80\"}", 1);
  ExpectHoweverCut(R"({"a":"\ud83d\ude00"})", 1);
  ExpectHoweverCut(R"({"a":"\n\t\"\\\/\u003c\r\b"})", 2);
  // Malformed ones are one byte, and end no text that they do not end.
  ExpectHoweverCut(R"({"a":"\x\u12","b":"\u12"})", 1);
}

std::string Base64(std::size_t bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += kDigits[i * 37 % kDigits.size()];
  return text;
}

TEST(TextBytesScan, InlineDataThenItIsAPartOfOnePriceWhateverItsSize) {
  for (const std::size_t bytes : {257u, 1000u, 100'000u}) {
    const std::string data = Base64(bytes);
    ExpectHoweverCut("{\"inlineData\":{\"data\":\"" + data + "\"}}", 258);
    ExpectHoweverCut("{\"data\":\"" + data + "==\",\"text\":\"abcd\"}", 259);
    ExpectHoweverCut("{\"url\":\"data:image/png;base64," + data + "=\"}", 258);
    ExpectHoweverCut("[\"" + data + "\",\"" + data + "\"]", 516);
  }
  std::string url = Base64(600);
  std::replace(url.begin(), url.end(), '+', '-');
  std::replace(url.begin(), url.end(), '/', '_');
  ExpectHoweverCut("{\"data\":\"" + url + "\"}", 258);
  // Escaped as some writers of JSON do it.
  ExpectHoweverCut("{\"data\":\"\\/\\u002b\\u003D" + Base64(300) + "\"}", 258);
  ExpectHoweverCut("{\"data\":\"data:image\\/svg+xml;charset=utf-8;base64," + Base64(300) + "\"}",
                   258);
  ExpectHoweverCut("{\"data\":\"da" + Base64(300) + "\"}", 258);
  // Cut.
  ExpectHoweverCut("{\"data\":\"" + Base64(400), 258);
}

TEST(TextBytesScan, WhatIsShortOrNoBase64ThenItIsText) {
  ExpectHoweverCut("{\"data\":\"" + Base64(256) + "\"}", 64);
  ExpectHoweverCut("{\"data\":\"data:a;base64," + Base64(256 - 14) + "\"}", 64);
  for (const std::string_view foreign :
       {" ", ".", ",", ":", "\\n", "\\u00e9", "\xc3\xa9", "\\u0000", "\\q", "@", "[", "`", "{"}) {
    for (const std::size_t at : {0u, 1u, 20u, 255u, 298u, 300u}) {
      std::string data = Base64(400);
      data.insert(at, foreign);
      const std::int64_t tokens = Tokens("{\"data\":\"" + data + "\"}");
      EXPECT_TRUE(tokens == 101) << foreign << " at " << at << ": " << tokens;
    }
  }
  const std::string data = Base64(400);
  for (const std::string& head :
       {std::string("data:image/png,"), std::string("data:base64,"), std::string("data:;base65,"),
        std::string("data:;base64;a,"), std::string("Data:;base64,"), std::string("data;base64,"),
        "data:" + std::string(200, 'a') + ";base64,"}) {
    const auto size = static_cast<std::int64_t>(head.size() + data.size());
    ExpectHoweverCut("{\"url\":\"" + head + data + "\"}", (size + 3) / 4);
  }
  ExpectHoweverCut("{\"url\":\"data:;base64;base64," + data + "\"}", 258);
  // A name is none.
  ExpectHoweverCut("{\"" + data + "\":1}", 0);
}

TEST(TextBytesScan, TwiceTheTextThenTwiceTheTokens) {
  const std::string text = "The quick brown fox. ";
  std::string body = "{\"a\":\"";
  for (int i = 0; i < 100'000; ++i) body += text;
  EXPECT_EQ(Tokens(body + "\"}", 4096), 525'000);
  EXPECT_EQ(Tokens(body + body.substr(6) + "\"}", 5000), 1'050'000);
}

TEST(TextBytesScan, HostileBytesThenItStillCounts) {
  EXPECT_EQ(Tokens(std::string(1'000'000, '[') + "\"abcd\""), 1);
  EXPECT_EQ(Tokens(std::string(1'000'000, '"')), 0);
  EXPECT_EQ(Tokens("{\"a\":\"" + std::string(1'000'000, '\\') + "\"}"), 125'000);
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_GE(Tokens(bytes), 0);
}

}  // namespace
}  // namespace keypool::proxy
