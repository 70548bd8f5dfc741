// Live sessions and the pool: whose key, whose quota, whose fault.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/live_client.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

using fake::Fault;
using fake::FaultKind;
using fake::FaultOf;
using testing::AllOf;
using testing::HasSubstr;

// One session from setup to end, with one turn in it. True when it was served.
bool Converse(Cluster& cluster, const std::string& model = "gemini-2.5-flash") {
  LiveClient client(cluster.proxy_port());
  return client.Setup(model) && client.Receive() == R"({"setupComplete":{}})" &&
         client.Say("hello") && client.ReceiveUntil("turnComplete").has_value() &&
         client.Close(1000, "");
}

std::int64_t Served(Cluster& cluster) { return cluster.fake().Counts().admitted; }

bool WaitForUsage(Cluster& cluster, const std::string& part) {
  return WaitUntil([&] {
    return cluster.Poolctl({"usage", "--json"}).out.find(part) != std::string::npos;
  });
}

TEST(LiveKeys, SessionThenOneRequestOfItsModelWithItsTokens) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  LiveClient client(cluster->proxy_port());
  ASSERT_TRUE(client.Setup());
  ASSERT_TRUE(client.Receive().has_value());
  ASSERT_TRUE(client.Say("four"));  // 2 tokens
  ASSERT_TRUE(client.ReceiveUntil("turnComplete").has_value());
  ASSERT_TRUE(client.Say("12345678"));  // 3 tokens
  ASSERT_TRUE(client.ReceiveUntil("turnComplete").has_value());
  ASSERT_TRUE(client.Close(1000, ""));
  ASSERT_TRUE(WaitForUsage(*cluster, R"("input_tokens":5)"))
      << cluster->Poolctl({"usage", "--json"}).out;
  EXPECT_THAT(cluster->Poolctl({"usage", "--by", "model", "--json"}).out,
              AllOf(HasSubstr("gemini-2.5-flash"), HasSubstr(R"("output_tokens":5)")));
  const auto status = AdminCalls(cluster->keyd_address()).Status();
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(UsedToday(status->keys.at(0)), 1);
  EXPECT_EQ(Served(*cluster), 1);
}

TEST(LiveKeys, QuotaOfAModelThenEachSessionTakesOneAndNoneIsRefusedUpstream) {
  ClusterOptions options{.keys = TestKeys(3), .fake_limit = {2, 2}};
  options.keyd = {{"DEFAULT_RPM_LIMIT", "2"}, {"DEFAULT_RPD_LIMIT", "2"}};
  options.proxy = {{"MAX_WAIT_SECONDS", "0"}};
  auto cluster = Cluster::Start(options).value();
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(Converse(*cluster)) << i;
  EXPECT_EQ(Served(*cluster), 6);
  LiveClient client(cluster->proxy_port());
  ASSERT_EQ(client.status(), 101);
  ASSERT_TRUE(client.Setup());
  EXPECT_EQ(client.Receive(), std::nullopt);
  EXPECT_EQ(client.close_code(), 1011);
  EXPECT_THAT(client.close_reason(), HasSubstr("quota"));
  EXPECT_EQ(cluster->fake().Counts().refused, 0);
  // Another model has quota of its own.
  EXPECT_TRUE(Converse(*cluster, "gemini-2.5-pro"));
}

TEST(LiveKeys, UpgradeThatIsRefusedForQuotaThenAnotherKeyIsTaken) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  Fault fault = FaultOf(FaultKind::k429Minute);
  fault.path = "BidiGenerateContent";
  cluster->fake().AddFault(fault);
  EXPECT_TRUE(Converse(*cluster));
  EXPECT_EQ(cluster->fake().Requests().at(0).status, 429);
  EXPECT_NE(cluster->fake().Requests().at(1).key, cluster->fake().Requests().at(0).key);
}

TEST(LiveKeys, UpgradeThatEveryKeyIsRefusedThenAnAnswerAsToAnyRequest) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k404NewUsers, -1));
  LiveClient client(cluster->proxy_port());
  EXPECT_GE(client.status(), 400);
  EXPECT_THAT(client.body(), HasSubstr("\"error\""));
}

