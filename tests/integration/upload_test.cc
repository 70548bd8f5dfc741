// Uploads go on at the address that the client used, and nothing of the key that they began with
// gets to the client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/uploads.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::unique_ptr<Cluster> StartCluster(const Settings& proxy = {}) {
  return Cluster::Start({.keys = TestKeys(1), .proxy = proxy}).value();
}

TEST(Upload, BothAddressesThenTheyAreTheProxysAndEverythingElseStays) {
  auto cluster = StartCluster();
  const Answer started =
      Fetch(cluster->proxy_port(), UploadStart({{"x-goog-api-key", "the-clients-own"}}));
  EXPECT_EQ(started.status, 200);
  const std::string url = started.Header("X-Goog-Upload-URL");
  EXPECT_EQ(url,
            "http://localhost/upload/v1beta/files?upload_id=fake-upload-1&upload_protocol="
            "resumable");
  EXPECT_EQ(started.Header("X-Goog-Upload-Control-URL"), url);
  EXPECT_EQ(started.Header("X-Goog-Upload-Status"), "active");
  EXPECT_EQ(started.Header("X-Goog-Upload-Chunk-Granularity"), "8388608");
  EXPECT_THAT(started.raw_head, Not(HasSubstr(TestKey(1))));
}

TEST(Upload, StepsOfEveryKindThenTheFileIsThere) {
  auto cluster = StartCluster();
  const std::uint16_t port = cluster->proxy_port();
  const std::string url = Fetch(port, UploadStart()).Header("X-Goog-Upload-URL");
  // Python sends no key with a chunk; others do.
  EXPECT_EQ(Fetch(port, UploadStep(url, "upload", "0", "12345")).Header("X-Goog-Upload-Status"),
            "active");
  HttpRequest with_key = UploadStep(url, "upload", "5", "678");
  with_key.headers.push_back({"x-goog-api-key", "the-clients-own"});
  with_key.chunked = true;
  EXPECT_EQ(Fetch(port, with_key).status, 200);
  EXPECT_EQ(Fetch(port, UploadStep(url, "query", "0", "")).Header("X-Goog-Upload-Size-Received"),
            "8");
  // Go ends a file of whole chunks with an empty one.
  const Answer final = Fetch(port, UploadStep(url, "upload, finalize", "8", ""));
  EXPECT_EQ(final.Header("X-Goog-Upload-Status"), "final");
  EXPECT_THAT(final.body, AllOf(HasSubstr(R"("sizeBytes": "8")"),
                                HasSubstr("https://generativelanguage.googleapis.com/v1beta/")));
  EXPECT_EQ(Get(port, "/v1beta/" + NameIn(final.body)).status, 200);
}

TEST(Upload, AllAtOnceThenTheFileIsThere) {
  auto cluster = StartCluster();
  const std::uint16_t port = cluster->proxy_port();
  HttpRequest single = UploadStart();
  single.headers[1].value = "start, upload, finalize";
  EXPECT_EQ(Get(port, "/v1beta/" + NameIn(Fetch(port, single).body)).status, 200);
  HttpRequest multipart{.method = "POST",
                        .target = "/upload/v1beta/files",
                        .headers = {{"X-Goog-Upload-Protocol", "multipart"},
                                    {"Content-Type", "multipart/related; boundary=b"}},
                        .body = "--b\r\n\r\n{\"file\":{}}\r\n--b\r\n\r\nbytes\r\n--b--\r\n"};
  EXPECT_EQ(Get(port, "/v1beta/" + NameIn(Fetch(port, multipart).body)).status, 200);
}

TEST(Upload, PublicAddressThenItIsToldAndItsPathIsTaken) {
  auto cluster = StartCluster({{"PUBLIC_BASE_URL", "https://pool.example/gemini/"}});
  const std::uint16_t port = cluster->proxy_port();
  HttpRequest start = UploadStart();
  start.target = "/gemini" + start.target;
  const std::string url = Fetch(port, start).Header("X-Goog-Upload-URL");
  EXPECT_THAT(url, StartsWith("https://pool.example/gemini/upload/v1beta/files?upload_id="));
  const Answer final = Fetch(port, UploadStep(url, "upload, finalize", "0", "text"));
  EXPECT_EQ(final.status, 200);
  EXPECT_EQ(Get(port, "/gemini/v1beta/" + NameIn(final.body)).status, 200);
  EXPECT_EQ(Get(port, "/v1beta/" + NameIn(final.body)).status, 200);
  EXPECT_EQ(Get(port, "/gemini/health").status, 200);
  EXPECT_EQ(Get(port, "/gemini/admin/status").status, 400);
  EXPECT_EQ(Get(port, "/admin/status").status, 401) << "is the proxy's own";
}

TEST(Upload, ForwardedAddressThenOnlyATrustedPeersCounts) {
  const HttpRequest start =
      UploadStart({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "pool.example"}});
  auto trusting = StartCluster({{"TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.1"}});
  EXPECT_THAT(Fetch(trusting->proxy_port(), start).Header("X-Goog-Upload-URL"),
              StartsWith("https://pool.example/upload/"));
  auto wary = StartCluster();
  EXPECT_THAT(Fetch(wary->proxy_port(), start).Header("X-Goog-Upload-URL"),
              StartsWith("http://localhost/upload/"));
}

TEST(Upload, ErrorThenItIsToldInGooglesWords) {
  auto cluster = StartCluster();
  const Answer unknown = Fetch(cluster->proxy_port(),
                               UploadStep("/upload/v1beta/files?upload_id=x", "upload", "0", "t"));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, Not(IsEmpty()));
  EXPECT_EQ(cluster->fake().Counts().requests, 1u);
}

TEST(Resources, MoreThanKeydTakesThenTheRequestIsRefused) {
  auto cluster = StartCluster();
  std::vector<std::string> names;
  for (int i = 0; i < 65; ++i) names.push_back(absl::StrCat("files/f", i));
  const Answer answer = Fetch(cluster->proxy_port(), GenerateFrom(names));
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, AllOf(HasSubstr("64"), HasSubstr("INVALID_ARGUMENT")));
  EXPECT_EQ(cluster->fake().Counts().requests, 0u);
}

}  // namespace
}  // namespace keypool::itest
