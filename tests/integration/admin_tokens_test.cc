// Admin tokens: what the /admin pages need, judged by keyd at every request.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class AdminTokens : public testing::Test {
 protected:
  void Start(ClusterOptions options = {}) {
    options.keys = TestKeys(1);
    cluster_ = Cluster::Start(std::move(options)).value();
  }
  std::string Issue(std::vector<std::string> args) {
    args.insert(args.begin(), "admin-token");
    const Finished issued = cluster_->Poolctl(args);
    EXPECT_EQ(issued.exit_code, 0) << issued.err;
    return std::string(absl::StripAsciiWhitespace(issued.out));
  }
  static HttpRequest As(const std::string& token, HttpRequest request) {
    request.headers.push_back({"Authorization", "Bearer " + token});
    return request;
  }
  Answer StatusAs(const std::string& token, int proxy = 0) {
    return Fetch(cluster_->proxy_port(proxy), As(token, {.target = "/admin/status"}));
  }
  void RestartKeyd() {
    cluster_->KillKeyd();
    ASSERT_TRUE(cluster_->StartKeyd().ok());
    ASSERT_TRUE(WaitUntil([&] { return Get(cluster_->proxy_port(), "/health").status == 200; }));
  }
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(AdminTokens, EveryPageOfAdminNeedsAGoodOneWhateverIsWrongElse) {
  Start();
  const std::string revoked = Issue({"add", "gone"});
  EXPECT_EQ(cluster_->Poolctl({"admin-token", "revoke", "gone"}).exit_code, 0);
  const std::string good = Issue({"add", "ops"});
  ASSERT_THAT(good, StartsWith("gka_"));
  const Answer none = Get(cluster_->proxy_port(), "/admin/status");
  EXPECT_EQ(none.status, 401);
  EXPECT_THAT(none.Header("www-authenticate"), StartsWith("Bearer"));
  EXPECT_THAT(none.body, AllOf(HasSubstr("\"code\": 401"), HasSubstr("UNAUTHENTICATED"),
                               HasSubstr("poolctl admin-token add NAME")));
  const HttpRequest pages[] = {{.target = "/admin/status/key_1"},
                               {.target = "/admin/status/nonsense"},
                               {.method = "POST", .target = "/admin/reset", .body = "{}"},
                               {.method = "POST", .target = "/admin/keys", .body = "nonsense"},
                               {.method = "DELETE", .target = "/admin/keys/key_1"},
                               {.method = "PUT", .target = "/admin/status"},
                               {.target = "/admin"}};
  for (const HttpRequest& page : pages) {
    EXPECT_EQ(Fetch(cluster_->proxy_port(), page).body, none.body) << page.target;
  }
  EXPECT_EQ(StatusAs(revoked).body, none.body);
  EXPECT_EQ(StatusAs("gka_" + std::string(48, 'A')).body, none.body);
  EXPECT_EQ(StatusAs("x").body, none.body);
  EXPECT_EQ(Get(cluster_->proxy_port(), "/admin/status?token=" + good).status, 401);
  EXPECT_EQ(StatusAs(good).status, 200);
  EXPECT_EQ(Get(cluster_->proxy_port(), "/health").status, 200);
  EXPECT_EQ(Fetch(cluster_->proxy_port(), As(good, {.target = "/admin"})).status, 404);
}

TEST_F(AdminTokens, AClientsTokenIsNoneAndTheOtherWayRound) {
  Start();
  const Finished added = cluster_->Poolctl({"client", "add", "team-a"});
  const std::string client(absl::StripAsciiWhitespace(added.out));
  const std::string admin = Issue({"add", "ops"});
  EXPECT_EQ(StatusAs(client).status, 401);
  EXPECT_EQ(Fetch(cluster_->proxy_port(), As(client, GenerateContent())).status, 200);
  EXPECT_EQ(Fetch(cluster_->proxy_port(), As(admin, GenerateContent())).status, 401);
}

TEST_F(AdminTokens, OneIsGoodUnderAnyNameOfTheProxy) {
  Start({.proxy = {{"HOST", "0.0.0.0"}, {"REQUIRE_CLIENT_TOKEN", "true"}}});
  const std::string token = Issue({"add", "ops"});
  RawConnection connection(cluster_->proxy_port());
  ASSERT_TRUE(connection.Send(
      absl::StrCat("GET /admin/status HTTP/1.1\r\nHost: pool.example\r\nAuthorization: Bearer ",
                   token, "\r\n\r\n")));
  EXPECT_EQ(connection.ReadAnswer().status, 200);
}

