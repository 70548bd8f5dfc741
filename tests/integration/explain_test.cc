// What an operator learns by asking why: poolctl explain and poolctl events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/integration/harness/cluster.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kModel[] = "gemini-2.5-flash";

TEST(Explain, SaysWhoIsNextAndFromWhichAnswerAKeyIsLeftAlone) {
  ClusterOptions options{.keys = TestKeys(2)};
  options.fake_limit = {1'000, 3};
  auto cluster = Cluster::Start(options).value();
  EXPECT_THAT(cluster->Poolctl({"explain", "--model", kModel}).out,
              AllOf(HasSubstr("would be granted key_1 of project project-1 now"),
                    HasSubstr("project project-1 goes first")));
  ASSERT_EQ(cluster->Poolctl({"disable", "key_2", "--reason", "billing"}).exit_code, 0);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent(kModel)).status, 200);
  }
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent(kModel)).status, 429);
  EXPECT_THAT(cluster->Poolctl({"explain", "--model", kModel}).out,
              AllOf(HasSubstr("would be refused now: "), HasSubstr("429_day, since "),
                    HasSubstr("billing (since "), Not(HasSubstr("AIza"))));
  EXPECT_THAT(
      cluster->Poolctl({"explain", "--model", kModel, "--project", "project-2", "--json"}).out,
      AllOf(HasSubstr(R"("next":null)"), HasSubstr(R"("verdict":"disabled")"),
            Not(HasSubstr("key_1"))));
  EXPECT_EQ(cluster->Poolctl({"explain", "--model", kModel, "--project", "no"}).exit_code, 1);
  // Another reign still leaves it alone, and knows that it was Google's word.
  cluster->KillKeyd();
  ASSERT_TRUE(cluster->StartKeyd().ok());
  EXPECT_THAT(cluster->Poolctl({"explain", "--model", kModel}).out,
              HasSubstr("(from before the restart)"));
}

TEST(Events, TellWhatGoogleSaidAndWhatOperatorsDid) {
  ClusterOptions options{.keys = TestKeys(2)};
  options.fake_limit = {1'000, 1};
  auto cluster = Cluster::Start(options).value();
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent(kModel)).status, 200);
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent(kModel)).status, 200);
  EXPECT_EQ(Fetch(cluster->proxy_port(), GenerateContent(kModel)).status, 429);
  ASSERT_EQ(cluster->Poolctl({"disable", "key_2", "--reason", "billing"}).exit_code, 0);
  EXPECT_THAT(cluster->Poolctl({"events"}).out,
              AllOf(HasSubstr("key added"), HasSubstr("cooldown"), HasSubstr("limit learned"),
                    HasSubstr("(429_day)"), HasSubstr("key disabled"), HasSubstr("billing"),
                    Not(HasSubstr("AIza"))));
  EXPECT_THAT(cluster->Poolctl({"events", "--limit", "1", "--json"}).out,
              AllOf(HasSubstr(R"("event":"key_disabled")"), Not(HasSubstr("429_day"))));
  cluster->KillKeyd();
  ASSERT_TRUE(cluster->StartKeyd().ok());
  EXPECT_THAT(cluster->Poolctl({"events"}).out, Not(HasSubstr("billing")));
}

}  // namespace
}  // namespace keypool::itest