TEST(LiveKeys, SetupThatIsRefusedForQuotaThenTheClientIsToldAndTheBucketRests) {
  auto cluster = Cluster::Start({.keys = TestKeys(1), .fake_limit = {1, 1}}).value();
  EXPECT_TRUE(Converse(*cluster));
  LiveClient client(cluster->proxy_port());
  ASSERT_TRUE(client.Setup());
  EXPECT_EQ(client.Receive(), std::nullopt);
  EXPECT_EQ(client.close_code(), 1011);
  EXPECT_THAT(client.close_reason(), HasSubstr("You exceeded your current quota"));
  EXPECT_TRUE(AdminCalls(cluster->keyd_address()).WaitForStatus([](const PoolStatus& status) {
    return !status.keys.at(0).buckets.empty() &&
           status.keys[0].buckets[0].reason == "Google ended a Live session for quota";
  }));
}

TEST(LiveKeys, KeyThatGoogleRefusesThenAnotherServesAndItRests) {
  ClusterOptions options{.keys = TestKeys(1)};
  auto cluster = Cluster::Start(options).value();
  AdminCalls admin(cluster->keyd_address());
  // Known to the fake only as long as keyd checks it.
  cluster->fake().AddKey(TestKey(2), "project-2");
  ASSERT_TRUE(admin.AddKey(TestKey(2), "project-2").ok());
  ASSERT_TRUE(
      admin.WaitForStatus([](const PoolStatus& status) { return status.keys.size() == 2; }));
  cluster->fake().RemoveKey(TestKey(2));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Converse(*cluster)) << i;
  EXPECT_EQ(Served(*cluster), 4);
  EXPECT_TRUE(admin.WaitForStatus([](const PoolStatus& status) {
    return std::any_of(status.keys.begin(), status.keys.end(), [](const KeyStatus& key) {
      return !key.active && key.disabled_reason == "Google says the key is not valid";
    });
  }));
}

TEST(LiveKeys, OnlyKeyThatGoogleRefusesThenTheClientIsTold) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  cluster->fake().RemoveKey(TestKey(1));
  LiveClient client(cluster->proxy_port());
  ASSERT_EQ(client.status(), 101);
  ASSERT_TRUE(client.Setup());
  EXPECT_EQ(client.Receive(), std::nullopt);
  EXPECT_EQ(client.close_code(), 1011);
  EXPECT_NE(client.close_reason(), "");
}

TEST(LiveKeys, FaultOfTheSetupThenItIsTheClientsToSeeAndHurtsNoKey) {
  auto cluster = Cluster::Start({.keys = TestKeys(3)}).value();
  LiveClient unknown(cluster->proxy_port());
  ASSERT_TRUE(unknown.Setup("gemini-nowhere"));
  EXPECT_EQ(unknown.Receive(), std::nullopt);
  EXPECT_EQ(unknown.close_code(), 1008);
  EXPECT_THAT(unknown.close_reason(), HasSubstr("models/gemini-nowhere is not found"));
  LiveClient nothing(cluster->proxy_port());
  ASSERT_TRUE(nothing.Send("{}"));
  EXPECT_EQ(nothing.Receive(), std::nullopt);
  EXPECT_EQ(nothing.close_code(), 1007);
  LiveClient strange(cluster->proxy_port());
  ASSERT_TRUE(strange.Setup("../secret name"));
  EXPECT_EQ(strange.Receive(), std::nullopt);
  EXPECT_EQ(strange.close_code(), 1007);
  EXPECT_TRUE(Converse(*cluster));
  const auto status = AdminCalls(cluster->keyd_address()).Status();
  ASSERT_TRUE(status.ok());
  for (const KeyStatus& key : status->keys) EXPECT_TRUE(key.active);
}

