#include "proxy/upload_urls.h"

#include <gtest/gtest.h>

#include <string>

namespace keypool::proxy {
namespace {

constexpr UrlRewrite kRewrite{"https://pool.example/gemini", "upstream:9", "/base"};

TEST(UploadUrls, UpstreamsAddressThenItLeadsThroughTheProxyAndHasNoKey) {
  const struct {
    std::string_view url, expected;
  } kCases[] = {
      {"https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=a&"
       "upload_protocol=resumable",
       "https://pool.example/gemini/upload/v1beta/files?upload_id=a&upload_protocol=resumable"},
      {"https://generativelanguage.googleapis.com/upload/v1beta/files?key=AIza&upload_id=a%2F&"
       "%6bey=x",
       "https://pool.example/gemini/upload/v1beta/files?upload_id=a%2F"},
      {"http://upstream:9/base/upload/v1beta/files?upload_id=a",
       "https://pool.example/gemini/upload/v1beta/files?upload_id=a"},
      {"http://UPSTREAM:9/basement/upload?upload_id=a",
       "https://pool.example/gemini/basement/upload?upload_id=a"},
      {"http://upstream:9/base", "https://pool.example/gemini/base"},
      {"https://generativelanguage.googleapis.com/x?key=k", "https://pool.example/gemini/x"},
      {"https://elsewhere.example/upload?key=k&upload_id=a",
       "https://elsewhere.example/upload?upload_id=a"},
      {"/upload/v1beta/files?key=k&upload_id=a", "/upload/v1beta/files?upload_id=a"},
      {"", ""},
  };
  for (const auto& c : kCases) EXPECT_EQ(ForClient(kRewrite, c.url), c.expected) << c.url;
}

TEST(UploadUrls, NoAddressOfTheProxyThenOnlyTheKeyGoes) {
  EXPECT_EQ(ForClient({"", "upstream:9", ""}, "http://upstream:9/u?key=k&upload_id=a"),
            "http://upstream:9/u?upload_id=a");
}

TEST(UploadUrls, FieldsThatLeadOnThenTheyAreKnownInAnyCase) {
  EXPECT_TRUE(IsUploadUrl("x-goog-upload-url"));
  EXPECT_TRUE(IsUploadUrl("X-Goog-Upload-Control-URL"));
  EXPECT_TRUE(IsUploadUrl("LOCATION"));
  EXPECT_FALSE(IsUploadUrl("X-Goog-Upload-Status"));
}

}  // namespace
}  // namespace keypool::proxy
