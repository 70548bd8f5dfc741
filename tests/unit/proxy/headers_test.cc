#include "proxy/headers.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/request_head.h"
#include "proxy/response_head.h"
#include "tests/unit/proxy/sample_heads.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kHost = "generativelanguage.googleapis.com";

std::string UpstreamHead(std::string_view bytes, OutBody body = {}) {
  std::size_t scanned = 0;
  RequestHead head;
  const HeadResult result = ParseRequestHead(bytes, &scanned, &head);
  EXPECT_EQ(result.state, HeadState::kComplete) << bytes << result.problem;
  std::string out;
  AppendUpstreamHead(head, MakePlan(head), kHost, Secret("POOLKEY"), body, &out);
  return out;
}

std::string ClientHead(std::string_view bytes, ClientHeadOptions options,
                       std::string_view method = "GET") {
  std::size_t scanned = 0;
  ResponseHead head;
  const HeadResult result = ParseResponseHead(bytes, method, &scanned, &head);
  EXPECT_EQ(result.state, HeadState::kComplete) << bytes << result.problem;
  std::string out;
  AppendClientHead(head, options, &out);
  return out;
}

TEST(UpstreamHead, SdkHeadThenOnlyHostKeyAndHopByHopFieldsChange) {
  EXPECT_EQ(UpstreamHead(samples::kSdkHead, {Framing::kSized, 75}),
            "POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1\r\n"
            "Host: generativelanguage.googleapis.com\r\n"
            "user-agent: google-genai-sdk/1.34.0 gl-node/v20.11.0\r\n"
            "x-goog-api-client: google-genai-sdk/1.34.0 gl-node/v20.11.0\r\n"
            "content-type: application/json\r\n"
            "accept: */*\r\n"
            "accept-language: *\r\n"
            "sec-fetch-mode: cors\r\n"
            "accept-encoding: gzip, deflate\r\n"
            "Content-Length: 75\r\n"
            "x-goog-api-key: POOLKEY\r\n"
            "\r\n");
}

TEST(UpstreamHead, OpenAiPathThenTheKeyIsABearer) {
  EXPECT_EQ(UpstreamHead("POST /v1beta/openai/embeddings HTTP/1.1\r\nHost: a\r\n"
                         "Authorization: Bearer MINE\r\nTransfer-Encoding: chunked\r\n\r\n",
                         {Framing::kChunked, 0}),
            "POST /v1beta/openai/embeddings HTTP/1.1\r\nHost: generativelanguage.googleapis.com\r\n"
            "Transfer-Encoding: chunked\r\nAuthorization: Bearer POOLKEY\r\n\r\n");
}

TEST(UpstreamHead, EveryCredentialInAnyCaseAndNumberThenNoneIsLeft) {
  const std::string out = UpstreamHead(
      "GET /v1/models?key=MINE&%6bey=MINE&access_token=MINE HTTP/1.1\r\nHost: a\r\n"
      "x-goog-api-key: MINE\r\nX-GOOG-API-KEY: MINE\r\nX-Goog-Api-Key:\r\n"
      "authorization: Bearer MINE\r\nAUTHORIZATION: Token MINE\r\nx-goog-user-project: MINE\r\n"
      "cookie: MINE\r\nCookie:\r\nProxy-Authorization: Basic MINE\r\n\r\n");
  EXPECT_EQ(out,
            "GET /v1/models HTTP/1.1\r\nHost: generativelanguage.googleapis.com\r\n"
            "x-goog-api-key: POOLKEY\r\n\r\n");
}

TEST(UpstreamHead, HopByHopFieldsThenTheyAndWhatConnectionNamesGo) {
  const std::string out = UpstreamHead(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-One\r\nX-One: 1\r\nx-ONE: 2\r\n"
      "Connection: x-two,\r\nX-Two: 3\r\nX-Three: 4\r\nKeep-Alive: timeout=5\r\n"
      "Proxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: h2c\r\n\r\n");
  EXPECT_EQ(out,
            "GET / HTTP/1.1\r\nHost: generativelanguage.googleapis.com\r\nX-Three: 4\r\n"
            "x-goog-api-key: POOLKEY\r\n\r\n");
}

TEST(UpstreamHead, WhatTheClientSaysOfItselfThenItStaysAndNothingIsAdded) {
  const std::string out = UpstreamHead(
      "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 x\r\nX-Forwarded-For: 10.1.2.3\r\nForwarded: for=x\r\n"
      "X-Server-Timeout: 30\r\nApi-Revision: 2026-05-20\r\n\r\n");
  EXPECT_EQ(out,
            "GET / HTTP/1.1\r\nHost: generativelanguage.googleapis.com\r\nVia: 1.1 x\r\n"
            "X-Forwarded-For: 10.1.2.3\r\nForwarded: for=x\r\nX-Server-Timeout: 30\r\n"
            "Api-Revision: 2026-05-20\r\nx-goog-api-key: POOLKEY\r\n\r\n");
}

