#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/gemini/control.h"
#include "tests/fakes/gemini/digest.h"
#include "tests/fakes/gemini/server.h"
#include "tests/integration/harness/certificate.h"
#include "tests/integration/harness/raw_http.h"

namespace keypool::fake {
namespace {

using itest::Answer;
using itest::End;
using itest::Fetch;
using itest::GenerateContent;
using itest::HttpRequest;
using itest::kDeadline;
using itest::RawConnection;
using testing::HasSubstr;

constexpr char kKey[] = "AIzaSyTest-one";

class FakeGeminiTest : public testing::Test {
 protected:
  void SetUp() override {
    FakeOptions options;
    options.quota.project_of_key = {{kKey, "p1"}};
    options.quota.limit = {10, 250};
    fake_ = FakeGemini::Start(options).value();
  }
  Answer Ask(HttpRequest request) { return Fetch(fake_->port(), request); }
  static HttpRequest WithKey(HttpRequest request) {
    request.headers.push_back({"x-goog-api-key", kKey});
    return request;
  }
  HttpRequest Stream(const std::string& query) {
    HttpRequest request = WithKey(GenerateContent());
    request.target = "/v1/models/gemini-2.5-flash:streamGenerateContent" + query;
    return request;
  }
  void AddFault(FaultKind kind, int events = 0, std::int64_t bytes = 0) {
    Fault fault;
    fault.kind = kind;
    fault.events = events;
    fault.bytes = bytes;
    fake_->AddFault(fault);
  }

  std::unique_ptr<FakeGemini> fake_;
};

TEST_F(FakeGeminiTest, EleventhRequestInAMinuteIsRefusedInGooglesWords) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Ask(WithKey(GenerateContent())).status, 200);
  const Answer answer = Ask(WithKey(GenerateContent()));
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.body, HasSubstr("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"));
  EXPECT_THAT(answer.body, HasSubstr(R"("quotaValue": "10")"));
  EXPECT_THAT(answer.body, HasSubstr("type.googleapis.com/google.rpc.RetryInfo"));
  EXPECT_EQ(fake_->Counts().admitted, 10);
  EXPECT_EQ(fake_->Counts().refused, 1);
}

TEST_F(FakeGeminiTest, CredentialsAreJudgedAsGoogleDoes) {
  EXPECT_EQ(Ask(GenerateContent()).status, 403);
  HttpRequest twice = WithKey(GenerateContent());
  twice.target += std::string("?key=") + kKey;
  const Answer both = Ask(twice);
  EXPECT_EQ(both.status, 400);
  EXPECT_THAT(both.body, HasSubstr("Multiple authentication credentials received"));
  HttpRequest wrong = GenerateContent();
  wrong.headers.push_back({"X-Goog-Api-Key", "nobody's"});
  EXPECT_THAT(Ask(wrong).body, HasSubstr("API_KEY_INVALID"));
  HttpRequest by_query = GenerateContent();
  by_query.target += "?%6Bey=AIzaSyTest%2Done";
  EXPECT_EQ(Ask(by_query).status, 200);
}

TEST_F(FakeGeminiTest, UnknownModelIsNotFoundAndCostsNothing) {
  EXPECT_EQ(Ask(WithKey(GenerateContent("gemini-none"))).status, 404);
  EXPECT_EQ(fake_->Counts().admitted, 0);
}

TEST_F(FakeGeminiTest, StreamsComeAsEventsOrAsAnArray) {
  const Answer sse = Ask(Stream("?alt=sse"));
  EXPECT_EQ(sse.Header("content-type"), "text/event-stream");
  EXPECT_THAT(sse.body, testing::StartsWith("data: {"));
  EXPECT_THAT(sse.body, testing::EndsWith("}\r\n\r\n"));
  EXPECT_THAT(Ask(Stream("")).body, testing::StartsWith("[{"));
}

TEST_F(FakeGeminiTest, OpenAiPathTakesOnlyABearer) {
  HttpRequest request{.method = "POST",
                      .target = "/v1beta/openai/chat/completions",
                      .headers = {{"Authorization", std::string("Bearer ") + kKey}},
                      .body = R"({"model":"gemini-2.5-pro","messages":[]})"};
  EXPECT_THAT(Ask(request).body, HasSubstr("chat.completion"));
  request.headers = {{"x-goog-api-key", kKey}};
  EXPECT_THAT(Ask(request).body, HasSubstr("Missing or invalid Authorization header"));
}

TEST_F(FakeGeminiTest, FaultStrikesOnlyWhatItMatchesAndAsOftenAsTold) {
  HttpRequest control{.method = "POST",
                      .target = "/__fake/faults",
                      .headers = {},
                      .body = R"({"kind":"429_day","match":{"model":"gemini-2.5-pro"},"times":2})"};
  EXPECT_EQ(Ask(control).status, 200);
  EXPECT_EQ(Ask(WithKey(GenerateContent("gemini-2.5-flash"))).status, 200);
  const Answer first = Ask(WithKey(GenerateContent("gemini-2.5-pro")));
  EXPECT_THAT(first.body, HasSubstr("GenerateRequestsPerDayPerProjectPerModel-FreeTier"));
  EXPECT_EQ(Ask(WithKey(GenerateContent("gemini-2.5-pro"))).status, 429);
  EXPECT_EQ(Ask(WithKey(GenerateContent("gemini-2.5-pro"))).status, 200);
  control.body = R"({"kind":"no such thing"})";
  EXPECT_EQ(Ask(control).status, 400);
}

