// Whose fault an answer is: a dead key, a project out of credit or a model without room is the
// pool's to go around, and none of it the caller's to see; the request's own fault is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

using fake::FaultKind;
using fake::FaultOf;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// The keys of the project that got the first request.
std::vector<KeyStatus> FirstKeys(Cluster& cluster) {
  const auto status = AdminCalls(cluster.keyd_address()).Status();
  EXPECT_TRUE(status.ok()) << status.status();
  std::vector<KeyStatus> keys;
  for (const KeyStatus& key : status->keys) {
    if (key.project.value() == cluster.fake().Requests()[0].project) keys.push_back(key);
  }
  return keys;
}

struct Row {
  const char* name;
  FaultKind kind;
  const char* reason;
  bool whole_project = false;
};

class KeyFault : public testing::TestWithParam<Row> {};

TEST_P(KeyFault, IsGoneAroundAndRemembered) {
  auto cluster = Cluster::Start({.keys = TestKeys(2, 2)}).value();
  cluster->fake().AddFault(FaultOf(GetParam().kind));
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  ASSERT_EQ(cluster->fake().Counts().requests, 2u);
  const std::string bad = cluster->fake().Requests()[0].key;
  EXPECT_NE(cluster->fake().Requests()[1].key, bad);
  const std::vector<KeyStatus> keys = FirstKeys(*cluster);
  ASSERT_EQ(keys.size(), 2u);
  int disabled = 0;
  for (const KeyStatus& key : keys) {
    if (key.active) continue;
    ++disabled;
    EXPECT_EQ(key.disabled_reason, GetParam().reason);
    EXPECT_TRUE(key.retry_at.has_value());
  }
  EXPECT_EQ(disabled, GetParam().whole_project ? 2 : 1);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
    EXPECT_NE(cluster->fake().Requests().back().key, bad);
  }
}

TEST_P(KeyFault, OfEveryKeyIsToldWithoutAKey) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  cluster->fake().AddFault(FaultOf(GetParam().kind, -1));
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.Header("retry-after"), "");
  EXPECT_THAT(answer.body, AllOf(HasSubstr("poolctl status"), Not(HasSubstr(TestKey(1))),
                                 Not(HasSubstr(TestKey(2)))));
  EXPECT_EQ(cluster->fake().Counts().requests, 2u);
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 503);
  EXPECT_EQ(cluster->fake().Counts().requests, 2u);
}

std::string NameOf(const testing::TestParamInfo<Row>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Wire, KeyFault,
    testing::Values(
        Row{"Invalid", FaultKind::k400Key, "Google says the key is not valid"},
        Row{"Expired", FaultKind::k400Expired, "Google says the key has expired"},
        Row{"WrongKind", FaultKind::k401, "Google does not accept the key's kind of credential"},
        Row{"Leaked", FaultKind::k403Leaked, "Google says the key was reported as leaked"},
        Row{"Restricted", FaultKind::k403Blocked,
            "Google says a restriction of the key blocks this API"},
        Row{"Suspended", FaultKind::k403Suspended, "Google says the project is suspended", true},
        Row{"Denied", FaultKind::k403Denied, "Google says the project is denied access", true},
        Row{"ServiceDisabled", FaultKind::k403Disabled,
            "Google says the Generative Language API is not enabled in the project", true},
        Row{"Prepaid", FaultKind::k429Prepaid,
            "Google says the project's prepaid credits are depleted", true},
        Row{"SpendingCap", FaultKind::k429Spend,
            "Google says the project has reached its spending cap", true}),
    NameOf);

class BucketFault : public testing::TestWithParam<Row> {};

TEST_P(BucketFault, RestsTheProjectForThisModelOnly) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  cluster->fake().AddFault(FaultOf(GetParam().kind));
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  const std::string bad = cluster->fake().Requests()[0].project;
  const std::vector<KeyStatus> keys = FirstKeys(*cluster);
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_TRUE(keys[0].active);
  ASSERT_EQ(keys[0].buckets.size(), 1u);
  EXPECT_EQ(keys[0].buckets[0].reason, GetParam().reason);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
    EXPECT_NE(cluster->fake().Requests().back().project, bad);
  }
  bool used = false;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent("gemini-2.5-pro")).status, 200);
    used = used || cluster->fake().Requests().back().project == bad;
  }
  EXPECT_TRUE(used);
}