TEST(LiveKeys, EphemeralTokenThenItGoesAloneAndNoQuotaIsTaken) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  const std::string path =
      "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained";
  const LiveOptions cases[] = {
      {.target = path + "?access_token=auth_tokens/abc&key=MINE"},
      {.target = path,
       .headers = {{"Authorization", "Token auth_tokens/abc"},
                   {"x-goog-api-key", "auth_tokens/abc"}}},
      {.target = path, .headers = {{"x-goog-api-key", "auth_tokens/abc"}, {"Cookie", "c"}}},
  };
  for (const LiveOptions& options : cases) {
    LiveClient client(cluster->proxy_port(), options);
    ASSERT_EQ(client.status(), 101);
    ASSERT_TRUE(client.Setup());
    EXPECT_EQ(client.Receive(), R"({"setupComplete":{}})");
    EXPECT_TRUE(client.Close(1000, ""));
    const fake::SeenRequest upgrade = cluster->fake().Requests().back();
    EXPECT_THAT(upgrade.head.raw,
                AllOf(HasSubstr("auth_tokens/abc"), testing::Not(HasSubstr(TestKey(1))),
                      testing::Not(HasSubstr("MINE")), testing::Not(HasSubstr("Cookie"))));
  }
  EXPECT_EQ(Served(*cluster), 0);
}

// The handle in a message of the fake.
std::string HandleIn(const std::string& message) {
  constexpr std::string_view kName = R"("newHandle":")";
  const std::size_t at = message.find(kName);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + kName.size();
  return message.substr(begin, message.find('"', begin) - begin);
}

std::string Resuming(const std::string& handle) {
  return R"(,"sessionResumption":{"handle":")" + handle + "\"}";
}

// A session that is given a handle with its setup, and then one with each turn.
std::unique_ptr<LiveClient> Resumable(Cluster& cluster, int proxy, std::string* handle) {
  auto client = std::make_unique<LiveClient>(cluster.proxy_port(proxy));
  client->Setup("gemini-2.5-flash", R"(,"sessionResumption":{})");
  *handle = HandleIn(client->ReceiveUntil("newHandle").value_or(""));
  EXPECT_NE(*handle, "");
  return client;
}

bool Resumes(Cluster& cluster, int proxy, const std::string& handle) {
  LiveClient client(cluster.proxy_port(proxy));
  return client.Setup("gemini-2.5-flash", Resuming(handle)) &&
         client.Receive() == R"({"setupComplete":{}})";
}

TEST(LiveKeys, ResumptionThenTheHandleReachesTheProjectThatGaveIt) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  std::string handle;
  {
    LiveClient client(cluster->proxy_port());
    ASSERT_TRUE(client.Setup("gemini-2.5-flash", R"(,"sessionResumption":{})"));
    handle = HandleIn(client.ReceiveUntil("newHandle").value_or(""));
    ASSERT_NE(handle, "");
    ASSERT_TRUE(client.Close(1000, ""));
  }
  EXPECT_TRUE(Resumes(*cluster, 0, handle));
}

TEST(LiveKeys, HandleOfASessionThatGoesOnThenAnotherProxyFindsItsProjectAtOnce) {
  auto cluster = Cluster::Start({.keys = TestKeys(3), .proxies = 2}).value();
  std::vector<std::unique_ptr<LiveClient>> open;
  for (int i = 0; i < 6; ++i) {
    std::string handle;
    open.push_back(Resumable(*cluster, 0, &handle));
    EXPECT_TRUE(Resumes(*cluster, 1, handle)) << i;
  }
  // The lease of each is as open as it was.
  ASSERT_TRUE(open[0]->Say("four"));
  EXPECT_TRUE(open[0]->ReceiveUntil("turnComplete").has_value());
  EXPECT_TRUE(open[0]->Close(1000, ""));
  EXPECT_TRUE(WaitForUsage(*cluster, R"("input_tokens":2)"));
}

