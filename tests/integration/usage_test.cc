// The accounts: what clients did is what poolctl shows, and a restart keeps it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>

#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

constexpr int kExitUsage = 2;

// The report of a request comes a moment after its answer.
bool WaitForUsage(Cluster& cluster, const std::string& part) {
  return WaitUntil([&] {
    return cluster.Poolctl({"usage", "--json"}).out.find(part) != std::string::npos;
  });
}

void Stop(Cluster& cluster) {
  cluster.keyd().Signal(SIGTERM);
  EXPECT_EQ(cluster.keyd().WaitForExit(), 0);
}

bool Serve(Cluster& cluster) {
  return WaitUntil([&] { return Fetch(cluster.proxy_port(), GenerateContent()).status == 200; });
}

TEST(Usage, CountsAreThoseOfTheClientsByEveryName) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  }
  ASSERT_TRUE(WaitForUsage(*cluster, R"("total":{"requests":6,)"))
      << cluster->Poolctl({"usage"}).out;
  EXPECT_THAT(cluster->Poolctl({"usage"}).out,
              AllOf(ContainsRegex("project-1 +3 "), ContainsRegex("project-2 +3 "),
                    ContainsRegex("total +6 ")));
  EXPECT_THAT(cluster->Poolctl({"usage", "--by", "key", "--daily"}).out,
              AllOf(ContainsRegex("key_1 +3 "), ContainsRegex("key_2 +3 ")));
  EXPECT_THAT(cluster->Poolctl({"usage", "--by=model", "--days=1", "--csv"}).out,
              AllOf(HasSubstr("model,pacific_date"), HasSubstr("gemini-2.5-flash,")));
  EXPECT_THAT(cluster->Poolctl({"usage", "--by=client", "--hourly"}).out, HasSubstr("total"));
  const Finished wrong = cluster->Poolctl({"usage", "--by", "moon"});
  EXPECT_EQ(wrong.exit_code, kExitUsage);
  EXPECT_THAT(wrong.err, HasSubstr("--by: must be key, project, model or client"));
}

TEST(Usage, CountsSurviveACleanRestartExactlyAndGoOn) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  }
  ASSERT_TRUE(WaitForUsage(*cluster, R"("total":{"requests":5,)"));
  Stop(*cluster);
  ASSERT_TRUE(cluster->StartKeyd().ok());
  EXPECT_THAT(cluster->Poolctl({"usage", "--json"}).out, HasSubstr(R"("total":{"requests":5,)"));
  ASSERT_TRUE(Serve(*cluster));
  EXPECT_TRUE(WaitForUsage(*cluster, R"("total":{"requests":6,)"));
}

TEST(Usage, WhatWasWrittenSurvivesKillMinusNine) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent()).status, 200);
  ASSERT_TRUE(WaitForUsage(*cluster, R"("total":{"requests":1,)"));
  Stop(*cluster);
  ASSERT_TRUE(cluster->StartKeyd().ok());
  cluster->KillKeyd();
  ASSERT_TRUE(cluster->StartKeyd().ok());
  EXPECT_THAT(cluster->Poolctl({"usage", "--json"}).out, HasSubstr(R"("total":{"requests":1,)"));
}

}  // namespace
}  // namespace keypool::itest
