// What the product is for: a client talks to the proxy, keyd counts, poolctl shows, and nothing is
// forgotten.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"
#include "tests/integration/harness/programs.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr int kExitRefused = 1, kExitUsage = 2, kExitUnreachable = 3;

std::int64_t UsedInAll(Cluster& cluster) {
  std::int64_t used = 0;
  const auto status = AdminCalls(cluster.keyd_address()).Status();
  if (!status.ok()) return -1;
  for (const KeyStatus& key : status->keys) used += UsedToday(key);
  return used;
}

TEST(MainJob, RequestsRotateOverTheProjectsAndAreCounted) {
  auto cluster = Cluster::Start({.keys = TestKeys(3)}).value();
  for (int i = 0; i < 6; ++i) {
    const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.body, HasSubstr("Hello from the fake Gemini"));
  }
  std::map<std::string, int> by_project;
  for (const auto& request : cluster->fake().Requests()) ++by_project[request.project];
  EXPECT_THAT(by_project,
              testing::ElementsAre(testing::Pair("project-1", 2), testing::Pair("project-2", 2),
                                   testing::Pair("project-3", 2)));
  const Finished status = cluster->Poolctl({"status", "--json"});
  EXPECT_EQ(status.exit_code, 0) << status.err;
  EXPECT_THAT(status.out, AllOf(HasSubstr(R"("keys_total":3)"), HasSubstr("gemini-2.5-flash"),
                                HasSubstr(R"("requests_per_minute":{"used":2,)")));
  EXPECT_EQ(UsedInAll(*cluster), 6);
}

TEST(MainJob, CountersAndKeysSurviveKillMinusNine) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  }
  EXPECT_EQ(cluster->Poolctl({"disable", "key_2"}).exit_code, 0);
  cluster->KillKeyd();
  ASSERT_TRUE(cluster->StartKeyd().ok());
  // A little may be counted that was never granted, never less than was.
  const std::int64_t used = UsedInAll(*cluster);
  EXPECT_GE(used, 10);
  EXPECT_THAT(cluster->Poolctl({"status", "key_2"}).out, HasSubstr("disabled"));
  EXPECT_TRUE(
      WaitUntil([&] { return Fetch(cluster->proxy_port(), GenerateContent()).status == 200; }));
}

TEST(MainJob, CleanStopAndStartKeepsTheExactCount) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  for (int i = 0; i < 7; ++i) Fetch(cluster->proxy_port(), GenerateContent());
  ASSERT_EQ(UsedInAll(*cluster), 7);
  cluster->keyd().Signal(SIGTERM);
  EXPECT_EQ(cluster->keyd().WaitForExit(), 0);
  ASSERT_TRUE(cluster->StartKeyd().ok());
  EXPECT_GE(UsedInAll(*cluster), 7);
}

TEST(MainJob, ProxyStartedBeforeKeydServesOnceKeydIsThere) {
  auto cluster = Cluster::Start({.keys = TestKeys(1), .start_keyd = false}).value();
  const Answer early = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(early.status, 503);
  EXPECT_NE(early.Header("retry-after"), "");
  ASSERT_TRUE(cluster->StartKeyd().ok());
  EXPECT_TRUE(
      WaitUntil([&] { return Fetch(cluster->proxy_port(), GenerateContent()).status == 200; }));
}

