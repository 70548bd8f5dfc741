// The pages of the original service: every route, and every way to use it wrongly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <string>

#include "tests/integration/harness/cluster.h"

namespace keypool::itest {
namespace {

namespace json = boost::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class AdminHttpTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = Cluster::Start({.keys = TestKeys(2)}).value();
    admin_ = cluster_->AdminHeader();
  }
  Answer Ask(std::string method, std::string target, std::string body = "") {
    HttpRequest request{
        .method = std::move(method), .target = std::move(target), .headers = {admin_}};
    if (!body.empty()) request.headers.push_back({"Content-Type", "application/json"});
    request.body = std::move(body);
    const Answer answer = Fetch(cluster_->proxy_port(), request);
    EXPECT_THAT(answer.Header("content-type"), HasSubstr("application/json"));
    boost::system::error_code error;
    json::parse(answer.body, error);
    EXPECT_FALSE(error) << answer.body;
    return answer;
  }

  std::unique_ptr<Cluster> cluster_;
  fake::Header admin_;
};

TEST_F(AdminHttpTest, HealthSaysWhetherAnyKeyCanServe) {
  EXPECT_EQ(Ask("GET", "/health").status, 200);
  for (const char* key : {"key_1", "key_2"}) {
    EXPECT_EQ(cluster_->Poolctl({"disable", key}).exit_code, 0);
  }
  const Answer none = Ask("GET", "/health");
  EXPECT_EQ(none.status, 503);
  cluster_->KillKeyd();
  const Answer away = Ask("GET", "/health");
  EXPECT_EQ(away.status, 503);
  EXPECT_NE(away.body, none.body);
}

TEST_F(AdminHttpTest, StatusShowsEveryKeyMasked) {
  EXPECT_EQ(Fetch(cluster_->proxy_port(), GenerateContent()).status, 200);
  const Answer answer = Ask("GET", "/admin/status");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, AllOf(HasSubstr("key_1"), HasSubstr("key_2"), HasSubstr("AIza"),
                                 HasSubstr("project-2"), HasSubstr("gemini-2.5-flash"),
                                 Not(HasSubstr(TestKey(1)))));
}

TEST_F(AdminHttpTest, StatusOfOneKey) {
  const Answer answer = Ask("GET", "/admin/status/key_2");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, AllOf(HasSubstr("key_2"), Not(HasSubstr("key_1"))));
  EXPECT_EQ(Ask("GET", "/admin/status/key_9").status, 404);
  EXPECT_EQ(Ask("GET", "/admin/status/nonsense").status, 404);
}

TEST_F(AdminHttpTest, AddedKeyIsToldMaskedAndServes) {
  cluster_->fake().AddKey(TestKey(5), "five");
  const Answer added =
      Ask("POST", "/admin/keys", R"({"key":")" + TestKey(5) + R"(","project_id":"five"})");
  EXPECT_THAT(added.status, testing::AnyOf(200, 201));
  EXPECT_THAT(added.body, AllOf(HasSubstr("key_3"), HasSubstr("five"), Not(HasSubstr(TestKey(5)))));
  EXPECT_EQ(Ask("GET", "/admin/status/key_3").status, 200);
}

TEST_F(AdminHttpTest, KeyThatIsThereAlreadyIsAConflict) {
  const Answer again = Ask("POST", "/admin/keys", R"({"key":")" + TestKey(1) + R"("})");
  EXPECT_EQ(again.status, 409);
  EXPECT_THAT(again.body, AllOf(HasSubstr("key_1"), Not(HasSubstr(TestKey(1)))));
}

TEST_F(AdminHttpTest, BadBodiesAreRefusedWithTheFieldsName) {
  struct Case {
    std::string body;
    std::string names;
  };
  const std::string good = TestKey(6);
  for (const Case& c :
       {Case{"not json", "JSON"}, Case{"[]", "object"}, Case{"{}", "key"},
        Case{R"({"key":7})", "key"}, Case{R"({"key":""})", "key"},
        Case{R"({"key":"short"})", "key"}, Case{R"({"key":"has a space in the middle"})", "key"},
        Case{R"({"key":")" + good + R"(","project_id":7})", "project_id"},
        Case{R"({"key":")" + good + R"(","project_id":"~bad"})", "project_id"},
        Case{R"({"key":")" + good + R"(","projct":"x"})", "projct"}}) {
    const Answer answer = Ask("POST", "/admin/keys", c.body);
    EXPECT_EQ(answer.status, 400) << c.body;
    EXPECT_THAT(answer.body, AllOf(HasSubstr(c.names), Not(HasSubstr(good)))) << c.body;
  }
  EXPECT_EQ(Ask("POST", "/admin/keys", std::string(200'000, 'x')).status, 413);
}

TEST_F(AdminHttpTest, RemovedKeyIsGone) {
  EXPECT_EQ(Ask("DELETE", "/admin/keys/key_1").status, 200);
  EXPECT_EQ(Ask("GET", "/admin/status/key_1").status, 404);
  EXPECT_EQ(Ask("DELETE", "/admin/keys/key_1").status, 404);
  EXPECT_EQ(Ask("DELETE", "/admin/keys/what").status, 404);
}

TEST_F(AdminHttpTest, ResetForgetsTheCounts) {
  for (int i = 0; i < 3; ++i) Fetch(cluster_->proxy_port(), GenerateContent());
  EXPECT_THAT(cluster_->Poolctl({"status", "--json"}).out, HasSubstr(R"("used":2)"));
  EXPECT_EQ(Ask("POST", "/admin/reset").status, 200);
  EXPECT_THAT(cluster_->Poolctl({"status", "--json"}).out, Not(HasSubstr(R"("used":2)")));
}

TEST_F(AdminHttpTest, WrongMethodsAndPathsAreOursAndReachNoUpstream) {
  EXPECT_EQ(Ask("PUT", "/admin/status").status, 405);
  EXPECT_EQ(Ask("GET", "/admin/reset").status, 405);
  EXPECT_EQ(Ask("DELETE", "/health").status, 405);
  EXPECT_EQ(Ask("GET", "/admin/no-such-page").status, 404);
  EXPECT_EQ(Ask("GET", "/admin").status, 404);
  EXPECT_EQ(cluster_->fake().Counts().requests, 0u);
}

TEST_F(AdminHttpTest, PagesInABrowserCannotUseIt) {
  for (const auto& header : {fake::Header{"Origin", "http://evil.example"},
                             fake::Header{"Sec-Fetch-Site", "cross-site"}}) {
    HttpRequest request{
        .method = "DELETE", .target = "/admin/keys/key_1", .headers = {admin_, header}};
    EXPECT_EQ(Fetch(cluster_->proxy_port(), request).status, 403) << header.name;
  }
  // A name that somebody else may point to this machine: a page from there has no token to show.
  RawConnection rebound(cluster_->proxy_port());
  ASSERT_TRUE(
      rebound.Send("POST /admin/reset HTTP/1.1\r\nHost: evil.example\r\n"
                   "Content-Length: 0\r\n\r\n"));
  EXPECT_EQ(rebound.ReadAnswer().status, 401);
  EXPECT_EQ(Ask("GET", "/admin/status/key_1").status, 200);
}

TEST_F(AdminHttpTest, SaysSoWhenKeydIsAway) {
  cluster_->KillKeyd();
  const Answer status = Ask("GET", "/admin/status");
  EXPECT_EQ(status.status, 503);
  EXPECT_THAT(status.body, HasSubstr("keyd"));
}

}  // namespace
}  // namespace keypool::itest
