#include "proxy/response_head.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/proxy/sample_heads.h"

namespace keypool::proxy {
namespace {

struct Parsed {
  HeadResult result;
  ResponseHead head;
};

void Parse(std::string_view bytes, std::string_view method, Parsed* parsed) {
  std::size_t scanned = 0;
  parsed->result = ParseResponseHead(bytes, method, &scanned, &parsed->head);
}

std::string Answer(std::string_view status, std::string_view fields) {
  std::string head = "HTTP/1.1 " + std::string(status) + "\r\n";
  if (!fields.empty()) head += std::string(fields) + "\r\n";
  return head + "\r\n";
}

TEST(ResponseHead, GooglesAnswerThenEverythingIsTold) {
  Parsed p;
  Parse(samples::kGoogleHead, "POST", &p);
  ASSERT_EQ(p.result.state, HeadState::kComplete) << p.result.problem;
  EXPECT_EQ(p.head.status, 200);
  EXPECT_EQ(p.head.reason, "OK");
  EXPECT_EQ(p.head.framing, Framing::kChunked);
  EXPECT_TRUE(p.head.keep_alive);
  EXPECT_EQ(p.head.content_type, "application/json; charset=UTF-8");
  EXPECT_EQ(p.head.content_encoding, "gzip");
  EXPECT_EQ(p.head.fields.size(), 13u);
  EXPECT_EQ(p.head.size, samples::kGoogleHead.size());
}

TEST(ResponseHead, ReasonEmptyMissingOrForeignThenItIsAccepted) {
  const struct {
    std::string_view status, reason;
  } kCases[] = {{"200 OK", "OK"},
                {"200 ", ""},
                {"200", ""},
                {"404 Nicht gefunden \xfc", "Nicht gefunden \xfc"}};
  for (const auto& c : kCases) {
    Parsed p;
    const std::string bytes = Answer(c.status, "Content-Length: 0");
    Parse(bytes, "GET", &p);
    ASSERT_EQ(p.result.state, HeadState::kComplete) << bytes << p.result.problem;
    EXPECT_EQ(p.head.reason, c.reason);
  }
}

TEST(ResponseHead, StatusMethodAndFieldsThenTheFramingFollows) {
  const struct {
    std::string_view status, method, fields;
    Framing framing;
    bool keep_alive;
    std::uint64_t length;
  } kCases[] = {
      {"200 OK", "GET", "Content-Length: 5", Framing::kSized, true, 5},
      {"200 OK", "GET", "Content-Length: 0", Framing::kSized, true, 0},
      {"200 OK", "GET", "Content-Length: 5\r\nContent-Length: 5", Framing::kSized, true, 5},
      {"200 OK", "GET", "Content-Length: 5, 5", Framing::kSized, true, 5},
      {"200 OK", "GET", "Content-Length: 5\r\nConnection: close", Framing::kSized, false, 5},
      {"200 OK", "GET", "transfer-encoding: Chunked", Framing::kChunked, true, 0},
      {"200 OK", "GET", "", Framing::kToClose, false, 0},
      {"200 OK", "GET", "Connection: keep-alive", Framing::kToClose, false, 0},
      {"200 OK", "HEAD", "Content-Length: 5", Framing::kNone, true, 5},
      {"200 OK", "HEAD", "Transfer-Encoding: chunked", Framing::kNone, true, 0},
      {"304 Not Modified", "GET", "Content-Length: 5", Framing::kNone, true, 5},
      {"204 No Content", "GET", "", Framing::kNone, true, 0},
      {"204 No Content", "GET", "Content-Length: 0", Framing::kNone, true, 0},
      // Nobody knows whether these bytes follow, so nothing else is read from that connection.
      {"204 No Content", "GET", "Content-Length: 5", Framing::kNone, false, 0},
      {"204 No Content", "GET", "Transfer-Encoding: chunked", Framing::kNone, false, 0},
      {"100 Continue", "POST", "", Framing::kNone, true, 0},
      {"103 Early Hints", "POST", "Link: </x>", Framing::kNone, true, 0},
      {"101 Switching Protocols", "GET", "Upgrade: websocket", Framing::kNone, false, 0},
      {"429 Too Many Requests", "POST", "Content-Length: 5", Framing::kSized, true, 5},
  };
  for (const auto& c : kCases) {
    Parsed p;
    const std::string bytes = Answer(c.status, c.fields);
    Parse(bytes, c.method, &p);
    ASSERT_EQ(p.result.state, HeadState::kComplete) << bytes << p.result.problem;
    EXPECT_EQ(p.head.framing, c.framing) << bytes;
    EXPECT_EQ(p.head.keep_alive, c.keep_alive) << bytes;
    EXPECT_EQ(p.head.content_length, c.length) << bytes;
  }
}

TEST(ResponseHead, OldVersionThenItIsKeptAliveOnlyWhenItSaysSo) {
  Parsed p;
  Parse("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "GET", &p);
  ASSERT_EQ(p.result.state, HeadState::kComplete);
  EXPECT_EQ(p.head.minor_version, 0);
  EXPECT_FALSE(p.head.keep_alive);
  Parse("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n", "GET", &p);
  EXPECT_TRUE(p.head.keep_alive);
}

TEST(ResponseHead, ReadableInTwoWaysOrMalformedThenItIsABadGateway) {
  const std::string kCases[] = {
      Answer("200 OK", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
      Answer("200 OK", "Content-Length: 5\r\nContent-Length: 6"),
      Answer("200 OK", "Content-Length: 5, 6"),
      Answer("200 OK", "Content-Length: +5"),
      Answer("200 OK", "Content-Length: 05"),
      Answer("200 OK", "Content-Length:"),
      Answer("200 OK", "Content-Length: ,"),
      Answer("200 OK", "Transfer-Encoding: gzip, chunked"),
      Answer("200 OK", "Transfer-Encoding: identity"),
      Answer("200 OK", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      Answer("200 OK", "Content-Length: 5\r\nConnection: a b"),
      Answer("200 OK", "Content-Length: 5\r\nConnection: close, content-length"),
      Answer("200 OK", "Content-Length: 5\r\nConnection: Content-Encoding"),
      Answer("100 Continue", "Content-Length: 5"),
      Answer("103 Early Hints", "Transfer-Encoding: chunked"),
      Answer("99 Low", ""),
      Answer("099 Low", ""),
      Answer("600 High", ""),
      Answer("2000 OK", ""),
      Answer("20x OK", ""),
      Answer(" 200 OK", ""),
      Answer("200\tOK", ""),
      Answer("200 O\x01K", ""),
      "HTTP/2.0 200 OK\r\n\r\n",
      "ICY 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      Answer("200 OK", "X: a\r\n folded"),
      Answer("200 OK", "Content-Length : 5"),
      Answer("200 OK", "X: a\rb"),
      "HTTP/1.1 200 OK\r\nX: " + std::string(kHeadBytesMax, 'v'),
      "<html>",
  };
  for (const std::string& bytes : kCases) {
    Parsed p;
    Parse(bytes, "GET", &p);
    EXPECT_EQ(p.result.state, HeadState::kInvalid) << bytes;
    EXPECT_EQ(p.result.status, 502) << bytes;
    EXPECT_FALSE(p.result.problem.empty()) << bytes;
  }
}

TEST(ResponseHead, CutAnywhereThenItIsIncompleteAndOnlyThen) {
  std::size_t scanned = 0;
  ResponseHead head;
  for (std::size_t size = 0; size < samples::kGoogleHead.size(); ++size) {
    const std::string_view cut = samples::kGoogleHead.substr(0, size);
    std::size_t fresh = 0;
    ASSERT_EQ(ParseResponseHead(cut, "GET", &fresh, &head).state, HeadState::kIncomplete) << cut;
    ASSERT_EQ(ParseResponseHead(cut, "GET", &scanned, &head).state, HeadState::kIncomplete) << cut;
  }
  EXPECT_EQ(ParseResponseHead(samples::kGoogleHead, "GET", &scanned, &head).state,
            HeadState::kComplete);
}

TEST(ResponseHead, ReusedForTheNextAnswerThenNothingOfTheLastIsLeft) {
  Parsed p;
  Parse(samples::kGoogleHead, "POST", &p);
  Parse("HTTP/1.1 204 No Content\r\n\r\n", "POST", &p);
  ASSERT_EQ(p.result.state, HeadState::kComplete);
  EXPECT_TRUE(p.head.fields.empty());
  EXPECT_EQ(p.head.content_type, "");
  EXPECT_EQ(p.head.content_encoding, "");
  EXPECT_EQ(p.head.framing, Framing::kNone);
}

}  // namespace
}  // namespace keypool::proxy