TEST_F(AdminTokens, RevocationHoldsAtOnceAtEveryProxyAndOverAKill) {
  Start({.proxies = 2});
  const std::string a = Issue({"add", "a"});
  const std::string b = Issue({"add", "b"});
  const std::string c = Issue({"rotate", "b"});
  EXPECT_EQ(cluster_->Poolctl({"admin-token", "revoke", "a"}).exit_code, 0);
  for (int proxy : {0, 1}) {
    EXPECT_EQ(StatusAs(a, proxy).status, 401);
    EXPECT_EQ(StatusAs(b, proxy).status, 200) << "overlaps";
    EXPECT_EQ(StatusAs(c, proxy).status, 200);
  }
  RestartKeyd();
  EXPECT_THAT(cluster_->Poolctl({"admin-token", "list"}).out,
              AllOf(HasSubstr("b "), HasSubstr("active"), Not(HasSubstr("gka_"))));
  const std::string d = Issue({"rotate", "b", "--overlap", "0s"});
  for (const std::string& old : {a, b, c}) EXPECT_EQ(StatusAs(old).status, 401);
  EXPECT_EQ(StatusAs(d).status, 200);
}

TEST_F(AdminTokens, TheAuditNamesTheOneThatAChangeWasMadeWith) {
  Start();
  const std::string good = Issue({"add", "ops"});
  EXPECT_EQ(StatusAs("gka_guessed").status, 401);
  EXPECT_EQ(
      Fetch(cluster_->proxy_port(), As(good, {.method = "DELETE", .target = "/admin/keys/key_1"}))
          .status,
      200);
  const std::string audit = cluster_->Poolctl({"audit"}).out;
  EXPECT_THAT(audit,
              AllOf(HasSubstr("add admin token"), HasSubstr("admin token ops"),
                    HasSubstr("UNAUTHENTICATED"), HasSubstr("remove key"), Not(HasSubstr(good))));
  EXPECT_EQ(cluster_->Poolctl({"audit", "--verify"}).exit_code, 0);
}

TEST_F(AdminTokens, AfterTenWrongOnesAnAddressWaitsAndKeydIsNotAsked) {
  Start();
  const std::string good = Issue({"add", "ops"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Get(cluster_->proxy_port(), "/admin/status").status, 401);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(StatusAs(absl::StrCat("gka_", std::string(47, 'A'), i)).status, 401) << i;
  }
  cluster_->KillKeyd();
  for (const std::string& token : {std::string("gka_wrong"), good}) {
    const Answer over = StatusAs(token);
    EXPECT_EQ(over.status, 429);
    EXPECT_THAT(over.body, HasSubstr("too many wrong admin tokens"));
    int seconds = 0;
    EXPECT_TRUE(absl::SimpleAtoi(over.Header("retry-after"), &seconds));
    EXPECT_GE(seconds, 1);
    EXPECT_LE(seconds, 60);
  }
  RestartKeyd();
  EXPECT_EQ(Get(cluster_->proxy_port(), "/admin/status").status, 401) << "is no guess";
  EXPECT_EQ(cluster_->Poolctl({"status"}).exit_code, 0);
}

TEST_F(AdminTokens, AreInNoLogAndNotOnTheDisk) {
  ClusterOptions options;
  options.keyd = options.proxy = {{"LOG_LEVEL", "DEBUG"}};
  Start(options);
  const std::string token = Issue({"add", "ops"});
  EXPECT_EQ(StatusAs(token).status, 200);
  std::string seen = cluster_->proxy().Out() + cluster_->proxy().Err() + cluster_->keyd().Out() +
                     cluster_->keyd().Err() + cluster_->Poolctl({"events", "--json"}).out +
                     cluster_->Poolctl({"admin-token", "list", "--json"}).out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster_->dir().path())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    seen.append(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_EQ(seen.find(token.substr(4)), std::string::npos);
  EXPECT_THAT(seen, HasSubstr("admin token ops was added"));
}

}  // namespace
}  // namespace keypool::itest
