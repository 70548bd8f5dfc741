// Whatever upstream says, and however it says it: no client sees a key of the pool, and neither
// does who reads the log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "proxy/inflate.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"
#include "tests/unit/proxy/gzip.h"

namespace keypool::itest {
namespace {

using fake::Fault;
using fake::FaultKind;
using proxy::Deflate;
using proxy::Gzip;
using testing::HasSubstr;
using testing::Not;

// TestKey(1), which the answers quote.
const std::string& Canary() {
  static const std::string key = TestKey(1);
  return key;
}
std::string Stars() { return std::string(Canary().size(), '*'); }
std::string WithKey(std::string text) { return absl::StrReplaceAll(text, {{"$KEY", Canary()}}); }
std::string WithStars(std::string text) { return absl::StrReplaceAll(text, {{"$KEY", Stars()}}); }

std::string Sized(std::string_view head, const std::string& body) {
  return absl::StrCat(std::string(head), "Content-Length: ", body.size(), "\r\n\r\n", body);
}
std::string Chunked(std::string_view head, const std::vector<std::string>& pieces) {
  std::string wire = absl::StrCat(std::string(head), "Transfer-Encoding: chunked\r\n\r\n");
  for (const std::string& piece : pieces) wire += fake::Chunk(piece);
  return wire + fake::Chunk("");
}

class Redaction : public testing::Test {
 protected:
  // One key, and no other try: what upstream says is what the client is to see.
  void SetUp() override {
    cluster_ = Cluster::Start({.keys = TestKeys(1), .proxy = {{"MAX_RETRIES", "0"}}}).value();
  }
  void TearDown() override {
    EXPECT_TRUE(cluster_->proxy().WaitForLine("request_done"));
    EXPECT_THAT(cluster_->proxy().Err(), Not(HasSubstr(Canary())));
    EXPECT_THAT(cluster_->proxy().Out(), Not(HasSubstr(Canary())));
  }
  void WillSay(std::string raw, FaultKind kind = FaultKind::kRaw) {
    Fault fault;
    fault.kind = kind;
    fault.raw = std::move(raw);
    fault.delay = absl::ZeroDuration();
    cluster_->fake().AddFault(fault);
  }
  // Every byte that comes for one request, with its connection ended behind it.
  std::string AllBytes(HttpRequest request = GenerateContent()) {
    request.headers.push_back({"Connection", "close"});
    RawConnection connection(cluster_->proxy_port());
    EXPECT_TRUE(connection.Send(request));
    std::string bytes;
    connection.ReadToEnd(&bytes);
    EXPECT_THAT(bytes, Not(HasSubstr(Canary())));
    return bytes;
  }