TEST_F(FakeGeminiTest, FaultsThatAnswerDoSoInGooglesWords) {
  const struct {
    std::string kind;
    int status;
    std::vector<std::string> parts;
  } kCases[] = {
      {"429_minute", 429, {"PerMinute", R"("quotaValue": "10")", "RetryInfo"}},
      {"429_bare", 429, {"Resource has been exhausted (e.g. check quota)."}},
      {"429_html", 429, {"<html>", "automated queries"}},
      {"429_no_access", 429, {"limit: 0, model: gemini-2.5-flash", R"("quotaValue": "0")"}},
      {"429_prepaid", 429, {"RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."}},
      {"429_spend", 429, {"RESOURCE_EXHAUSTED", "exceeded its monthly spending cap."}},
      {"400_key", 400, {"API key not valid.", "API_KEY_INVALID", "LocalizedMessage"}},
      {"400_expired", 400, {"API key expired.", "API_KEY_INVALID", "LocalizedMessage"}},
      {"400_location", 400, {"FAILED_PRECONDITION", "User location is not supported"}},
      {"401", 401, {"UNAUTHENTICATED", "ACCESS_TOKEN_TYPE_UNSUPPORTED"}},
      {"403_suspended", 403, {"Consumer 'api_key:AIzaSyTest-one' has", "CONSUMER_SUSPENDED"}},
      {"403_leaked", 403, {"PERMISSION_DENIED", "Your API key was reported as leaked."}},
      {"403_blocked",
       403,
       {"v1beta.GenerativeService.GenerateContent are blocked.", "API_KEY_SERVICE_BLOCKED"}},
      {"403_disabled", 403, {"has not been used in project 123456789", "SERVICE_DISABLED"}},
      {"403_denied", 403, {"PERMISSION_DENIED", "Your project has been denied access."}},
      {"403_ambiguous", 403, {"PERMISSION_DENIED", "The caller does not have permission"}},
      {"404_new_users",
       404,
       {"NOT_FOUND", "models/gemini-2.5-flash is no longer available to new users."}},
      {"500", 500, {"INTERNAL"}},
      {"503", 503, {"UNAVAILABLE", "The model is overloaded."}},
      {"504", 504, {"DEADLINE_EXCEEDED", "Deadline expired before operation could complete."}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.kind);
    const Answer told = Ask({.method = "POST",
                             .target = "/__fake/faults",
                             .headers = {},
                             .body = "{\"kind\":\"" + c.kind + "\"}"});
    EXPECT_EQ(told.status, 200);
    const Answer answer = Ask(WithKey(GenerateContent()));
    EXPECT_EQ(answer.status, c.status);
    for (const std::string& part : c.parts) EXPECT_THAT(answer.body, HasSubstr(part));
  }
  EXPECT_EQ(fake_->Counts().admitted, 0);
}

TEST_F(FakeGeminiTest, FaultThatAnswersIsWrappedAsTheCallerAsks) {
  AddFault(FaultKind::k403Leaked);
  const Answer sse = Ask(Stream("?alt=sse"));
  EXPECT_EQ(sse.Header("content-type"), "text/event-stream");
  EXPECT_THAT(sse.body, testing::StartsWith("{\n  \"error\""));
  AddFault(FaultKind::k504);
  EXPECT_THAT(Ask(Stream("")).body, testing::StartsWith("[\n  {\n    \"error\""));
}

TEST_F(FakeGeminiTest, CutAnswersAreSeenAsCut) {
  AddFault(FaultKind::kCutStream, 2);
  const Answer stream = Ask(Stream("?alt=sse"));
  EXPECT_EQ(stream.status, 200);
  EXPECT_FALSE(stream.complete);
  AddFault(FaultKind::kCutBody, 0, 20);
  const Answer body = Ask(WithKey(GenerateContent()));
  EXPECT_FALSE(body.complete);
  EXPECT_EQ(body.body.size(), 20u);
  AddFault(FaultKind::kCutHead);
  EXPECT_EQ(Ask(WithKey(GenerateContent())).status, 0);
  AddFault(FaultKind::kCloseUnsent);
  EXPECT_EQ(Ask(WithKey(GenerateContent())).status, 0);
}

TEST_F(FakeGeminiTest, SteppedStreamSendsOnePieceForEachStep) {
  AddFault(FaultKind::kStepStream);
  RawConnection connection(fake_->port());
  ASSERT_TRUE(connection.Send(Stream("?alt=sse")));
  EXPECT_EQ(connection.ReadHead().status, 200);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(connection.Readable(absl::Milliseconds(20)));
    fake_->Step(1);
    EXPECT_THAT(connection.ReadChunk().value_or(""), testing::StartsWith("data: "));
  }
  EXPECT_EQ(connection.ReadChunk(), "");
}