TEST(UpstreamHead, BodyIsHeldAlreadyThenExpectGoesAndItsSizeIsTold) {
  const std::string out = UpstreamHead(
      "POST /x HTTP/1.0\r\nhost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
      {Framing::kSized, 3});
  EXPECT_EQ(out,
            "POST /x HTTP/1.1\r\nhost: generativelanguage.googleapis.com\r\n"
            "Content-Length: 3\r\nx-goog-api-key: POOLKEY\r\n\r\n");
}

TEST(UpstreamHead, CodingsThatNobodyCouldSearchThenTheyAreNotAskedFor) {
  const auto asked = [](std::string_view codings) {
    const std::string out = UpstreamHead(
        "GET / HTTP/1.1\r\nHost: a\r\naccept-encoding: " + std::string(codings) + "\r\n\r\n");
    const std::size_t at = out.find("accept-encoding: ") + 17;
    return out.substr(at, out.find("\r\n", at) - at);
  };
  for (const std::string_view good : {"gzip, deflate", "gzip,deflate", "identity",
                                      "GZIP;q=1.0 , identity; q=0.5", "x-gzip", ""}) {
    EXPECT_EQ(asked(good), good);
  }
  EXPECT_EQ(asked("gzip, deflate, br, zstd"), "gzip, deflate");
  EXPECT_EQ(asked("br;q=1.0, gzip;q=0.8, *;q=0.1"), "gzip;q=0.8");
  EXPECT_EQ(asked("br"), "identity");
  EXPECT_EQ(asked("*"), "identity");
}

TEST(UpstreamHead, TimeWasSpentThenTheServerTimeoutSaysWhatIsLeft) {
  constexpr std::string_view kBytes = "GET / HTTP/1.1\r\nHost: a\r\nX-Server-timeout: 30\r\n\r\n";
  std::size_t scanned = 0;
  RequestHead head;
  ASSERT_EQ(ParseRequestHead(kBytes, &scanned, &head).state, HeadState::kComplete);
  std::string out;
  AppendUpstreamHead(head, MakePlan(head), kHost, Secret("POOLKEY"), {}, &out, "17");
  EXPECT_NE(out.find("\r\nX-Server-timeout: 17\r\n"), std::string::npos) << out;
  EXPECT_EQ(out.find("30"), std::string::npos) << out;
}

TEST(UpstreamHead, WrittenThenItReadsBackWithTheSameFraming) {
  for (const std::string_view bytes : samples::GoodRequestHeads()) {
    for (const OutBody body : {OutBody{}, OutBody{Framing::kSized, 0}, OutBody{Framing::kSized, 17},
                               OutBody{Framing::kChunked, 0}}) {
      const std::string out = UpstreamHead(bytes, body);
      std::size_t scanned = 0;
      RequestHead head;
      ASSERT_EQ(ParseRequestHead(out, &scanned, &head).state, HeadState::kComplete) << out;
      EXPECT_EQ(head.size, out.size());
      EXPECT_EQ(head.framing, body.framing) << out;
      EXPECT_EQ(head.content_length, body.size) << out;
      EXPECT_EQ(head.host, kHost);
    }
  }
}

TEST(ClientHead, GooglesHeadThenOnlyHopByHopFieldsAndAltSvcGo) {
  EXPECT_EQ(ClientHead(samples::kGoogleHead, {.body = {Framing::kChunked, 0}}),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: application/json; charset=UTF-8\r\n"
            "Vary: Origin\r\n"
            "Vary: X-Origin\r\n"
            "Vary: Referer\r\n"
            "Content-Encoding: gzip\r\n"
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
            "Server: scaffolding on HTTPServer2\r\n"
            "X-XSS-Protection: 0\r\n"
            "X-Frame-Options: SAMEORIGIN\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Server-Timing: gfet4t7; dur=412\r\n"
            "Transfer-Encoding: chunked\r\n"
            "\r\n");
}