  std::unique_ptr<Cluster> cluster_;
};

struct Row {
  std::string name;
  std::string raw;  // with $KEY
};

class AnswerForms : public Redaction, public testing::WithParamInterface<Row> {};

// All that is not framing comes as it is, but for the stars.
TEST_P(AnswerForms, StarsStandInPlaceOfTheKeyAndAllElseIsAsItWas) {
  const std::string& raw = GetParam().raw;
  WillSay(WithKey(raw));
  const std::string bytes = AllBytes();
  const std::string expected = WithStars(raw);
  const std::vector<std::string> lines = absl::StrSplit(expected, "\r\n");
  for (const std::string& line : lines) {
    if (line.empty()) break;
    EXPECT_THAT(bytes, HasSubstr(line + "\r\n"));
  }
  const auto end = [](const std::string& text) { return text.substr(text.find("\r\n\r\n") + 4); };
  EXPECT_EQ(end(bytes), end(expected));
  EXPECT_THAT(bytes, HasSubstr(Stars()));
}

std::vector<Row> Forms() {
  // Sized for the key that is put in.
  const auto sized = [](std::string_view head, std::string body) {
    const std::size_t size = WithKey(body).size();
    return absl::StrCat(std::string(head), "Content-Length: ", size, "\r\n\r\n", body);
  };
  constexpr std::string_view kJson = "Content-Type: application/json; charset=UTF-8\r\n";
  const std::string ok = absl::StrCat("HTTP/1.1 200 OK\r\n", std::string(kJson));
  return {
      {"SuspendedKey",
       sized(absl::StrCat("HTTP/1.1 403 Forbidden\r\n", std::string(kJson)),
             R"({"error":{"code":403,"message":"Permission denied: Consumer 'api_key:$KEY' has )"
             R"(been suspended.","status":"PERMISSION_DENIED","details":[{"@type":)"
             R"("type.googleapis.com/google.rpc.ErrorInfo","reason":"CONSUMER_SUSPENDED",)"
             R"("domain":"googleapis.com","metadata":{"consumer":"projects/1",)"
             R"("containerInfo":"api_key:$KEY"}}]}})")},
      {"UploadUrls",
       sized("HTTP/1.1 200 OK\r\nX-Goog-Upload-URL: https://a.b/upload/v1beta/files?key=$KEY&u=1"
             "\r\nX-Goog-Upload-Control-URL: https://a.b/upload/v1beta/files?u=1&key=$KEY\r\n",
             "{}")},
      {"Redirect", sized("HTTP/1.1 302 Found\r\nLocation: https://x.y/?key=$KEY\r\n", "moved")},
      {"ReasonPhrase", sized("HTTP/1.1 500 Bad $KEY\r\n", "no")},
      {"ErrorOfAStream", sized("HTTP/1.1 429 Slow down\r\nContent-Type: text/event-stream\r\n",
                               "{\n  \"error\": {\"message\": \"$KEY\"}\n}\n")},
      {"FieldName", sized("HTTP/1.1 500 No\r\nX-$KEY: a\r\n", "no")},
      {"PlainText", sized("HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n",
                          "GET /v1beta/models?key=$KEY&pageSize=1: failed\n")},
      {"Html", sized("HTTP/1.1 500 No\r\nContent-Type: text/html\r\n",
                     "<html><a href=\"/?key=$KEY\">$KEY</a></html>")},
      {"Json", sized(ok, R"({"candidates":[],"echo":"$KEY"})")},
      {"JsonArray", sized(ok, "[{\"a\":\"$KEY\"}\n,\r\n{\"b\":\"$KEY\"}]\n")},
      {"TwiceInARow", sized(ok, "$KEY$KEY")},
      {"Large", sized(ok, std::string(200'000, 'A') + "$KEY" + std::string(200'000, 'A'))},
  };
}

std::string NameOf(const testing::TestParamInfo<Row>& row) { return row.param.name; }
INSTANTIATE_TEST_SUITE_P(Plain, AnswerForms, testing::ValuesIn(Forms()), NameOf);

TEST_F(Redaction, BodyThatEndsWithItsConnectionIsMasked) {
  WillSay(WithKey("HTTP/1.1 200 OK\r\n\r\nfirst $KEY last AIza"));
  const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.body, WithStars("first $KEY last AIza"));
}

TEST_F(Redaction, EventsOfAStreamAreMaskedOneByOne) {
  const std::string event = "data: {\"text\":\"$KEY\"}\r\n\r\n";
  WillSay(Chunked("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n",
                  {WithKey(event), WithKey(event)}));
  RawConnection connection(cluster_->proxy_port());
  ASSERT_TRUE(connection.Send(GenerateContent()));
  const Answer answer = connection.ReadAnswer("POST");
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.body, WithStars(event + event));
}

TEST_F(Redaction, ChunksThatEndInsideOfTheKeyAreMaskedToo) {
  const std::string key = Canary();
  for (std::size_t at = 1; at < key.size(); at += 6) {
    WillSay(Chunked("HTTP/1.1 200 OK\r\nConnection: close\r\n",
                    {"a" + key.substr(0, at), key.substr(at) + "b"}));
    EXPECT_THAT(AllBytes(), HasSubstr("\r\n\r\n"));
  }
  std::vector<std::string> bytes;
  for (const char c : "x" + key + "y" + key) bytes.emplace_back(1, c);
  WillSay(Chunked("HTTP/1.1 200 OK\r\nConnection: close\r\n", bytes));
  const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.body, "x" + Stars() + "y" + Stars());
}

TEST_F(Redaction, ByteByByteItIsMaskedAsWell) {
  for (const std::string_view status : {"200 OK", "403 Forbidden"}) {
    // The fake closes behind it: said, or the next request might be on its way here by then.
    const std::string head =
        absl::StrCat("HTTP/1.1 ", std::string(status), "\r\nConnection: close\r\n");
    const std::string body = "[\"A\", \"AIza\", \"$KEY\"]";
    for (const bool chunked : {false, true}) {
      WillSay(chunked ? Chunked(head, {WithKey(body)}) : Sized(head, WithKey(body)),
              FaultKind::kRawSlow);
      const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
      EXPECT_TRUE(answer.complete);
      EXPECT_EQ(answer.body, WithStars(body));
    }
  }
}

TEST_F(Redaction, TrailersDoNotComeThrough) {
  WillSay(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Key\r\n\r\n2\r\nok\r\n0\r\n"
      "X-Key: " +
      Canary() + "\r\n\r\n");
  EXPECT_THAT(AllBytes(), HasSubstr("ok"));
}

TEST_F(Redaction, EncodedInAHeadOrAnErrorItIsMaskedToo) {
  std::string percent, unicode;
  for (const char c : Canary()) {
    absl::StrAppend(&percent, "%", absl::Hex(c, absl::kZeroPad2));
    absl::StrAppend(&unicode, "\\u", absl::Hex(c, absl::kZeroPad4));
  }
  WillSay(Sized("HTTP/1.1 403 Forbidden\r\nLocation: /x?key=" + percent + "\r\n",
                "{\"message\":\"" + unicode + "\"}"));
  const std::string bytes = AllBytes();
  EXPECT_THAT(bytes, HasSubstr("Location: /x?key=***"));
  EXPECT_THAT(bytes, HasSubstr("{\"message\":\"***"));
  EXPECT_THAT(bytes, Not(HasSubstr(percent)));
  EXPECT_THAT(bytes, Not(HasSubstr(unicode)));
}