TEST_F(FakeGeminiTest, PeerThatLeavesAHangingAnswerIsNoticed) {
  AddFault(FaultKind::kHang);
  RawConnection connection(fake_->port());
  ASSERT_TRUE(connection.Send(WithKey(GenerateContent())));
  ASSERT_TRUE(fake_->WaitFor([&] { return fake_->Counts().requests == 1; }, kDeadline));
  connection.Close();
  EXPECT_TRUE(fake_->WaitFor([&] { return fake_->Requests().back().ending == Ending::kPeerClosed; },
                             kDeadline));
}

TEST_F(FakeGeminiTest, TellsExactlyWhatReachedIt) {
  const std::string body(3'000'000, 'b');
  HttpRequest request{.method = "POST",
                      .target = "/echo/x%20y?a=1&a=2",
                      .headers = {{"X-Odd", "a  b"}},
                      .body = body,
                      .chunked = true};
  EXPECT_EQ(Ask(request).status, 200);
  const SeenRequest seen = fake_->Requests().back();
  EXPECT_EQ(seen.head.raw, request.Wire().substr(0, seen.head.raw.size()));
  EXPECT_TRUE(seen.chunked);
  EXPECT_EQ(seen.body_sha256, Sha256Hex(body));
  EXPECT_EQ(Ask({.method = "GET", .target = "/echo/bytes?n=100000"}).body, EchoBytes(100'000));
}

TEST_F(FakeGeminiTest, UploadAtOnceMakesAFileThatCanBeDeleted) {
  HttpRequest upload = WithKey({.method = "POST", .target = "/upload/v1beta/files"});
  upload.headers.push_back({"X-Goog-Upload-Protocol", "multipart"});
  upload.body = "--b and so on";
  EXPECT_THAT(Ask(upload).body, HasSubstr(R"("name": "files/fake-1")"));
  const HttpRequest one = WithKey({.method = "DELETE", .target = "/v1beta/files/fake-1"});
  EXPECT_EQ(Ask(one).status, 200);
  EXPECT_THAT(Ask(one).body, HasSubstr("You do not have permission to access the File fake-1"));
}

TEST_F(FakeGeminiTest, CachesAndBatchesArePartOfTheApi) {
  HttpRequest make = WithKey({.method = "POST", .target = "/v1beta/cachedContents"});
  make.body = R"({"model":"models/gemini-2.5-flash"})";
  EXPECT_THAT(Ask(make).body, HasSubstr(R"("name": "cachedContents/fake-1")"));
  HttpRequest use = WithKey(GenerateContent());
  use.body = R"({"cachedContent":"cachedContents/fake-1"})";
  EXPECT_EQ(Ask(use).status, 200);
  use.body = R"({"cachedContent":"cachedContents/fake-2"})";
  EXPECT_EQ(Ask(use).status, 403);
  use.target = "/v1beta/models/gemini-2.5-flash:batchGenerateContent";
  use.body = "{}";
  EXPECT_THAT(Ask(use).body, HasSubstr(R"("name": "batches/fake-2")"));
  const HttpRequest cancel =
      WithKey({.method = "POST", .target = "/v1beta/batches/fake-2:cancel", .body = "{}"});
  EXPECT_EQ(Ask(cancel).status, 200);
}

TEST_F(FakeGeminiTest, ResumableUploadMakesAFileOfItsProject) {
  HttpRequest start = WithKey({.method = "POST", .target = "/upload/v1beta/files"});
  start.headers.push_back({"X-Goog-Upload-Command", "start"});
  const Answer started = Ask(start);
  const std::string url = started.Header("x-goog-upload-url");
  HttpRequest upload{
      .method = "POST",
      .target = url.substr(url.find("/upload/")),
      .headers = {{"X-Goog-Upload-Command", "upload, finalize"}, {"X-Goog-Upload-Offset", "0"}},
      .body = "some text"};
  const Answer uploaded = Ask(upload);
  EXPECT_EQ(uploaded.Header("x-goog-upload-status"), "final");
  EXPECT_THAT(uploaded.body, HasSubstr(R"("sizeBytes": "9")"));
  EXPECT_EQ(Ask(WithKey({.method = "GET", .target = "/v1beta/files/fake-1"})).status, 200);
  fake_->AddKey("AIzaSyTest-two", "p2");
  EXPECT_EQ(Ask({.method = "GET",
                 .target = "/v1beta/files/fake-1",
                 .headers = {{"x-goog-api-key", "AIzaSyTest-two"}}})
                .status,
            403);
}

TEST_F(FakeGeminiTest, SmuggledRequestIsRefusedAndCounted) {
  RawConnection connection(fake_->port());
  connection.Send(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(connection.ReadToEnd(), End::kClosed);
  EXPECT_EQ(fake_->Counts().malformed, 1);
  EXPECT_EQ(fake_->Counts().requests, 0u);
}

}  // namespace
}  // namespace keypool::fake