TEST(ClientHead, ReasonAndStatusThenTheyArePassedAsTheyCame) {
  EXPECT_EQ(ClientHead("HTTP/1.1 429 Slow down!\r\nContent-Length: 2\r\n\r\n",
                       {.body = {Framing::kSized, 2}}),
            "HTTP/1.1 429 Slow down!\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(ClientHead("HTTP/1.1 204\r\n\r\n", {}), "HTTP/1.1 204 \r\n\r\n");
}

TEST(ClientHead, ConnectionThenItSaysWhatWeDoNotWhatUpstreamDoes) {
  constexpr std::string_view kAnswer =
      "HTTP/1.1 200 OK\r\nConnection: close, x-mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=4\r\n"
      "Content-Length: 2\r\n\r\n";
  const OutBody body{Framing::kSized, 2};
  EXPECT_EQ(ClientHead(kAnswer, {.body = body}), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(ClientHead(kAnswer, {.body = body, .keep_alive = false}),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(ClientHead(kAnswer, {.body = body, .client_minor_version = 0}),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(ClientHead(kAnswer, {.body = {Framing::kToClose, 0}}),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}

TEST(ClientHead, AddressesOfAnUploadThenTheyLeadThroughTheProxyAndAllElseStays) {
  constexpr std::string_view kStarted =
      "HTTP/1.1 200 OK\r\nX-Goog-Upload-URL: "
      "https://generativelanguage.googleapis.com/upload/v1beta/"
      "files?key=AIza&upload_id=a&upload_protocol=resumable\r\nX-Goog-Upload-Status: active\r\n"
      "x-goog-upload-control-url: https://generativelanguage.googleapis.com/u?upload_id=a\r\n"
      "X-Goog-Upload-Chunk-Granularity: 8388608\r\nLocation: https://elsewhere/?key=k\r\n\r\n";
  const UrlRewrite rewrite = {"http://a-rather-long-name.of-the-pool.example:8000/gemini",
                              "generativelanguage.googleapis.com", ""};
  EXPECT_EQ(
      ClientHead(kStarted, {.body = {}, .upload_urls = &rewrite}),
      "HTTP/1.1 200 OK\r\nX-Goog-Upload-URL: http://a-rather-long-name.of-the-pool.example:8000"
      "/gemini/upload/v1beta/files?upload_id=a&upload_protocol=resumable\r\n"
      "X-Goog-Upload-Status: active\r\nx-goog-upload-control-url: "
      "http://a-rather-long-name.of-the-pool.example:8000/gemini/u?upload_id=a\r\n"
      "X-Goog-Upload-Chunk-Granularity: 8388608\r\nLocation: https://elsewhere/\r\n\r\n");
  EXPECT_EQ(ClientHead(kStarted, {}), std::string(kStarted));
}

TEST(ClientHead, NoBodyToHeadOrNotModifiedThenTheLengthOfTheOneNotSentStays) {
  EXPECT_EQ(ClientHead("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\n", {},
                       "HEAD"),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(ClientHead("HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", {}),
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(ClientHead("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {}, "HEAD"),
            "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(ClientHead("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", {}),
            "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(ClientHead, PageInABrowserThenItMayReadTheAnswerUnlessUpstreamSaysWhoMay) {
  constexpr std::string_view kOurs = "Access-Control-Allow-Origin: http://localhost\r\n";
  const ClientHeadOptions options{.body = {Framing::kSized, 2}, .cors_fields = kOurs};
  EXPECT_EQ(ClientHead("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", options),
            "HTTP/1.1 200 OK\r\n" + std::string(kOurs) + "Content-Length: 2\r\n\r\n");
  EXPECT_EQ(ClientHead("HTTP/1.1 200 OK\r\naccess-control-Allow-origin: *\r\n"
                       "Content-Length: 2\r\n\r\n",
                       options),
            "HTTP/1.1 200 OK\r\naccess-control-Allow-origin: *\r\nContent-Length: 2\r\n\r\n");
}

constexpr std::string_view kUpgrade =
    "GET /ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=MINE "
    "HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhl\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: p\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n";

TEST(UpstreamHead, LiveSessionThenTheUpgradeGoesOnWithOneKey) {
  EXPECT_EQ(UpstreamHead(std::string(kUpgrade) + "x-goog-api-key: MINE\r\n\r\n"),
            "GET /ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent "
            "HTTP/1.1\r\nHost: generativelanguage.googleapis.com\r\nSec-WebSocket-Key: dGhl\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: p\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nx-goog-api-key: POOLKEY\r\n\r\n");
}

TEST(UpstreamHead, LiveSessionWithAnEphemeralTokenThenItGoesOnInPlaceOfAKey) {
  const std::string head =
      UpstreamHead(std::string(kUpgrade) +
                   "Authorization: Token auth_tokens/x\r\nx-goog-api-key: MINE\r\n"
                   "x-goog-user-project: p\r\ncookie: c\r\n\r\n");
  EXPECT_NE(head.find("Authorization: Token auth_tokens/x\r\n"), std::string::npos);
  for (const std::string_view gone : {"MINE", "POOLKEY", "user-project", "cookie"}) {
    EXPECT_EQ(head.find(gone), std::string::npos) << gone;
  }
}

TEST(ClientHead, SwitchToAWebSocketThenItIsToldAsUpstreamDid) {
  ClientHeadOptions options;
  options.websocket = true;
  EXPECT_EQ(ClientHead("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n\r\n",
                       options),
            "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: abc\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

}  // namespace
}  // namespace keypool::proxy
