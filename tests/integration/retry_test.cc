// A 429 is somebody else's problem as long as another project can serve; then it is told honestly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <memory>
#include <set>
#include <string>

#include "tests/integration/harness/cluster.h"

namespace keypool::itest {
namespace {

using fake::Fault;
using fake::FaultKind;
using fake::FaultOf;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

int Number(const std::string& text) {
  int number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::set<std::string> ProjectsSeen(Cluster& cluster) {
  std::set<std::string> projects;
  for (const auto& request : cluster.fake().Requests()) projects.insert(request.project);
  return projects;
}

class RetryOn : public testing::TestWithParam<FaultKind> {};

TEST_P(RetryOn, AnotherProjectServesAndTheFirstIsLeftAlone) {
  auto cluster = Cluster::Start({.keys = TestKeys(2, 2)}).value();
  cluster->fake().AddFault(FaultOf(GetParam()));
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  ASSERT_EQ(cluster->fake().Counts().requests, 2u);
  const std::string cooled = cluster->fake().Requests()[0].project;
  EXPECT_EQ(ProjectsSeen(*cluster).size(), 2u);
  if (GetParam() == FaultKind::k429Bare) return;  // cools for a moment only
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
    EXPECT_NE(cluster->fake().Requests().back().project, cooled);
  }
  // Only the bucket of this model cools.
  std::set<std::string> projects;
  for (int i = 0; i < 4; ++i) {
    Fetch(cluster->proxy_port(), GenerateContent("gemini-2.5-pro"));
    projects.insert(cluster->fake().Requests().back().project);
  }
  EXPECT_EQ(projects.size(), 2u);
}

std::string NameOf(const testing::TestParamInfo<FaultKind>& info) {
  constexpr const char* kNames[] = {"Minute", "Day", "Bare"};
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(EveryKindOf429, RetryOn,
                         testing::Values(FaultKind::k429Minute, FaultKind::k429Day,
                                         FaultKind::k429Bare),
                         NameOf);

TEST(Retry, StopsAfterMaxRetries) {
  ClusterOptions options{.keys = TestKeys(8)};
  options.proxy = {{"MAX_RETRIES", "3"}};
  auto cluster = Cluster::Start(options).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k429Minute, -1));
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.body, HasSubstr("RESOURCE_EXHAUSTED"));
  EXPECT_EQ(cluster->fake().Counts().requests, 4u);
  EXPECT_EQ(ProjectsSeen(*cluster).size(), 4u);
}

TEST(Retry, NeverHappensWithMaxRetriesZero) {
  ClusterOptions options{.keys = TestKeys(2)};
  options.proxy = {{"MAX_RETRIES", "0"}};
  auto cluster = Cluster::Start(options).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k429Minute));
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 429);
  EXPECT_EQ(cluster->fake().Counts().requests, 1u);
}

TEST(Retry, DoesNotHappenForTheRequestsOwnFault) {
  auto cluster = Cluster::Start({.keys = TestKeys(3)}).value();
  Fault raw;
  raw.kind = FaultKind::kRaw;
  raw.close = false;
  raw.raw =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nX-Odd: 1\r\n"
      "Content-Length: 68\r\n\r\n"
      R"({"error":{"code":400,"message":"mine","status":"INVALID_ARGUMENT"}})"
      "\n";
  cluster->fake().AddFault(raw);
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.Header("x-odd"), "1");
  EXPECT_THAT(answer.body, HasSubstr("mine"));
  EXPECT_EQ(cluster->fake().Counts().requests, 1u);
}

// The budget of one thread is ten tries here.
TEST(Retry, OfOthersIsNotUsedUpByRequestsWithAFaultOfTheirOwn) {
  ClusterOptions options{.keys = TestKeys(2)};
  options.proxy = {{"THREADS", "1"}};
  auto cluster = Cluster::Start(options).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k403Ambiguous, 20));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 403);
  }
  cluster->fake().AddFault(FaultOf(FaultKind::k429Minute));
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
}