TEST(MainJob, SecretsAreInNoLogAndNoOutput) {
  ClusterOptions options{.keys = TestKeys(2)};
  options.keyd = options.proxy = {{"LOG_LEVEL", "DEBUG"}};
  auto cluster = Cluster::Start(options).value();
  fake::Fault suspended;
  suspended.kind = fake::FaultKind::k429Minute;
  cluster->fake().AddFault(suspended);
  HttpRequest request = GenerateContent();
  request.target += "?key=client-secret";
  EXPECT_EQ(Fetch(cluster->proxy_port(), request).status, 200);
  const Finished status = cluster->Poolctl({"status", "--json"});
  const fake::Header admin = cluster->AdminHeader();
  const std::string token = admin.value.substr(admin.value.find(' ') + 1);
  const Answer page = Fetch(cluster->proxy_port(), {.target = "/admin/status", .headers = {admin}});
  EXPECT_EQ(page.status, 200);
  Get(cluster->proxy_port(), "/admin/status?token=" + token);
  cluster->proxy().Signal(SIGTERM);
  EXPECT_EQ(cluster->proxy().WaitForExit(), 0);
  cluster->keyd().Signal(SIGTERM);
  EXPECT_EQ(cluster->keyd().WaitForExit(), 0);
  for (const std::string& text :
       {cluster->proxy().Err(), cluster->proxy().Out(), cluster->keyd().Err(),
        cluster->keyd().Out(), status.out, page.body}) {
    EXPECT_THAT(text, Not(AnyOf(HasSubstr(TestKey(1)), HasSubstr(TestKey(2)),
                                HasSubstr("client-secret"), HasSubstr(token))));
  }
  EXPECT_THAT(cluster->proxy().Err(), HasSubstr("request_done"));
}

TEST(MainJob, SocketAndFilesAreTheOwnersAlone) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  for (const auto& entry : std::filesystem::directory_iterator(cluster->dir().path())) {
    const auto others = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
    EXPECT_EQ(entry.status().permissions() & others, std::filesystem::perms::none) << entry.path();
  }
}

TEST(MainJob, SecondKeydOnTheSameDataIsRefusedAndHarmsNothing) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  const Finished second =
      RunToEnd({.program = Program("keyd"), .environment = {{"DATA_DIR", cluster->dir().path()}}});
  EXPECT_EQ(second.exit_code, kExitRefused);
  EXPECT_NE(second.err, "");
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  EXPECT_EQ(cluster->Poolctl({"status"}).exit_code, 0);
}

class Poolctl : public testing::Test {
 protected:
  void SetUp() override { cluster_ = Cluster::Start({.keys = TestKeys(1)}).value(); }
  int Serve(const std::string& model = "gemini-2.5-flash") {
    return Fetch(cluster_->proxy_port(), GenerateContent(model)).status;
  }
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Poolctl, AddedKeyServesAndRemovedKeyDoesNot) {
  cluster_->fake().AddKey(TestKey(7), "project-7");
  const Finished added = cluster_->Poolctl({"add", "--project", "project-7"}, TestKey(7) + "\n");
  EXPECT_EQ(added.exit_code, 0) << added.err;
  EXPECT_THAT(added.out, AllOf(HasSubstr("key_2"), Not(HasSubstr(TestKey(7)))));
  EXPECT_EQ(cluster_->Poolctl({"remove", "key_1"}).exit_code, 0);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Serve(), 200);
    EXPECT_EQ(cluster_->fake().Requests().back().project, "project-7");
  }
  EXPECT_EQ(cluster_->Poolctl({"remove", "key_1"}).exit_code, kExitRefused);
}

TEST_F(Poolctl, RemovedKeyStaysAwayAfterARestartWithTheSameEnvironment) {
  EXPECT_EQ(cluster_->Poolctl({"remove", "key_1"}).exit_code, 0);
  cluster_->KillKeyd();
  ASSERT_TRUE(cluster_->StartKeyd().ok());
  EXPECT_THAT(cluster_->Poolctl({"status", "--json"}).out, HasSubstr(R"("keys_total":0)"));
  EXPECT_EQ(cluster_->Poolctl({"add"}, TestKey(1)).exit_code, 0);
  EXPECT_THAT(cluster_->Poolctl({"status", "--json"}).out, HasSubstr(R"("key_id":"key_2")"));
}

TEST_F(Poolctl, SameSecretTwiceIsRefusedAndNamesTheKey) {
  const Finished again = cluster_->Poolctl({"add"}, TestKey(1));
  EXPECT_EQ(again.exit_code, kExitRefused);
  EXPECT_THAT(again.err, AllOf(HasSubstr("key_1"), Not(HasSubstr(TestKey(1)))));
}

