// What a client makes is its own: files, in lists, by name, and uploads whose parts show no key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/uploads.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Owners : public testing::Test {
 protected:
  void SetUp() override {
    ClusterOptions options{.keys = TestKeys(3), .proxies = 2};
    cluster_ = Cluster::Start(options).value();
  }
  std::string AddClient(const std::string& name) {
    const Finished added = cluster_->Poolctl({"client", "add", name});
    EXPECT_EQ(added.exit_code, 0) << added.err;
    return std::string(absl::StripAsciiWhitespace(added.out));
  }
  static HttpRequest As(const std::string& token, HttpRequest request) {
    request.headers.push_back({"x-goog-api-key", token});
    return request;
  }
  Answer Ask(const std::string& token, HttpRequest request, int proxy = 0) {
    return Fetch(cluster_->proxy_port(proxy), As(token, std::move(request)));
  }
  // The start shows the token, the parts show nothing, as Python's SDK does it.
  std::string Upload(const std::string& token) {
    const Answer start = Ask(token, UploadStart());
    EXPECT_EQ(start.status, 200) << start.body;
    const std::string url = start.Header("X-Goog-Upload-URL");
    const Answer end =
        Fetch(cluster_->proxy_port(1), UploadStep(TargetOf(url), "upload, finalize", "0", "hello"));
    EXPECT_EQ(end.status, 200) << end.body;
    return NameIn(end.body);
  }
  std::string ListAs(const std::string& token) {
    return Ask(token, {.target = "/v1beta/files"}).body;
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Owners, SeeReadReferenceAndDeleteTheirOwnOnly) {
  const std::string a = AddClient("team-a"), b = AddClient("team-b");
  const std::string of_a = Upload(a), of_b = Upload(b);
  ASSERT_FALSE(of_a.empty() || of_b.empty());
  EXPECT_THAT(ListAs(a), AllOf(HasSubstr(of_a), Not(HasSubstr(of_b))));
  EXPECT_THAT(ListAs(b), AllOf(HasSubstr(of_b), Not(HasSubstr(of_a))));
  const std::string path = absl::StrCat("/v1beta/", of_a);
  EXPECT_EQ(Ask(a, {.target = path}, 1).status, 200);
  const Answer foreign = Ask(b, {.target = path});
  EXPECT_EQ(foreign.status, 403);
  EXPECT_THAT(foreign.body, HasSubstr("You do not have permission to access the File " +
                                      of_a.substr(6) + " or it may not exist."));
  EXPECT_EQ(Ask(b, {.method = "DELETE", .target = path}).status, 403);
  EXPECT_EQ(Ask(b, GenerateFrom({of_a})).status, 403);
  EXPECT_EQ(Ask(a, GenerateFrom({of_a})).status, 200);
  EXPECT_EQ(Ask(a, {.method = "DELETE", .target = path}).status, 200);
  EXPECT_THAT(ListAs(a), Not(HasSubstr(of_a)));
}

TEST_F(Owners, AnUploadThatNobodyBeganIsNobodys) {
  AddClient("team-a");
  const Answer answer =
      Fetch(cluster_->proxy_port(),
            UploadStep("/upload/v1beta/files?upload_id=made-up", "upload, finalize", "0", "hello"));
  EXPECT_EQ(answer.status, 401);
}

TEST_F(Owners, WithoutClientsEverythingIsEverybodys) {
  const std::string name = UploadFile(cluster_->proxy_port());
  EXPECT_EQ(Get(cluster_->proxy_port(1), absl::StrCat("/v1beta/", name)).status, 200);
  EXPECT_THAT(Get(cluster_->proxy_port(), "/v1beta/files").body, HasSubstr(name));
  const std::string token = AddClient("team-a");
  EXPECT_EQ(Ask(token, {.target = absl::StrCat("/v1beta/", name)}).status, 200);
}

}  // namespace
}  // namespace keypool::itest
