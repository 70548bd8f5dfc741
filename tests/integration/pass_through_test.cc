// Whatever is not ours passes unchanged, byte for byte, in both directions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/gemini/control.h"
#include "tests/fakes/gemini/digest.h"
#include "tests/integration/harness/cluster.h"

namespace keypool::itest {
namespace {

using fake::EchoBytes;
using fake::Header;
using fake::SeenRequest;
using testing::HasSubstr;
using testing::Not;

class PassThrough : public testing::Test {
 protected:
  void SetUp() override { cluster_ = Cluster::Start({.keys = TestKeys(1)}).value(); }
  std::uint16_t port() const { return cluster_->proxy_port(); }
  SeenRequest LastSeen() {
    const std::vector<SeenRequest> requests = cluster_->fake().Requests();
    EXPECT_FALSE(requests.empty()) << "nothing reached upstream";
    return requests.empty() ? SeenRequest() : requests.back();
  }

  std::unique_ptr<Cluster> cluster_;
};

std::vector<std::string> Lines(const std::vector<Header>& headers,
                               const std::vector<std::string>& without) {
  std::vector<std::string> lines;
  for (const Header& header : headers) {
    bool leave_out = false;
    for (const std::string& name : without) {
      leave_out = leave_out || fake::EqualsIgnoreCase(header.name, name);
    }
    if (!leave_out) lines.push_back(header.name + ": " + header.value);
  }
  return lines;
}

TEST_F(PassThrough, MethodTargetAndFieldsReachUpstreamAsTheyWere) {
  const HttpRequest request{
      .method = "PATCH",
      .target =
          "/v1main//odd%20path/%2f%2E%2E%2E/x:y?a=1&b=%7E&&c&%24alt=json%3Benum-encoding%3Dint&d=?",
      .headers = {{"X-Goog-Api-Client", "google-genai-sdk/1.0 gl-node/20"},
                  {"x-lower", "a  b\tc"},
                  {"X-Repeated", "1"},
                  {"X-repeated", "2"},
                  {"Accept-Encoding", "gzip, deflate"},
                  {"X-Server-Timeout", "30"},
                  {"X-Latin", "caf\xe9"},
                  {"X-Empty", ""}},
      .body = "{}"};
  const Answer answer = Fetch(port(), request);
  EXPECT_EQ(answer.status, 404) << answer.body;  // the fake's
  const SeenRequest seen = LastSeen();
  EXPECT_EQ(seen.head.method, request.method);
  EXPECT_EQ(seen.head.target, request.target);
  EXPECT_EQ(Lines(seen.head.headers, {"host", "x-goog-api-key", "content-length", "connection"}),
            Lines(request.headers, {}));
  EXPECT_EQ(seen.body, "{}");
}

TEST_F(PassThrough, HopByHopFieldsEndAtTheProxyInBothDirections) {
  fake::Fault fault;
  fault.kind = fake::FaultKind::kRaw;
  fault.close = false;
  fault.raw =
      "HTTP/1.1 299 Odd but fine\r\nX-One: 1\r\nKeep-Alive: timeout=5\r\nConnection: X-Hop\r\n"
      "X-Hop: gone\r\nAlt-Svc: h3=\":443\"\r\nx-ONE: 2\r\nContent-Length: 2\r\n\r\nok";
  cluster_->fake().AddFault(fault);
  const Answer answer = Fetch(port(), {.method = "GET",
                                       .target = "/v1beta/models",
                                       .headers = {{"Connection", "x-private"},
                                                   {"X-Private", "gone"},
                                                   {"Keep-Alive", "timeout=9"},
                                                   {"TE", "trailers"},
                                                   {"X-Stays", "here"}}});
  const SeenRequest seen = LastSeen();
  EXPECT_EQ(Lines(seen.head.headers, {"host", "x-goog-api-key", "connection"}),
            std::vector<std::string>{"X-Stays: here"});
  EXPECT_THAT(answer.raw_head, testing::StartsWith("HTTP/1.1 299 Odd but fine\r\n"));
  EXPECT_EQ(Lines(answer.headers, {"content-length", "connection"}),
            (std::vector<std::string>{"X-One: 1", "x-ONE: 2"}));
  EXPECT_EQ(answer.body, "ok");
}

struct CredentialCase {
  std::string name;
  std::string query;
  std::vector<Header> headers;
};

class Credentials : public PassThrough, public testing::WithParamInterface<CredentialCase> {};

TEST_P(Credentials, AreRemovedAndExactlyOneKeyIsPutIn) {
  for (const bool openai : {false, true}) {
    HttpRequest request = GenerateContent();
    if (openai) {
      request.target = "/v1beta/openai/chat/completions";
      request.body = R"({"model":"gemini-2.5-flash","messages":[]})";
    }
    request.target += GetParam().query;
    for (const Header& header : GetParam().headers) request.headers.push_back(header);
    // The fake refuses more than one credential, as Google does.
    EXPECT_EQ(Fetch(port(), request).status, 200);
    const SeenRequest seen = LastSeen();
    EXPECT_THAT(seen.head.raw, Not(HasSubstr("mine")));
    EXPECT_EQ(seen.key, TestKey(1));
    EXPECT_EQ(seen.head.All(openai ? "authorization" : "x-goog-api-key").size(), 1u);
    EXPECT_TRUE(seen.head.All(openai ? "x-goog-api-key" : "authorization").empty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    InEveryForm, Credentials,
    testing::Values(
        CredentialCase{"None", "", {}},
        CredentialCase{"GoogHeader", "", {{"x-goog-api-key", "mine"}}},
        CredentialCase{"GoogHeaderTwice", "", {{"X-Goog-Api-Key", "mine"}, {"x-goog-api-key", ""}}},
        CredentialCase{"Bearer", "", {{"Authorization", "Bearer mine"}}},
        CredentialCase{
            "BearerAndHeader", "", {{"authorization", "bearer mine"}, {"x-goog-api-key", "mine"}}},
        CredentialCase{"UserProjectAndCookie",
                       "",
                       {{"X-Goog-User-Project", "mine"}, {"Cookie", "a=mine"}, {"cookie", ""}}},
        CredentialCase{"Query", "?key=mine", {}},
        CredentialCase{"QueryEncoded", "?%6bey=mine&%6B%65%79=mine", {}},
        CredentialCase{"QueryAmongOthers", "?alt=json&key=mine&access_token=mine&x=1", {}},
        CredentialCase{"Everything",
                       "?key=mine&key=mine",
                       {{"x-goog-api-key", "mine"}, {"authorization", "Token mine"}}}),
    [](const auto& info) { return info.param.name; });

TEST_F(PassThrough, OtherQueryParametersStayWhenACredentialGoes) {
  HttpRequest request = GenerateContent();
  request.target += "?a=%41&key=mine&keys=1&&b";
  EXPECT_EQ(Fetch(port(), request).status, 200);
  EXPECT_THAT(LastSeen().head.target, testing::EndsWith("?a=%41&keys=1&&b"));
}

struct BodyCase {
  std::size_t bytes;
  bool chunked;
};
class Bodies : public PassThrough, public testing::WithParamInterface<BodyCase> {};

TEST_P(Bodies, PassByteForByteInBothDirections) {
  const BodyCase body = GetParam();
  RawConnection connection(port());
  const std::string bytes = EchoBytes(body.bytes);
  ASSERT_TRUE(connection.Send(
      HttpRequest{.method = "POST", .target = "/echo/in", .body = bytes, .chunked = body.chunked}));
  EXPECT_EQ(connection.ReadAnswer().status, 200);
  EXPECT_EQ(LastSeen().body_bytes, static_cast<std::int64_t>(body.bytes));
  EXPECT_EQ(LastSeen().body_sha256, fake::Sha256Hex(bytes));

  const std::string target =
      "/echo/bytes?n=" + std::to_string(body.bytes) + (body.chunked ? "&framing=chunked" : "");
  ASSERT_TRUE(connection.Send(HttpRequest{.method = "GET", .target = target}));
  const Answer answer = connection.ReadAnswer();
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.Has("content-length"), !body.chunked);
  EXPECT_EQ(fake::Sha256Hex(answer.body), fake::Sha256Hex(bytes));
}

INSTANTIATE_TEST_SUITE_P(OfEverySize, Bodies,
                         testing::Values(BodyCase{0, false}, BodyCase{0, true}, BodyCase{1, false},
                                         BodyCase{1, true}, BodyCase{65'536, false},
                                         BodyCase{65'537, true}, BodyCase{1'048'576, false},
                                         BodyCase{1'048'577, true}, BodyCase{9'000'001, false}),
                         [](const auto& info) {
                           return std::to_string(info.param.bytes) +
                                  (info.param.chunked ? "Chunked" : "Sized");
                         });

TEST_F(PassThrough, BodyThatComesByteByByteArrivesWhole) {
  RawConnection connection(port());
  const std::string wire = GenerateContent().Wire();
  for (const char& byte : wire) ASSERT_TRUE(connection.Send({&byte, 1}));
  EXPECT_EQ(connection.ReadAnswer().status, 200);
}

TEST_F(PassThrough, AnswerThatComesByteByByteArrivesWhole) {
  fake::Fault slow;
  slow.kind = fake::FaultKind::kSlow;
  slow.delay = absl::Milliseconds(1);
  cluster_->fake().AddFault(slow);
  const Answer answer = Fetch(port(), GenerateContent());
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.complete);
  EXPECT_THAT(answer.body, HasSubstr("Hello from the fake Gemini"));
}

TEST_F(PassThrough, HeadHasTheFieldsAndNoBody) {
  RawConnection connection(port());
  ASSERT_TRUE(connection.Send(HttpRequest{.method = "HEAD", .target = "/echo/bytes?n=1000"}));
  const Answer head = connection.ReadAnswer("HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("content-length"), "1000");
  ASSERT_TRUE(connection.Send(HttpRequest{.method = "GET", .target = "/echo/bytes?n=3"}));
  EXPECT_EQ(connection.ReadAnswer().body, EchoBytes(3));
}

TEST_F(PassThrough, ExpectContinueIsAnsweredBeforeTheBodyIsSent) {
  RawConnection connection(port());
  HttpRequest request = GenerateContent();
  request.headers.push_back({"Expect", "100-continue"});
  const std::string wire = request.Wire();
  const std::size_t head = wire.find("\r\n\r\n") + 4;
  ASSERT_TRUE(connection.Send(wire.substr(0, head)));
  EXPECT_EQ(connection.ReadHead().status, 100);
  ASSERT_TRUE(connection.Send(wire.substr(head)));
  EXPECT_EQ(connection.ReadAnswer().status, 200);
}

TEST_F(PassThrough, OneConnectionServesManyRequestsOverOneUpstreamConnection) {
  RawConnection connection(port());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(connection.Send(GenerateContent()));
    EXPECT_EQ(connection.ReadAnswer().status, 200);
  }
  EXPECT_EQ(cluster_->fake().Counts().connections, 1u);
}

TEST_F(PassThrough, PipelinedRequestsAreAnsweredInOrder) {
  RawConnection connection(port());
  std::string wire;
  for (int n = 1; n <= 20; ++n) {
    wire += HttpRequest{.target = "/echo/bytes?n=" + std::to_string(n)}.Wire();
    wire +=
        HttpRequest{.method = "POST", .target = "/echo/in", .body = "body", .chunked = n % 2 == 0}
            .Wire();
  }
  ASSERT_TRUE(connection.Send(wire));
  for (std::size_t n = 1; n <= 20; ++n) {
    EXPECT_EQ(connection.ReadAnswer().body.size(), n);
    EXPECT_THAT(connection.ReadAnswer().body, HasSubstr("body_sha256"));
  }
}

TEST_F(PassThrough, ConnectionCloseIsHonoured) {
  RawConnection connection(port());
  HttpRequest request = GenerateContent();
  request.headers.push_back({"Connection", "close"});
  ASSERT_TRUE(connection.Send(request));
  const Answer answer = connection.ReadAnswer();
  EXPECT_TRUE(answer.complete);
  EXPECT_TRUE(fake::EqualsIgnoreCase(answer.Header("connection"), "close"));
  EXPECT_EQ(connection.ReadToEnd(), End::kClosed);
}

TEST_F(PassThrough, OldClientGetsNoChunksAndAnEnd) {
  RawConnection connection(port());
  ASSERT_TRUE(
      connection.Send("GET /echo/bytes?n=70000&framing=chunked HTTP/1.0\r\nHost: x\r\n\r\n"));
  const Answer answer = connection.ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.Has("transfer-encoding"));
  EXPECT_EQ(answer.body, EchoBytes(70'000));
}

TEST_F(PassThrough, InterimAnswersOfUpstreamDoNotDisturb) {
  fake::Fault interim;
  interim.kind = fake::FaultKind::kInterim;
  cluster_->fake().AddFault(interim);
  const Answer answer = Fetch(port(), GenerateContent());
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.complete);
}

TEST_F(PassThrough, ErrorsOfUpstreamThatAreTheRequestsOwnAreRelayedUnchanged) {
  const Answer answer = Fetch(port(), GenerateContent("gemini-none"));
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.body, HasSubstr("models/gemini-none is not found for API version v1beta"));
  EXPECT_EQ(cluster_->fake().Counts().requests, 1u);
}

}  // namespace
}  // namespace keypool::itest