INSTANTIATE_TEST_SUITE_P(
    Wire, BucketFault,
    testing::Values(Row{"LimitZero", FaultKind::k429NoAccess,
                        "Google says the project has no access to this model"},
                    Row{"NotForNewUsers", FaultKind::k404NewUsers,
                        "Google says the model is not available to this project"}),
    NameOf);

class RequestFault : public testing::TestWithParam<Row> {};

TEST_P(RequestFault, IsPassedOnAsItCameAndHurtsNoKey) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  cluster->fake().AddFault(FaultOf(GetParam().kind));
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_THAT(answer.body, HasSubstr(GetParam().reason));
  EXPECT_EQ(cluster->fake().Counts().requests, 1u);
  for (const KeyStatus& key : FirstKeys(*cluster)) {
    EXPECT_TRUE(key.active);
    for (const BucketStatus& bucket : key.buckets) EXPECT_EQ(bucket.state, BucketState::kReady);
  }
}

INSTANTIATE_TEST_SUITE_P(Wire, RequestFault,
                         testing::Values(Row{"Ambiguous403", FaultKind::k403Ambiguous,
                                             "does not have permission"},
                                         Row{"Internal", FaultKind::k500, "INTERNAL"},
                                         Row{"Deadline", FaultKind::k504, "DEADLINE_EXCEEDED"}),
                         NameOf);

TEST(Blame, KeyThatIsEnabledIsCheckedWithACallThatCostsNothing) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  ASSERT_EQ(cluster->Poolctl({"disable", "key_1"}).exit_code, 0);
  cluster->fake().AddFault(FaultOf(FaultKind::k400Key, -1));
  ASSERT_EQ(cluster->Poolctl({"enable", "key_1"}).exit_code, 0);
  AdminCalls admin(cluster->keyd_address());
  EXPECT_TRUE(WaitUntil([&] { return !admin.Status()->keys.at(0).active; }));
  EXPECT_EQ(admin.Status()->keys.at(0).disabled_reason, "Google says the key is not valid");
  ASSERT_FALSE(cluster->fake().Requests().empty());
  EXPECT_EQ(cluster->fake().Requests().back().head.target, "/v1beta/models?pageSize=1");
}

TEST(Blame, LocationIsTriedOnAnotherProjectAndHurtsNoKey) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k400Location));
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  EXPECT_TRUE(FirstKeys(*cluster)[0].active);
}

TEST(Blame, LocationThatNoProjectIsServedInIsToldInGooglesWords) {
  ClusterOptions options{.keys = TestKeys(8)};
  options.proxy = {{"MAX_RETRIES", "3"}};
  auto cluster = Cluster::Start(options).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k400Location, -1));
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(cluster->fake().Counts().requests, 4u);
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("User location is not supported"));
}

TEST(Blame, KeyThatIsRefusedAsABearerTokenStaysGoodElsewhere) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k401));
  const Answer answer = Post(cluster->proxy_port(), "/v1beta/openai/chat/completions",
                             R"({"model":"gemini-2.5-flash","messages":[]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(cluster->fake().Counts().requests, 2u);
  EXPECT_TRUE(FirstKeys(*cluster)[0].active);
}

TEST(Blame, OverloadedModelIsTriedAgain) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k503, 2));
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  EXPECT_EQ(cluster->fake().Counts().requests, 3u);
}

TEST(Blame, ModelThatStaysOverloadedIsToldInGooglesWordsAndLeftAlone) {
  auto cluster = Cluster::Start({.keys = TestKeys(4)}).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k503, -1));
  const Answer answer = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("The model is overloaded. Please try again later."));
  EXPECT_EQ(cluster->fake().Counts().requests, 3u);
  const Answer held_back = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(held_back.status, 503);
  EXPECT_NE(held_back.Header("retry-after"), "");
  EXPECT_EQ(cluster->fake().Counts().requests, 3u);
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent("gemini-2.5-pro")).status, 503);
  EXPECT_GT(cluster->fake().Counts().requests, 3u);
}

TEST(Blame, ThrottledAddressStopsEverything) {
  auto cluster = Cluster::Start({.keys = TestKeys(4)}).value();
  cluster->fake().AddFault(FaultOf(FaultKind::k429Html));
  const Answer page = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(page.status, 429);
  EXPECT_THAT(page.body, HasSubstr("automated queries"));
  const Answer refused = Fetch(cluster->proxy_port(), GenerateContent());
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("throttles the address"));
  EXPECT_NE(refused.Header("retry-after"), "");
  EXPECT_EQ(cluster->fake().Counts().requests, 1u);
}

}  // namespace
}  // namespace keypool::itest
