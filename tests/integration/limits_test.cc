// Limits: what the operator's file says, and what Google teaches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/temp_dir.h"

namespace keypool::itest {
namespace {

using testing::HasSubstr;

// Answers by status to `count` requests after each other.
std::map<int, int> Ask(Cluster& cluster, int count, const std::string& model) {
  std::map<int, int> answers;
  for (int i = 0; i < count; ++i) {
    ++answers[Fetch(cluster.proxy_port(), GenerateContent(model)).status];
  }
  return answers;
}

TEST(Limits, UnknownOnesAreLearnedFromOne429Each) {
  ClusterOptions options{.keys = TestKeys(3)};
  options.fake_limit = {5, 1'000};
  auto cluster = Cluster::Start(options).value();
  const std::map<int, int> answers = Ask(*cluster, 25, "gemini-2.5-flash");
  EXPECT_EQ(answers.at(200), 15);
  EXPECT_EQ(answers.at(429), 10);
  EXPECT_EQ(cluster->fake().Counts().refused, 3);
  const auto status = AdminCalls(cluster->keyd_address()).Status();
  ASSERT_TRUE(status.ok()) << status.status();
  for (const KeyStatus& key : status->keys) {
    ASSERT_EQ(key.buckets.size(), 1u);
    EXPECT_EQ(key.buckets[0].per_minute.limit, 5);
    EXPECT_EQ(key.buckets[0].per_minute.source, LimitSource::kLearned);
  }
  // Remembered by the next keyd too.
  cluster->KillKeyd();
  ASSERT_TRUE(cluster->StartKeyd().ok());
  EXPECT_THAT(cluster->Poolctl({"status", "--json"}).out, HasSubstr(R"("source":"learned")"));
}

TEST(Limits, OfTheFileHoldForTierProjectAndModel) {
  const TempDir dir;
  const std::string file = dir.Write("limits.toml", R"(
[models."gemini-2.5-flash"]
requests_per_minute = 2
[tiers.paid.models."gemini-2.5-flash"]
requests_per_minute = 7
[projects.project-2]
tier = "paid"
[models."gemini-2.5-pro"]
requests_per_day = 0
)");
  ClusterOptions options{.keys = TestKeys(2)};
  options.keyd = {{"LIMITS_FILE", file}};
  auto cluster = Cluster::Start(options).value();
  EXPECT_EQ(Ask(*cluster, 12, "gemini-2.5-flash"), (std::map<int, int>{{200, 9}, {429, 3}}));
  EXPECT_EQ(Ask(*cluster, 2, "gemini-2.5-pro"), (std::map<int, int>{{429, 2}}));
  EXPECT_EQ(Ask(*cluster, 5, "gemini-2.5-flash-lite"), (std::map<int, int>{{200, 5}}));
  EXPECT_EQ(cluster->fake().Counts().requests, 14u);
}

}  // namespace
}  // namespace keypool::itest