TEST(LiveKeys, HandlesOneAfterTheOtherThenTheLastIsKnownThoughTheProxyIsKilled) {
  auto cluster = Cluster::Start({.keys = TestKeys(3), .proxies = 2}).value();
  for (int i = 0; i < 3; ++i) {
    std::string handle;
    const auto client = Resumable(*cluster, 0, &handle);
    for (int turn = 0; turn < 5; ++turn) {
      ASSERT_TRUE(client->Say("more"));
      handle = HandleIn(client->ReceiveUntil("newHandle").value_or(""));
      ASSERT_NE(handle, "");
    }
    // They came so fast that keyd learns of the last a moment later.
    EXPECT_TRUE(WaitUntil([&] { return Resumes(*cluster, 1, handle); }));
  }
  std::string handle;
  const auto client = Resumable(*cluster, 0, &handle);
  cluster->proxy(0).Signal(SIGKILL);
  ASSERT_EQ(cluster->proxy(0).WaitForExit(), 128 + SIGKILL);
  EXPECT_EQ(client->Receive(), std::nullopt);
  EXPECT_TRUE(Resumes(*cluster, 1, handle));
}

TEST(LiveKeys, KeydDoesNotAnswerThenHandlesComeAllTheSameAndAreLearnedLater) {
  auto cluster = Cluster::Start({.keys = TestKeys(3), .proxies = 2}).value();
  std::string handle;
  const auto client = Resumable(*cluster, 0, &handle);
  cluster->keyd().Signal(SIGSTOP);
  std::string last;
  for (int turn = 0; turn < 3 && client->Say("more"); ++turn) {
    last = HandleIn(client->ReceiveUntil("newHandle").value_or(""));
    EXPECT_NE(last, "");
  }
  cluster->keyd().Signal(SIGCONT);
  EXPECT_TRUE(WaitUntil([&] { return Resumes(*cluster, 1, last); }));
}

TEST(LiveKeys, SetupInPiecesAndLateThenServedAllTheSame) {
  auto cluster = Cluster::Start({.keys = TestKeys(3)}).value();
  LiveClient client(cluster->proxy_port());
  ASSERT_TRUE(client.Ping("early"));
  // Longer than a buffer, with the model at its end.
  const std::string tools(300'000, ' ');
  ASSERT_TRUE(
      client.Send(R"({"setup":{"tools":[)" + tools + R"(],"model":"models/gemini-2.5-pro"}})"));
  EXPECT_EQ(client.Receive(), R"({"setupComplete":{}})");
  EXPECT_EQ(cluster->fake().Requests().back().model, "gemini-2.5-pro");
  LiveClient huge(cluster->proxy_port());
  ASSERT_EQ(huge.status(), 101);
  const std::string too_much(2'000'000, ' ');
  huge.Send(R"({"setup":{"tools":[)" + too_much + R"(],"model":"models/gemini-2.5-pro"}})");
  EXPECT_EQ(huge.Receive(), std::nullopt);
  EXPECT_EQ(Served(*cluster), 1);
}

TEST(LiveKeys, StopOfTheProxyThenSessionsAreToldToGo) {
  ClusterOptions options{.keys = TestKeys(1)};
  options.proxy = {{"SHUTDOWN_GRACE_SECONDS", "4"}};
  auto cluster = Cluster::Start(options).value();
  LiveClient client(cluster->proxy_port());
  ASSERT_TRUE(client.Setup());
  ASSERT_TRUE(client.Receive().has_value());
  LiveClient idle(cluster->proxy_port());
  ASSERT_EQ(idle.status(), 101);
  cluster->proxy().Signal(SIGTERM);
  ASSERT_TRUE(cluster->proxy().WaitForLine("proxy_stopping").has_value());
  EXPECT_EQ(idle.Receive(), std::nullopt);
  EXPECT_EQ(idle.close_code(), 1001);
  ASSERT_TRUE(client.Say("still there"));
  EXPECT_TRUE(client.ReceiveUntil("turnComplete").has_value());
  EXPECT_EQ(client.Receive(), std::nullopt);
  EXPECT_EQ(client.close_code(), 1001);
  EXPECT_EQ(cluster->proxy().WaitForExit(), 0);
  EXPECT_TRUE(cluster->fake().WaitFor(
      [&] { return cluster->fake().Requests().front().body.ends_with("close\n"); }, kDeadline));
}

}  // namespace
}  // namespace keypool::itest
