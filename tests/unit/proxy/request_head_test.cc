#include "proxy/request_head.h"

#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <string>

#include "tests/unit/proxy/sample_heads.h"

namespace keypool::proxy {
namespace {

struct Parsed {
  HeadResult result;
  RequestHead head;
};

void Parse(std::string_view bytes, Parsed* parsed) {
  std::size_t scanned = 0;
  parsed->result = ParseRequestHead(bytes, &scanned, &parsed->head);
}

HeadResult ResultOf(std::string_view bytes) {
  Parsed parsed;
  Parse(bytes, &parsed);
  return parsed.result;
}

TEST(RequestHead, SdkHeadThenEveryPartIsAViewIntoTheBuffer) {
  const std::string buffer = std::string(samples::kSdkHead) + "{\"contents\"";
  Parsed p;
  Parse(buffer, &p);
  ASSERT_EQ(p.result.state, HeadState::kComplete) << p.result.problem;
  EXPECT_EQ(p.head.method, "POST");
  EXPECT_EQ(p.head.target, "/v1beta/models/gemini-2.5-flash:generateContent");
  EXPECT_EQ(p.head.minor_version, 1);
  EXPECT_EQ(p.head.host, "127.0.0.1:8000");
  EXPECT_EQ(p.head.framing, Framing::kSized);
  EXPECT_EQ(p.head.content_length, 75u);
  EXPECT_TRUE(p.head.keep_alive);
  EXPECT_FALSE(p.head.expects_continue);
  EXPECT_EQ(p.head.size, samples::kSdkHead.size());
  ASSERT_EQ(p.head.fields.size(), 11u);
  EXPECT_EQ(p.head.fields[3].name, "user-agent");
  EXPECT_EQ(p.head.fields[3].value, "google-genai-sdk/1.34.0 gl-node/v20.11.0");
  EXPECT_GE(p.head.fields[3].name.data(), buffer.data());
  EXPECT_LT(p.head.fields[3].name.data(), buffer.data() + buffer.size());
}

TEST(RequestHead, EveryGoodHeadThenItIsAccepted) {
  for (const std::string_view head : samples::GoodRequestHeads()) {
    Parsed p;
    Parse(head, &p);
    EXPECT_EQ(p.result.state, HeadState::kComplete) << head << p.result.problem;
    EXPECT_EQ(p.head.size, head.size()) << head;
  }
}

TEST(RequestHead, ChunkedUploadThatWaitsThenBothAreTold) {
  Parsed p;
  Parse("POST /u HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\nExpect: 100-Continue\r\n\r\n",
        &p);
  ASSERT_EQ(p.result.state, HeadState::kComplete) << p.result.problem;
  EXPECT_EQ(p.head.framing, Framing::kChunked);
  EXPECT_TRUE(p.head.expects_continue);
}

TEST(RequestHead, NothingToContinueWithThenNobodyWaits) {
  const std::string_view heads[] = {
      "POST /u HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
      "POST /u HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
      "POST /u HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"};
  for (const std::string_view head : heads) {
    Parsed p;
    Parse(head, &p);
    ASSERT_EQ(p.result.state, HeadState::kComplete) << head << p.result.problem;
    EXPECT_FALSE(p.head.expects_continue) << head;
  }
}

TEST(RequestHead, ConnectionAndVersionThenKeepAliveFollows) {
  const struct {
    std::string_view version, connection;
    bool keep_alive;
  } kCases[] = {
      {"1.1", "keep-alive", true},
      {"1.1", "close", false},
      {"1.1", "Close", false},
      {"1.1", "x-thing, close", false},
      {"1.1", "keep-alive, close", false},
      {"1.1", "", true},
      {"1.1", "x-thing", true},
      {"1.0", "keep-alive", true},
      {"1.0", ",,  Keep-Alive ,", true},
      {"1.0", "", false},
      {"1.0", "keep-alive, close", false},
  };
  for (const auto& c : kCases) {
    const std::string bytes = "GET / HTTP/" + std::string(c.version) +
                              "\r\nHost: a\r\nConnection: " + std::string(c.connection) +
                              "\r\n\r\n";
    Parsed p;
    Parse(bytes, &p);
    ASSERT_EQ(p.result.state, HeadState::kComplete) << bytes << p.result.problem;
    EXPECT_EQ(p.head.keep_alive, c.keep_alive) << bytes;
  }
}

// What stands in front of a field under test, and behind.
std::string With(std::string_view fields) {
  return "POST /v1/x HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n\r\n";
}

struct Refused {
  std::string bytes;
  int status;
  std::string_view says;  // a part of the sentence
};
std::ostream& operator<<(std::ostream& out, const Refused& c) { return out << c.bytes; }

class RefusedHead : public testing::TestWithParam<Refused> {};

TEST_P(RefusedHead, ThenItsOwnSentenceNamesWhatIsWrong) {
  const HeadResult result = ResultOf(GetParam().bytes);
  EXPECT_EQ(result.state, HeadState::kInvalid);
  EXPECT_EQ(result.status, GetParam().status);
  EXPECT_NE(result.problem.find(GetParam().says), std::string_view::npos) << result.problem;
}

std::string RequestLine(std::string_view line) { return std::string(line) + "\r\nHost: a\r\n\r\n"; }

INSTANTIATE_TEST_SUITE_P(
    Framing, RefusedHead,
    testing::Values(
        Refused{With("Transfer-Encoding: identity"), 400, "may only be chunked"},
        Refused{With("Transfer-Encoding: identity\r\nContent-Length: 5"), 400, "may only be"},
        Refused{With("Transfer-Encoding: xchunked\r\nContent-Length: 5"), 400, "may only be"},
        Refused{With("Transfer-Encoding:\r\nContent-Length: 5"), 400, "may only be"},
        Refused{With("Transfer-Encoding: chunked, gzip"), 400, "may only be"},
        Refused{With("Transfer-Encoding: gzip, chunked"), 400, "may only be"},
        Refused{With("Transfer-Encoding: chunked, chunked"), 400, "may only be"},
        Refused{With("Transfer-Encoding: \"chunked\""), 400, "may only be"},
        Refused{With("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400, "repeated"},
        Refused{With("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400, "has both"},
        Refused{With("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400, "has both"},
        Refused{"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
                "HTTP/1.0 knows no"},
        Refused{With("Content-Length: 5\r\nContent-Length: 5"), 400, "repeated"},
        Refused{With("Content-Length: 5\r\nContent-Length: 6"), 400, "repeated"},
        Refused{With("Content-Length: 5, 5"), 400, "one plain decimal"},
        Refused{With("Content-Length: +5"), 400, "one plain decimal"},
        Refused{With("Content-Length: -5"), 400, "one plain decimal"},
        Refused{With("Content-Length: 0x5"), 400, "one plain decimal"},
        Refused{With("Content-Length: 5 5"), 400, "one plain decimal"},
        Refused{With("Content-Length: 05"), 400, "one plain decimal"},
        Refused{With("Content-Length:"), 400, "one plain decimal"},
        Refused{With("Content-Length: 9223372036854775808"), 400, "one plain decimal"},
        Refused{With("Content-Length: 18446744073709551621"), 400, "one plain decimal"},
        Refused{With("Content_Length: 5"), 400, "'_'"},
        Refused{With("transfer_encoding: chunked"), 400, "'_'"},
        Refused{With("x_goog_api_key: K"), 400, "'_'"},
        Refused{With("X-Goog_Api-Key: K"), 400, "'_'"}, Refused{With("proxy_thing: 1"), 400, "'_'"},
        Refused{With("proxy_" + std::string(100, 'x') + ": 1"), 400, "'_'"}));

INSTANTIATE_TEST_SUITE_P(
    Fields, RefusedHead,
    testing::Values(Refused{With("X: a\r\n folded"), 400, "Folded"},
                    Refused{With("X: a\r\n\tfolded"), 400, "Folded"},
                    Refused{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "Folded"},
                    Refused{With("Content-Length : 5"), 400, "White space stands between"},
                    Refused{With("X\t: 5"), 400, "White space stands between"},
                    Refused{With("X: a\rb"), 400, "CR without LF"},
                    Refused{With("X: a\nY: b"), 400, "LF alone"},
                    Refused{With("X: a\r\n\n"), 400, "LF alone"},
                    Refused{With("no colon"), 400, "White space"},
                    Refused{With("nocolon"), 400, "no colon"},
                    Refused{With(": value"), 400, "no name"},
                    Refused{With("X(y): 1"), 400, "not allowed in it"},
                    Refused{With("X\x80: 1"), 400, "not allowed in it"},
                    Refused{With(std::string_view("X\0: 1", 6)), 400, "not allowed in it"},
                    Refused{With(std::string_view("X: a\0b", 6)), 400, "control byte"},
                    Refused{With("X: a\x7f"), 400, "control byte"},
                    Refused{With("X: \x1b[0m"), 400, "control byte"},
                    Refused{"GET / HTTP/1.1\r\nX: y\r\n\r\n", 400, "Host header is missing"},
                    Refused{"GET / HTTP/1.0\r\n\r\n", 400, "Host header is missing"},
                    Refused{With("Host: a"), 400, "Host header is repeated"},
                    Refused{With("HOST: b"), 400, "Host header is repeated"},
                    Refused{"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400, "malformed"},
                    Refused{"GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400, "malformed"},
                    Refused{With("Connection: content-length"), 400, "names a header"},
                    Refused{With("Connection: close, Transfer-Encoding"), 400, "names a header"},
                    Refused{With("Connection: host"), 400, "names a header"},
                    Refused{With("Connection: X-Goog-Api-Key"), 400, "names a header"},
                    Refused{With("Connection: authorization"), 400, "names a header"},
                    Refused{With("Connection: x-goog-user-project"), 400, "names a header"},
                    Refused{With("Connection: cookie"), 400, "names a header"},
                    Refused{With("Connection: Content-Type"), 400, "names a header"},
                    Refused{With("Connection: content-encoding"), 400, "names a header"},
                    Refused{With("Connection: accept-encoding"), 400, "names a header"},
                    Refused{With("Connection: x-http-method-override"), 400, "names a header"},
                    Refused{With("Connection: x-server-timeout"), 400, "names a header"},
                    Refused{With("Connection: expect"), 400, "names a header"},
                    Refused{With("Connection: a b"), 400, "Connection header is malformed"},
                    Refused{With("Expect: 200-ok"), 417, "100-continue"},
                    Refused{With("Expect:"), 417, "100-continue"}));

INSTANTIATE_TEST_SUITE_P(
    FirstLine, RefusedHead,
    testing::Values(Refused{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "empty line"},
                    Refused{"\nGET / HTTP/1.1\r\n", 400, "empty line"},
                    Refused{RequestLine("CONNECT a:443 HTTP/1.1"), 400, "CONNECT"},
                    Refused{RequestLine("connect /x HTTP/1.1"), 400, "CONNECT"},
                    Refused{RequestLine("TRACE / HTTP/1.1"), 501, "TRACE"},
                    Refused{RequestLine("TRACK / HTTP/1.1"), 501, "TRACE"},
                    Refused{RequestLine("GET * HTTP/1.1"), 400, "OPTIONS only"},
                    Refused{RequestLine("OPTIONS ** HTTP/1.1"), 400, "slash"},
                    Refused{RequestLine("GET http://a/ HTTP/1.1"), 400, "whole URL"},
                    Refused{RequestLine("GET a:80 HTTP/1.1"), 400, "slash"},
                    Refused{RequestLine("GET ?a HTTP/1.1"), 400, "slash"},
                    Refused{RequestLine("GET  HTTP/1.1"), 400, "exactly one space"},
                    Refused{RequestLine("GET  / HTTP/1.1"), 400, "exactly one space"},
                    Refused{RequestLine("GET /  HTTP/1.1"), 400, "form of HTTP/1.1"},
                    Refused{RequestLine("GET /a b HTTP/1.1"), 400, "form of HTTP/1.1"},
                    Refused{RequestLine("GET /a#b HTTP/1.1"), 400, "fragment"},
                    Refused{RequestLine("GET /\xc3\xa9 HTTP/1.1"), 400, "percent-encoded"},
                    Refused{RequestLine("GET /\t HTTP/1.1"), 400, "percent-encoded"},
                    Refused{RequestLine("GET /"), 400, "no HTTP version"},
                    Refused{RequestLine("GET / http/1.1"), 400, "form of HTTP/1.1"},
                    Refused{RequestLine("GET / HTTP/1.1 "), 400, "behind its end"},
                    Refused{RequestLine("GET / HTTP/1.10"), 400, "behind its end"},
                    Refused{RequestLine("GET / HTTP/11"), 400, "form of HTTP/1.1"},
                    Refused{RequestLine("GET / HTTP/x.1"), 400, "form of HTTP/1.1"},
                    Refused{RequestLine("GET / HTTP/1.2"), 505, "HTTP/1.1"},
                    Refused{RequestLine("GET / HTTP/0.9"), 505, "HTTP/1.1"},
                    Refused{"GET /x HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1"},
                    Refused{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "OPTIONS only"},
                    Refused{RequestLine(" GET / HTTP/1.1"), 400, "a method and one space"},
                    Refused{RequestLine("G@T / HTTP/1.1"), 400, "a method and one space"},
                    Refused{RequestLine("GET\t/ HTTP/1.1"), 400, "a method and one space"},
                    Refused{RequestLine(std::string(33, 'M') + " / HTTP/1.1"), 400, "32 bytes"},
                    Refused{"GET / HTTP/1.1\nHost: a\n\n", 400, "LF alone"},
                    Refused{"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400, "CR without LF"},
                    // A TLS client on a plain port: refused before a line ends, which it never may.
                    Refused{"\x16\x03\x01\x02", 400, "a method and one space"}));

TEST(RequestHead, LimitsAreReachedButNotPassedThenItIsAccepted) {
  const std::string method(32, 'M');
  const std::string target = "/" + std::string(kTargetBytesMax - 1, 'a');
  EXPECT_EQ(ResultOf(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n").state,
            HeadState::kComplete);
  std::string fields;
  for (std::size_t i = 1; i < kFieldsMax; ++i) fields += "x: y\r\n";
  EXPECT_EQ(ResultOf("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n").state,
            HeadState::kComplete);
  EXPECT_EQ(ResultOf("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "x: y\r\n\r\n").status, 431);
  const std::string frame = With("X: ");
  const std::string full = With("X: " + std::string(kHeadBytesMax - frame.size(), 'v'));
  ASSERT_EQ(full.size(), kHeadBytesMax);
  EXPECT_EQ(ResultOf(full + "body").state, HeadState::kComplete);
  EXPECT_EQ(ResultOf(With("X: " + std::string(kHeadBytesMax - frame.size() + 1, 'v'))).status, 431);
}

// Feeds `bytes` piece by piece, as they come from a socket, until there is a verdict.
HeadResult FeedInPieces(std::string_view bytes, std::size_t piece) {
  std::size_t scanned = 0;
  RequestHead head;
  HeadResult result;
  for (std::size_t size = piece;; size += piece) {
    result = ParseRequestHead(bytes.substr(0, size), &scanned, &head);
    if (result.state != HeadState::kIncomplete || size >= bytes.size()) return result;
  }
}

TEST(RequestHead, TooLongWithoutAnEndThenItIsRefusedAsItComes) {
  const std::string target(kTargetBytesMax + 100, 'a');
  const std::string value(kHeadBytesMax, 'v');
  for (const std::size_t piece : {1u, 7u, 1000u, 100000u}) {
    EXPECT_EQ(FeedInPieces("GET /" + target, piece).status, 414) << piece;
    EXPECT_EQ(FeedInPieces("GET / HTTP/1.1\r\nX: " + value, piece).status, 431) << piece;
  }
}

TEST(RequestHead, CutAnywhereThenTheVerdictIsTheSame) {
  for (const std::string_view head : samples::GoodRequestHeads()) {
    for (const std::size_t piece : {1u, 2u, 3u, 5u, 64u}) {
      EXPECT_EQ(FeedInPieces(head, piece).state, HeadState::kComplete) << head;
    }
    for (std::size_t cut = 0; cut < head.size(); ++cut) {
      ASSERT_EQ(ResultOf(head.substr(0, cut)).state, HeadState::kIncomplete)
          << head.substr(0, cut) << "|";
    }
  }
  const std::string bad[] = {With("X: a\nY: b"), With("Content-Length : 5"),
                             "GET / HTTP/1.1\nHost: a\n\n", RequestLine("GET / HTTP/3.0"),
                             "GET / HTTP/1.1\r\nX: y\r\n\r\n"};
  for (const std::string& head : bad) {
    for (const std::size_t piece : {1u, 2u, 3u, 5u, 64u}) {
      const HeadResult result = FeedInPieces(head, piece);
      EXPECT_EQ(result.state, HeadState::kInvalid) << head;
      EXPECT_EQ(result.problem, ResultOf(head).problem) << head;
    }
  }
}

TEST(RequestHead, PipelinedThenEachEndsWhereTheNextBegins) {
  std::string bytes;
  for (const std::string_view head : samples::GoodRequestHeads()) bytes += head;
  std::string_view rest = bytes;
  for (const std::string_view head : samples::GoodRequestHeads()) {
    Parsed p;
    Parse(rest, &p);
    ASSERT_EQ(p.result.state, HeadState::kComplete);
    EXPECT_EQ(p.head.size, head.size());
    rest.remove_prefix(p.head.size);
  }
  EXPECT_TRUE(rest.empty());
}

}  // namespace
}  // namespace keypool::proxy