TEST_F(Poolctl, DisabledKeyServesAgainWhenEnabled) {
  EXPECT_EQ(cluster_->Poolctl({"disable", "key_1", "--reason", "lunch"}).exit_code, 0);
  EXPECT_EQ(Serve(), 503);
  EXPECT_THAT(cluster_->Poolctl({"status"}).out, HasSubstr("lunch"));
  EXPECT_EQ(cluster_->Poolctl({"enable", "key_1"}).exit_code, 0);
  EXPECT_EQ(Serve(), 200);
}

TEST_F(Poolctl, ResetForgetsTheCounts) {
  EXPECT_EQ(Serve(), 200);
  EXPECT_EQ(UsedInAll(*cluster_), 1);
  EXPECT_EQ(cluster_->Poolctl({"reset", "key_1"}).exit_code, 0);
  EXPECT_EQ(UsedInAll(*cluster_), 0);
}

TEST_F(Poolctl, StatusShowsOneModelWhenAsked) {
  EXPECT_EQ(Serve("gemini-2.5-flash"), 200);
  EXPECT_EQ(Serve("gemini-2.5-pro"), 200);
  const Finished one = cluster_->Poolctl({"status", "--json", "--model", "gemini-2.5-pro"});
  EXPECT_THAT(one.out, AllOf(HasSubstr("gemini-2.5-pro"), Not(HasSubstr("gemini-2.5-flash"))));
}

TEST_F(Poolctl, ExitCodesTellWhatWentWrong) {
  EXPECT_EQ(cluster_->Poolctl({"status", "key_99"}).exit_code, kExitRefused);
  EXPECT_EQ(cluster_->Poolctl({"no-such-command"}).exit_code, kExitUsage);
  EXPECT_EQ(cluster_->Poolctl({"add", "AIzaSySecretOnTheCommandLine"}).exit_code, kExitUsage);
  cluster_->KillKeyd();
  const Finished away = cluster_->Poolctl({"status"});
  EXPECT_EQ(away.exit_code, kExitUnreachable);
  EXPECT_THAT(away.err, HasSubstr("keyd"));
}

TEST(EmptyPool, AnswersAndSaysWhatToDo) {
  auto cluster = Cluster::Start({}).value();
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("poolctl add"));
  EXPECT_EQ(cluster->fake().Counts().requests, 0u);
  EXPECT_THAT(cluster->Poolctl({"status"}).out, HasSubstr("poolctl add"));
  cluster->fake().AddKey(TestKey(1), "p");
  EXPECT_EQ(cluster->Poolctl({"add", "--project", "p"}, TestKey(1)).exit_code, 0);
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
}

TEST(WrongSettings, StopTheStartAndAreToldAllAtOnce) {
  TempDir dir;
  const Finished proxy = RunToEnd({.program = Program("proxy"),
                                   .environment = {{"DATA_DIR", dir.path()},
                                                   {"HOST", "example.com"},
                                                   {"PORT", "70000"},
                                                   {"MAX_RETRIES", "many"}}});
  EXPECT_EQ(proxy.exit_code, kExitUsage);
  EXPECT_THAT(proxy.err, AllOf(HasSubstr("HOST"), HasSubstr("PORT"), HasSubstr("MAX_RETRIES")));
  const Finished keyd = RunToEnd(
      {.program = Program("keyd"),
       .environment = {
           {"DATA_DIR", dir.path()}, {"DEFAULT_RPM_LIMIT", "-1"}, {"DEFAULT_RPD_LIMIT", "x"}}});
  EXPECT_EQ(keyd.exit_code, kExitUsage);
  EXPECT_THAT(keyd.err, AllOf(HasSubstr("DEFAULT_RPM_LIMIT"), HasSubstr("DEFAULT_RPD_LIMIT")));
}

}  // namespace
}  // namespace keypool::itest
