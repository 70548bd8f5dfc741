#include "proxy/cors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "proxy/request_head.h"

namespace keypool::proxy {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(CorsPolicy, NothingSaidThenPagesOfThisMachineAndPrograms) {
  const CorsPolicy local;
  for (const std::string_view origin :
       {"http://localhost", "http://localhost:3000", "https://LOCALHOST:8443",
        "http://app.localhost:5173", "http://127.0.0.1:8000", "http://127.1.2.3", "http://[::1]:80",
        "chrome-extension://abcdef", "vscode-webview://x", "app://obsidian.md", "file://"}) {
    EXPECT_TRUE(local.Allows(origin)) << origin;
  }
  for (const std::string_view origin :
       {"null", "", "https://evil.example", "http://localhost.evil.example",
        "http://127.0.0.1.evil.example", "http://10.0.0.1", "http://[::2]", "localhost", "://x",
        "HTTPS://evil.example", "http://127.evil.example", "http://notlocalhost"}) {
    EXPECT_FALSE(local.Allows(origin)) << origin;
  }
  EXPECT_FALSE(local.Allows("app://" + std::string(300, 'x')));
  EXPECT_FALSE(local.Allows("app://a b"));
}

TEST(CorsPolicy, ListThenItsElementsAndNoOthers) {
  const auto list = CorsPolicy::Parse("https://App.example, http://x.example:8080");
  ASSERT_TRUE(list.ok());
  EXPECT_TRUE(list->Allows("https://app.example"));
  EXPECT_TRUE(list->Allows("http://x.example:8080"));
  EXPECT_FALSE(list->Allows("http://x.example"));
  EXPECT_FALSE(list->Allows("http://app.example"));
  EXPECT_FALSE(list->Allows("http://localhost"));
  const auto both = CorsPolicy::Parse("local,https://app.example");
  EXPECT_TRUE(both->Allows("http://localhost:1") && both->Allows("https://app.example"));
  EXPECT_TRUE(CorsPolicy::Parse("*")->Allows("https://any.example"));
  EXPECT_TRUE(CorsPolicy::Parse("*")->Allows("null"));
  for (const std::string_view nobody : {"", "none"}) {
    EXPECT_FALSE(CorsPolicy::Parse(nobody)->Allows("http://localhost")) << nobody;
  }
  for (const std::string_view wrong :
       {"app.example", "https://a.example/path", "https://", "all", "https://a b"}) {
    const auto parsed = CorsPolicy::Parse(wrong);
    ASSERT_FALSE(parsed.ok()) << wrong;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(std::string(wrong)));
  }
}

CrossOrigin Read(const std::string& head_text, RequestHead* head) {
  std::size_t scanned = 0;
  EXPECT_EQ(ParseRequestHead(head_text, &scanned, head).state, HeadState::kComplete);
  return ReadCrossOrigin(*head);
}

TEST(CrossOrigin, OptionsWithAMethodThenItIsAPreflight) {
  RequestHead head;
  const std::string preflight =
      "OPTIONS /v1/x HTTP/1.1\r\nHost: a\r\norigin: http://b\r\n"
      "Access-Control-Request-Method: POST\r\naccess-control-request-headers: "
      "x-goog-api-key\r\n\r\n";
  const CrossOrigin from = Read(preflight, &head);
  EXPECT_EQ(from.origin, "http://b");
  EXPECT_TRUE(from.preflight);
  EXPECT_EQ(from.requested_headers, "x-goog-api-key");
  const std::string plain = "OPTIONS /v1/x HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n";
  EXPECT_FALSE(Read(plain, &head).preflight);
  const std::string no_page =
      "OPTIONS /v1/x HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Method: POST\r\n\r\n";
  EXPECT_FALSE(Read(no_page, &head).preflight);
  EXPECT_EQ(Read(no_page, &head).origin, "");
  const std::string post =
      "POST /v1/x HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nContent-Length: 0\r\n"
      "Access-Control-Request-Method: POST\r\n\r\n";
  EXPECT_FALSE(Read(post, &head).preflight);
}

TEST(Preflight, HeadersAreReflectedIfTheyAreNames) {
  CrossOrigin from;
  from.requested_headers = "x-goog-api-key,content-type, bad name,x-stainless-os, \"q\"";
  EXPECT_THAT(PreflightFields(from),
              HasSubstr("Access-Control-Allow-Headers: x-goog-api-key, content-type, "
                        "x-stainless-os\r\n"));
  from.requested_headers = "";
  EXPECT_THAT(PreflightFields(from), Not(HasSubstr("Allow-Headers")));
  EXPECT_THAT(PreflightFields(from), Not(HasSubstr("Private-Network")));
  from.private_network = true;
  EXPECT_THAT(PreflightFields(from), HasSubstr("Access-Control-Allow-Private-Network: true\r\n"));
  std::string many;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&many, "x-field-", i, ",");
  from.requested_headers = many;
  EXPECT_LT(PreflightFields(from).size(), 3000u);
}

}  // namespace
}  // namespace keypool::proxy
