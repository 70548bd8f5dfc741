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

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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

TEST(Limits, ThatAreSetHoldForTheNextRequestAndSurviveAKill) {
  ClusterOptions options{.keys = TestKeys(1)};
  auto cluster = Cluster::Start(options).value();
  EXPECT_EQ(Ask(*cluster, 2, "gemini-2.5-flash"), (std::map<int, int>{{200, 2}}));
  const Finished set = cluster->Poolctl(
      {"limits", "set", "--project", "project-1", "--model", "gemini-2.5-flash", "--rpm", "3"});
  EXPECT_EQ(set.exit_code, 0) << set.err;
  EXPECT_EQ(set.out, "project project-1, model gemini-2.5-flash: 3 requests a minute\n");
  EXPECT_EQ(Ask(*cluster, 2, "gemini-2.5-flash"), (std::map<int, int>{{200, 1}, {429, 1}}));
  cluster->KillKeyd();
  ASSERT_TRUE(cluster->StartKeyd().ok());
  EXPECT_EQ(Ask(*cluster, 1, "gemini-2.5-flash"), (std::map<int, int>{{429, 1}}));
  const Finished list = cluster->Poolctl({"limits", "list"});
  EXPECT_THAT(list.out, HasSubstr("operator"));
  const Finished unset = cluster->Poolctl(
      {"limits", "unset", "--project", "project-1", "--model", "gemini-2.5-flash"});
  EXPECT_EQ(unset.exit_code, 0) << unset.err;
  EXPECT_EQ(Ask(*cluster, 2, "gemini-2.5-flash"), (std::map<int, int>{{200, 2}}));
}

TEST(Limits, OverAllModelsAndOfATierAreSetWhileThePoolIsInUse) {
  ClusterOptions options{.keys = TestKeys(1)};
  auto cluster = Cluster::Start(options).value();
  EXPECT_EQ(Ask(*cluster, 2, "gemini-2.5-flash"), (std::map<int, int>{{200, 2}}));
  EXPECT_EQ(
      cluster->Poolctl({"limits", "set", "--tier", "small", "--together", "--rpm", "3"}).exit_code,
      0);
  EXPECT_EQ(Ask(*cluster, 2, "gemini-2.5-flash"), (std::map<int, int>{{200, 2}}));
  const Finished unknown =
      cluster->Poolctl({"limits", "set", "--project", "project-1", "--project-tier", "large"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("tier large"));
  EXPECT_EQ(cluster->Poolctl({"limits", "set", "--project", "project-1", "--project-tier", "small"})
                .exit_code,
            0);
  EXPECT_EQ(Ask(*cluster, 1, "gemini-2.5-pro"), (std::map<int, int>{{429, 1}}));
}

TEST(Limits, AreImportedAndExported) {
  ClusterOptions options{.keys = TestKeys(1)};
  auto cluster = Cluster::Start(options).value();
  const std::string sample = KEYPOOL_DEPLOY_DIR "/limits/sample-2025.toml";
  const Finished dry = cluster->Poolctl({"limits", "import", sample, "--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_THAT(cluster->Poolctl({"limits", "export"}).out, Not(HasSubstr("[")));
  const Finished imported = cluster->Poolctl({"limits", "import", sample});
  EXPECT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_EQ(imported.out, "set limits of 8 scopes, in place of 0\n");
  const Finished exported = cluster->Poolctl({"limits", "export"});
  EXPECT_THAT(exported.out, HasSubstr("[tiers.\"tier-1\".models.\"gemini-2.5-pro\"]"));
  const Finished broken =
      cluster->Poolctl({"limits", "import", "-"}, "[default]\nrequests_per_minute = 0\nx = 1\n");
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.err, AllOf(HasSubstr("poolctl: standard input:2: \"requests_per_minute\""),
                                HasSubstr("poolctl: standard input:3: \"x\" is not known")));
  // What was exported says the same when it is imported, here after something else.
  EXPECT_EQ(cluster->Poolctl({"limits", "import", "-"}, "").exit_code, 0);
  EXPECT_NE(cluster->Poolctl({"limits", "export"}).out, exported.out);
  EXPECT_EQ(cluster->Poolctl({"limits", "import", "-"}, exported.out).exit_code, 0);
  EXPECT_EQ(cluster->Poolctl({"limits", "export"}).out, exported.out);
}

}  // namespace
}  // namespace keypool::itest