class Exhausted : public testing::Test {
 protected:
  // One project with one request in the window that `settings` limits, and that one spent.
  std::unique_ptr<Cluster> Spent(Settings settings) {
    ClusterOptions options{.keys = TestKeys(1)};
    options.keyd = std::move(settings);
    auto cluster = Cluster::Start(options).value();
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
    return cluster;
  }
};

TEST_F(Exhausted, MinuteIsToldInGooglesShapeWithTheTimeThatIsTrue) {
  const auto cluster = Spent({{"DEFAULT_RPM_LIMIT", "1"}});
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 429);
  const int seconds = Number(answer.Header("retry-after"));
  EXPECT_GE(seconds, 1);
  EXPECT_LE(seconds, 61);
  EXPECT_THAT(answer.Header("content-type"), HasSubstr("application/json"));
  EXPECT_THAT(answer.body, AllOf(HasSubstr("RESOURCE_EXHAUSTED"), HasSubstr("google.rpc.RetryInfo"),
                                 HasSubstr("google.rpc.QuotaFailure"), HasSubstr("PerMinute"),
                                 Not(HasSubstr("PerDay"))));
  EXPECT_EQ(cluster->fake().Counts().requests, 1u);
}

TEST_F(Exhausted, DayIsToldOnlyWhenTheWholePoolIsSpent) {
  const auto cluster = Spent({{"DEFAULT_RPD_LIMIT", "1"}});
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.body, HasSubstr("PerDay"));
  EXPECT_GE(Number(answer.Header("retry-after")), 1);
  EXPECT_LE(Number(answer.Header("retry-after")), 25 * 3600);
  EXPECT_EQ(cluster->fake().Counts().requests, 1u);
}

TEST_F(Exhausted, OneModelDoesNotSpendAnother) {
  const auto cluster = Spent({{"DEFAULT_RPM_LIMIT", "1"}});
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 429);
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent("gemini-2.5-pro")).status, 200);
}

TEST_F(Exhausted, UnmeteredCallsStillPass) {
  const auto cluster = Spent({{"DEFAULT_RPM_LIMIT", "1"}});
  HttpRequest count = GenerateContent();
  count.target = "/v1beta/models/gemini-2.5-flash:countTokens";
  EXPECT_EQ(Fetch(cluster->proxy_port(), count).status, 200);
  EXPECT_EQ(Get(cluster->proxy_port(), "/v1beta/models").status, 200);
}

TEST_F(Exhausted, OpenAiCallersGetTheArrayThatTheyKnow) {
  const auto cluster = Spent({{"DEFAULT_RPM_LIMIT", "1"}});
  const Answer answer = Post(cluster->proxy_port(), "/v1beta/openai/chat/completions",
                             R"({"model":"gemini-2.5-flash","messages":[]})");
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.body, testing::StartsWith("[{"));
}

TEST_F(Exhausted, KeyThatComesBackInTimeIsWaitedFor) {
  // The only project cools for a bare 429; MAX_WAIT_SECONDS is longer than that.
  ClusterOptions options{.keys = TestKeys(1)};
  options.proxy = {{"MAX_WAIT_SECONDS", "30"}};
  auto cluster = Cluster::Start(options).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k429Bare));
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  EXPECT_EQ(cluster->fake().Counts().requests, 2u);
}

TEST(UpstreamErrors, AreRelayedAsTheyAre) {
  ClusterOptions options{.keys = TestKeys(1)};
  options.proxy = {{"RETRY_DELAY_SECONDS", "5"},
                   {"MAX_WAIT_SECONDS", "5"}};  // longer than an overloaded model is left alone
  auto cluster = Cluster::Start(options).value();
  for (const auto& [kind, status] :
       {std::pair{FaultKind::k500, 500}, std::pair{FaultKind::k503, 503}}) {
    cluster->fake().AddFault(FaultOf(kind, -1));
    const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
    EXPECT_EQ(answer.status, status);
    EXPECT_THAT(answer.body, HasSubstr(status == 500 ? "INTERNAL" : "The model is overloaded"));
    cluster->fake().ClearFaults();
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  }
}

}  // namespace
}  // namespace keypool::itest