TEST_F(Redaction, PackedErrorWithAKeyIsUnpackedAndOneWithoutIsLeftAlone) {
  const std::string head = "HTTP/1.1 403 Forbidden\r\nContent-Encoding: gzip\r\nX-Stays: 1\r\n";
  for (const std::string text :
       {"Consumer 'api_key:$KEY' has been suspended.", "Something else."}) {
    const bool shows = text.find('$') != std::string::npos;
    const std::string packed = Gzip(WithKey(text));
    for (const bool chunked : {false, true}) {
      WillSay(chunked ? Chunked(head, {packed.substr(0, 9), packed.substr(9)})
                      : Sized(head, packed));
      const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
      EXPECT_EQ(answer.status, 403);
      EXPECT_TRUE(answer.complete);
      EXPECT_EQ(answer.body, shows ? WithStars(text) : packed);
      EXPECT_EQ(answer.Has("Content-Encoding"), !shows);
      EXPECT_EQ(answer.Header("X-Stays"), "1");
    }
  }
}

TEST_F(Redaction, SmallPackedAnswerWithAKeyIsUnpacked) {
  const std::string text = "{\"candidates\":[],\"echo\":\"$KEY\"}";
  for (const bool gzip : {true, false}) {
    const std::string packed = gzip ? Gzip(WithKey(text)) : Deflate(WithKey(text));
    WillSay(Sized(
        absl::StrCat("HTTP/1.1 200 OK\r\nContent-Encoding: ", gzip ? "gzip" : "deflate", "\r\n"),
        packed));
    const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.body, WithStars(text));
    EXPECT_FALSE(answer.Has("Content-Encoding"));
  }
}

TEST_F(Redaction, PackedStreamWithAKeyBreaksInFrontOfIt) {
  std::string text;
  for (int i = 0; i < 60'000; ++i) absl::StrAppend(&text, i * 7919 % 100'003, ",");
  const std::string packed = Gzip(text + Canary() + text);
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < packed.size(); at += 10'000) {
    pieces.push_back(packed.substr(at, 10'000));
  }
  WillSay(Chunked("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n", pieces));
  const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(packed.starts_with(answer.body));
  proxy::InflateStream inflate;
  std::string seen;
  for (std::string_view rest = answer.body;;) {
    const std::string_view part = inflate.Next(&rest);
    if (part.empty()) break;
    seen += part;
  }
  EXPECT_THAT(seen, Not(HasSubstr(Canary().substr(0, Canary().size() / 2 + 1))));
  EXPECT_TRUE(cluster_->proxy().WaitForLine("key_in_answer"));
}

TEST_F(Redaction, PackedAnswerThatShowsAKeyAtOnceAndGoesOnIsRefused) {
  const std::string packed = Gzip(Canary() + std::string(100, 'x'));
  WillSay(absl::StrCat(
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n", packed));
  const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 502);
  EXPECT_TRUE(answer.complete);
  EXPECT_THAT(answer.body, HasSubstr("showed a key of the pool"));
}

TEST_F(Redaction, OnlyCodingsThatCanBeSearchedAreAskedFor) {
  HttpRequest request = GenerateContent();
  request.headers.push_back({"Accept-Encoding", "br, gzip;q=0.8, zstd, deflate"});
  EXPECT_EQ(Fetch(cluster_->proxy_port(), request).status, 200);
  const fake::SeenRequest seen = cluster_->fake().Requests().back();
  EXPECT_THAT(seen.head.All("accept-encoding"), testing::ElementsAre("gzip;q=0.8, deflate"));
}

class SuspendedKey : public Redaction, public testing::WithParamInterface<std::string> {};

TEST_P(SuspendedKey, IsToldWithoutTheKeyInEveryShape) {
  cluster_->fake().AddFault(fake::FaultOf(FaultKind::k403Suspended));
  HttpRequest request = GenerateContent();
  request.target = GetParam();
  EXPECT_THAT(AllBytes(request), HasSubstr("api_key:" + Stars()));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, SuspendedKey,
    testing::Values("/v1beta/models/gemini-2.5-flash:generateContent",
                    "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
                    "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
                    "/v1beta/openai/models"));

TEST(RedactionOfTries, KeyOfAnEarlierTryIsMaskedToo) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  cluster->fake().AddFault(fake::FaultOf(FaultKind::k429Minute));
  Fault fault;
  fault.kind = FaultKind::kRaw;
  fault.raw = Sized("HTTP/1.1 200 OK\r\n", TestKey(1) + " " + TestKey(2));
  cluster->fake().AddFault(fault);
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(cluster->fake().Requests().size(), 2u);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, Stars() + " " + Stars());
}

}  // namespace
}  // namespace keypool::itest
