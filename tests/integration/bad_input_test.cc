// What could be read in two ways, or is too much, is refused, ends the connection, and reaches no
// upstream.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/harness/cluster.h"

namespace keypool::itest {
namespace {

struct BadInput {
  std::string name;
  std::string bytes;
  int status = 400;
};

std::string Head(std::string fields, std::string line = "POST /v1beta/x HTTP/1.1") {
  return line + "\r\nHost: localhost\r\n" + fields + "\r\n";
}

std::string ManyFields(int n) {
  std::string fields;
  for (int i = 0; i < n; ++i) fields += "X-" + std::to_string(i) + ": v\r\n";
  return fields;
}

// Bodies whose end two readers could see in two places.
std::vector<BadInput> Framings() {
  return {
      {"CodingIdentity", Head("Transfer-Encoding: identity\r\n") + "abc"},
      {"CodingUnknown", Head("Transfer-Encoding: zstd\r\n") + "abc"},
      {"CodingUnknownWithLength", Head("Transfer-Encoding: x\r\nContent-Length: 3\r\n") + "abc"},
      {"CodingEmptyWithLength", Head("Transfer-Encoding: \r\nContent-Length: 3\r\n") + "abc"},
      {"CodingEmpty", Head("Transfer-Encoding:\r\n")},
      {"ChunkedNotLast", Head("Transfer-Encoding: chunked, gzip\r\n") + "0\r\n\r\n"},
      {"ChunkedAfterGzip", Head("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n"},
      {"ChunkedTwice", Head("Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n"},
      {"ChunkedInTwoFields",
       Head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
      {"ChunkedQuoted", Head("Transfer-Encoding: \"chunked\"\r\n") + "0\r\n\r\n"},
      {"ChunkedVerticalTab", Head("Transfer-Encoding: \x0b"
                                  "chunked\r\n") +
                                 "0\r\n\r\n"},
      {"ChunkedInHttp10",
       Head("Transfer-Encoding: chunked\r\n", "POST /v1beta/x HTTP/1.0") + "0\r\n\r\n"},
      {"ChunkedWithLength",
       Head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n"},
      {"LengthWithChunked",
       Head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
      {"LengthTwice", Head("Content-Length: 3\r\nContent-Length: 3\r\n") + "abc"},
      {"LengthsDiffer", Head("Content-Length: 3\r\nContent-Length: 4\r\n") + "abc"},
      {"LengthList", Head("Content-Length: 3, 3\r\n") + "abc"},
      {"LengthPlus", Head("Content-Length: +3\r\n") + "abc"},
      {"LengthNegative", Head("Content-Length: -3\r\n") + "abc"},
      {"LengthHex", Head("Content-Length: 0x3\r\n") + "abc"},
      {"LengthEmpty", Head("Content-Length:\r\n")},
      {"LengthTooLong", Head("Content-Length: 99999999999999999999999\r\n")},
      {"ChunkSizeNoNumber", Head("Transfer-Encoding: chunked\r\n") + "zz\r\nabc\r\n0\r\n\r\n"},
      {"ChunkSizeNegative", Head("Transfer-Encoding: chunked\r\n") + "-1\r\nabc\r\n0\r\n\r\n"},
      {"ChunkSizePrefix", Head("Transfer-Encoding: chunked\r\n") + "0x3\r\nabc\r\n0\r\n\r\n"},
      {"ChunkSizeOverflow",
       Head("Transfer-Encoding: chunked\r\n") + "10000000000000003\r\nabc\r\n0\r\n\r\n"},
      {"ChunkSizeBareLf", Head("Transfer-Encoding: chunked\r\n") + "3\nabc\r\n0\r\n\r\n"},
      {"ChunkTooLong", Head("Transfer-Encoding: chunked\r\n") + "3\r\nabcd\r\n0\r\n\r\n"},
      {"ChunkExtensionEndless",
       Head("Transfer-Encoding: chunked\r\n") + "3;" + std::string(100'000, 'x')},
      {"TrailersEndless", Head("Transfer-Encoding: chunked\r\n") + "0\r\n" + ManyFields(20'000)},
  };
}

std::vector<BadInput> Heads() {
  const std::string get = "GET /v1beta/models HTTP/1.1\r\n";
  return {
      {"HostMissing", get + "\r\n"},
      {"HostTwice", get + "Host: a\r\nHost: a\r\n\r\n"},
      {"HostEmpty", get + "Host:\r\n\r\n"},
      {"HostWithSpace", get + "Host: a b\r\n\r\n"},
      {"HostWithPath", get + "Host: a/b\r\n\r\n"},
      {"HostWithUser", get + "Host: u@a\r\n\r\n"},
      {"HostList", get + "Host: a, b\r\n\r\n"},
      {"HostPortNoNumber", get + "Host: a:b\r\n\r\n"},
      {"ObsoleteFolding", get + "Host: a\r\nX-A: 1\r\n 2\r\n\r\n"},
      {"FoldedFirst", get + " X: 1\r\nHost: a\r\n\r\n"},
      {"SpaceBeforeColon", get + "Host: a\r\nX-A : 1\r\n\r\n"},
      {"NoColon", get + "Host: a\r\nX-A\r\n\r\n"},
      {"EmptyName", get + "Host: a\r\n: 1\r\n\r\n"},
      {"NameNoToken", get + "Host: a\r\nX(A): 1\r\n\r\n"},
      {"NulInValue", get + std::string("Host: a\r\nX-A: 1\0002\r\n\r\n", 21)},
      {"BareLf", "GET /v1beta/models HTTP/1.1\nHost: a\n\n"},
      {"BareLfInField", get + "Host: a\r\nX-A: 1\nX-B: 2\r\n\r\n"},
      {"BareCr", get + "Host: a\r\nX-A: 1\r2\r\n\r\n"},
      {"BareCrInName", get + "Host: a\r\nX\r-A: 1\r\n\r\n"},
      {"DeleteInValue", get + "Host: a\r\nX-A: \x7f\r\n\r\n"},
      {"EmptyLineFirst", "\r\n" + get + "Host: a\r\n\r\n"},
      {"ConnectionNamesTheLength",
       Head("Connection: content-length\r\nContent-Length: 3\r\n") + "abc"},
      {"ConnectionNamesTheHost", get + "Host: a\r\nConnection: host\r\n\r\n"},
      {"TlsHello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) +
                       std::string(600, '\x01') + "\r\n\r\n"},
  };
}

std::vector<BadInput> RequestLines() {
  const std::string host = "\r\nHost: a\r\n\r\n";
  return {
      {"Connect", "CONNECT example.org:443 HTTP/1.1" + host},
      {"ConnectOriginForm", "CONNECT / HTTP/1.1" + host},
      {"Asterisk", "GET * HTTP/1.1" + host},
      {"AbsoluteForm", "GET http://example.org/v1beta/models HTTP/1.1" + host},
      {"AuthorityForm", "GET example.org:80 HTTP/1.1" + host},
      {"NoTarget", "GET  HTTP/1.1" + host},
      {"TwoSpaces", "GET  / HTTP/1.1" + host},
      {"SpaceInTarget", "GET /a b HTTP/1.1" + host},
      {"TabForSpace", "GET\t/\tHTTP/1.1" + host},
      {"ControlInTarget", "GET /a\x01 HTTP/1.1" + host},
      {"EightBitInTarget", "GET /\xc3\xa9 HTTP/1.1" + host},
      {"FragmentInTarget", "GET /a#b HTTP/1.1" + host},
      {"NoVersion", "GET /" + host},
      {"VersionLowerCase", "GET / http/1.1" + host},
      {"VersionTooNew", "GET / HTTP/2.0" + host, 505},
      {"VersionTooOld", "GET / HTTP/0.9" + host, 505},
      {"VersionUnknown", "GET / HTTP/1.2" + host, 505},
      {"VersionPadded", "GET / HTTP/1.1 " + host},
      {"MethodNoToken", "G{T / HTTP/1.1" + host},
      {"MethodEmpty", " / HTTP/1.1" + host},
      {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"TargetTooLong", "GET /" + std::string(8 * 1024, 'a') + " HTTP/1.1" + host, 414},
      {"TargetEndless", "GET /" + std::string(200'000, 'a'), 414},
      {"TooManyFields", "GET / HTTP/1.1\r\nHost: a\r\n" + ManyFields(100) + "\r\n", 431},
      {"FieldsTooLong",
       "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + std::string(33 * 1024, 'a') + "\r\n\r\n", 431},
      {"FieldEndless", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + std::string(200'000, 'a'), 431},
      {"BodyTooLarge", Head("Content-Length: 104857601\r\n"), 413},
      {"BodyFarTooLarge", Head("Content-Length: 9223372036854775807\r\n"), 413},
  };
}

class BadInputTest : public testing::TestWithParam<BadInput> {
 protected:
  // One for all: a proxy that stumbled over one case would fail the next.
  static void SetUpTestSuite() {
    cluster_ = Cluster::Start({.keys = TestKeys(1)}).value().release();
  }
  static void TearDownTestSuite() { delete cluster_; }
  void SetUp() override { before_ = cluster_->fake().Counts().requests; }
  void ExpectNothingReachedUpstream() const {
    EXPECT_EQ(cluster_->fake().Counts().requests, before_);
    EXPECT_EQ(cluster_->fake().Counts().malformed, 0);
  }

  static Cluster* cluster_;
  std::uint64_t before_ = 0;
};
Cluster* BadInputTest::cluster_ = nullptr;

TEST_P(BadInputTest, IsRefusedClosesAndReachesNoUpstream) {
  RawConnection connection(cluster_->proxy_port());
  // What follows must not be taken for a second request either. The proxy may close before it has
  // read all.
  connection.Send(GetParam().bytes + "GET /v1beta/smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
  const Answer answer = connection.ReadAnswer();
  EXPECT_EQ(answer.status, GetParam().status) << answer.raw_head << answer.body;
  EXPECT_TRUE(fake::EqualsIgnoreCase(answer.Header("connection"), "close"));
  std::string rest;
  EXPECT_NE(connection.ReadToEnd(&rest), End::kDeadline);
  EXPECT_EQ(rest, "");
  ExpectNothingReachedUpstream();
  EXPECT_EQ(Get(cluster_->proxy_port(), "/health").status, 200);
}

const auto kName = [](const testing::TestParamInfo<BadInput>& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Framing, BadInputTest, testing::ValuesIn(Framings()), kName);
INSTANTIATE_TEST_SUITE_P(Head, BadInputTest, testing::ValuesIn(Heads()), kName);
INSTANTIATE_TEST_SUITE_P(RequestLine, BadInputTest, testing::ValuesIn(RequestLines()), kName);

TEST_F(BadInputTest, RequestsThatNeverGetCompleteReachNoUpstream) {
  const std::string wire = GenerateContent().Wire();
  for (const std::size_t cut :
       {std::size_t{1}, wire.find("\r\n") + 1, wire.find("\r\n\r\n") + 2, wire.size() - 1}) {
    RawConnection connection(cluster_->proxy_port());
    ASSERT_TRUE(connection.Send(wire.substr(0, cut)));
    connection.ShutdownWrite();
    EXPECT_NE(connection.ReadToEnd(), End::kDeadline) << "cut at " << cut;
  }
  ExpectNothingReachedUpstream();
}

TEST_F(BadInputTest, PathThatMayMeanAnotherOneReachesNoUpstream) {
  for (const char* path : {"/v1beta/x/../models", "/v1beta/%2e%2E/models", "/./v1beta/models"}) {
    EXPECT_EQ(Get(cluster_->proxy_port(), path).status, 400) << path;
  }
  ExpectNothingReachedUpstream();
}

TEST_F(BadInputTest, ErrorAnswerSaysWhatIsWrongInGooglesShape) {
  RawConnection connection(cluster_->proxy_port());
  connection.Send(Head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"));
  const Answer answer = connection.ReadAnswer();
  EXPECT_THAT(answer.Header("content-type"), testing::HasSubstr("application/json"));
  EXPECT_THAT(answer.body, testing::HasSubstr("INVALID_ARGUMENT"));
  EXPECT_THAT(answer.body, testing::HasSubstr("Content-Length"));
}

TEST_F(BadInputTest, HeadsAtTheLimitsPass) {
  HttpRequest request{.target = "/" + std::string(8 * 1024 - 1, 'a')};
  EXPECT_EQ(Fetch(cluster_->proxy_port(), request).status, 404);  // the fake's
  HttpRequest many{.target = "/v1beta/models"};
  for (int i = 0; i < 99; ++i) many.headers.push_back({"X-" + std::to_string(i), "v"});
  EXPECT_EQ(Fetch(cluster_->proxy_port(), many).status, 200);
}

}  // namespace
}  // namespace keypool::itest
