// Pages in browsers: preflights are answered without a key, pages that may read the answers can,
// and others get nothing done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/integration/harness/cluster.h"

namespace keypool::itest {
namespace {

using fake::Fault;
using fake::FaultKind;
using testing::HasSubstr;

constexpr std::string_view kAllowOrigin = "Access-Control-Allow-Origin";

HttpRequest From(std::string origin, HttpRequest request = GenerateContent()) {
  request.headers.push_back({"Origin", std::move(origin)});
  return request;
}

HttpRequest Preflight(std::string origin) {
  return {.method = "OPTIONS",
          .target = "/v1beta/models/gemini-2.5-flash:generateContent",
          .headers = {{"Origin", std::move(origin)},
                      {"Access-Control-Request-Method", "POST"},
                      {"Access-Control-Request-Headers",
                       "content-type,x-goog-api-client,x-goog-api-key,x-goog-upload-command"}}};
}

class Browser : public testing::Test {
 protected:
  void Start(Settings proxy = {}) {
    cluster_ = Cluster::Start({.keys = TestKeys(1), .proxy = std::move(proxy)}).value();
  }
  Answer Ask(const HttpRequest& request) { return Fetch(cluster_->proxy_port(), request); }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Browser, PreflightIsAnsweredWithoutALeaseAndTheConnectionStays) {
  Start({{"KEYD_ADDRESS", "unix:/nobody/listens/here.sock"}});
  RawConnection connection(cluster_->proxy_port());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(connection.Send(Preflight("http://localhost:3000")));
    const Answer answer = connection.ReadAnswer("OPTIONS");
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.Header(kAllowOrigin), "http://localhost:3000");
    EXPECT_THAT(answer.Header("Access-Control-Allow-Methods"), HasSubstr("POST"));
    EXPECT_EQ(answer.Header("Access-Control-Allow-Headers"),
              "content-type, x-goog-api-client, x-goog-api-key, x-goog-upload-command");
    EXPECT_EQ(answer.Header("Access-Control-Max-Age"), "7200");
    EXPECT_FALSE(answer.Has("Content-Length"));
  }
  EXPECT_EQ(cluster_->fake().Requests().size(), 0u);
}

TEST_F(Browser, OtherOptionsGoUpstream) {
  Start();
  Ask({.method = "OPTIONS", .target = "/v1beta/models"});
  EXPECT_EQ(cluster_->fake().Requests().size(), 1u);
}

TEST_F(Browser, PageOfThisMachineCanReadAnswersAndErrors) {
  Start();
  const Answer good = Ask(From("http://localhost:3000"));
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.Header(kAllowOrigin), "http://localhost:3000");
  EXPECT_THAT(good.Header("Access-Control-Expose-Headers"), HasSubstr("X-Goog-Upload-URL"));
  const Answer bad = Ask(From("vscode-webview://x", {.target = "/v1beta/a/../b"}));
  EXPECT_EQ(bad.status, 400);
  cluster_->fake().AddFault(fake::FaultOf(FaultKind::k429Minute));
  const Answer refused = Ask(From("http://127.0.0.1:5173"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.Header(kAllowOrigin), "http://127.0.0.1:5173");
  EXPECT_FALSE(Ask(GenerateContent()).Has(kAllowOrigin));
}

TEST_F(Browser, WhatUpstreamSaysOfPagesStays) {
  Start();
  Fault fault;
  fault.kind = FaultKind::kRaw;
  fault.raw =
      "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: a\r\n"
      "Content-Length: 0\r\n\r\n";
  cluster_->fake().AddFault(fault);
  const Answer answer = Ask(From("http://localhost:3000"));
  EXPECT_EQ(answer.Header(kAllowOrigin), "*");
  EXPECT_EQ(answer.Header("Access-Control-Expose-Headers"), "a");
}

TEST_F(Browser, ForeignPageGetsNothingDone) {
  Start();
  for (const char* origin : {"https://evil.example", "null"}) {
    for (const HttpRequest& request : {From(origin), Preflight(origin)}) {
      const Answer answer = Ask(request);
      EXPECT_EQ(answer.status, 403);
      EXPECT_THAT(answer.body, HasSubstr("CORS_ORIGINS"));
      EXPECT_FALSE(answer.Has(kAllowOrigin));
    }
  }
  EXPECT_EQ(cluster_->fake().Requests().size(), 0u);
}

TEST_F(Browser, PagesThatAreListedMayAndOthersMayNot) {
  Start({{"CORS_ORIGINS", "https://app.example"}});
  EXPECT_EQ(Ask(Preflight("https://app.example")).status, 204);
  EXPECT_EQ(Ask(From("https://app.example")).Header(kAllowOrigin), "https://app.example");
  EXPECT_EQ(Ask(From("http://localhost:3000")).status, 403);
}

TEST_F(Browser, EverybodyMayWhenTheOperatorSaysSo) {
  Start({{"CORS_ORIGINS", "*"}});
  EXPECT_EQ(Ask(From("https://any.example")).Header(kAllowOrigin), "https://any.example");
}

}  // namespace
}  // namespace keypool::itest
