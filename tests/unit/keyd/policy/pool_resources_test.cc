// What reports tell of things that live in one project: who learns it, how long it is known, and
// what a restart brings back.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class PoolResources : public PoolTest {
 protected:
  PoolResources() {
    config.default_limits = {.requests_per_minute = 100, .requests_per_day = 1'000};
    Start();
    key_a = Add("secret-a", "a");
    Add("secret-b", "b");
  }
  Grant GrantOf(std::string project) {
    AcquireCommand command = Unmetered();
    command.project = ProjectId{std::move(project)};
    return Granted(command);
  }
  ReportCommand Noting(const Grant& grant, std::string name, absl::Duration time_to_live) const {
    ReportCommand report = ReportOf(grant, Status(200));
    report.resources = {{std::move(name), time_to_live}};
    return report;
  }
  // "": any project's.
  std::string OwnerOf(std::string name) {
    AcquireCommand command = Unmetered();
    command.resources = {std::move(name)};
    const Grant grant = Granted(command);
    return grant.owns ? grant.project.value() : "";
  }
  void Learn(std::string project, std::string name, absl::Duration time_to_live) {
    Apply(Noting(GrantOf(std::move(project)), std::move(name), time_to_live));
  }

  KeyId key_a;
};

TEST_F(PoolResources, AreLearnedForTheProjectOfTheLeaseInTheBatchOfTheReport) {
  const Grant grant = GrantOf("a");
  const ReportReply reply =
      pool->Apply(Noting(grant, "files/x", absl::Hours(48)), now(), random, &mutations);
  EXPECT_EQ(reply.settled, Settled::kNow);
  ASSERT_THAT(mutations, testing::Contains(testing::VariantWith<ResourceRecord>(testing::_)));
  Commit();
  EXPECT_EQ(stored_resources.at("files/x").project, ProjectId{"a"});
  EXPECT_EQ(stored_resources.at("files/x").expires, wall + absl::Hours(48));
  EXPECT_EQ(OwnerOf("files/x"), "a");
}

TEST_F(PoolResources, WhatNeverLeftTellsNothing) {
  ReportCommand report = Noting(GrantOf("a"), "files/x", absl::Hours(1));
  report.sent = false;
  Apply(report);
  EXPECT_THAT(stored_resources, IsEmpty());
}

TEST_F(PoolResources, ADuplicateReportChangesNothing) {
  const Grant grant = GrantOf("a");
  Apply(ReportOf(grant, Status(200)));
  EXPECT_EQ(Apply(Noting(grant, "files/x", absl::Hours(1))).settled, Settled::kDuplicate);
  EXPECT_EQ(OwnerOf("files/x"), "");
}

TEST_F(PoolResources, ALateReportTellsOfTheProjectOfItsLease) {
  const Grant grant = GrantOf("a");
  Advance(config.lease_time_to_live + absl::Seconds(1));
  TickUntilDone();
  EXPECT_EQ(Apply(Noting(grant, "files/x", absl::Hours(1))).settled, Settled::kLate);
  EXPECT_EQ(OwnerOf("files/x"), "a");
}

TEST_F(PoolResources, AReportOfAnotherReignTellsOfTheProjectOfItsKey) {
  ReportCommand report = Noting(GrantOf("a"), "files/x", absl::Hours(1));
  ReportCommand unknown_key = report;
  unknown_key.key = KeyId{77};
  unknown_key.resources[0].name = "files/y";
  Start();
  EXPECT_EQ(Apply(report).settled, Settled::kOtherEpoch);
  EXPECT_EQ(Apply(unknown_key).settled, Settled::kOtherEpoch);
  EXPECT_EQ(OwnerOf("files/x"), "a");
  EXPECT_EQ(OwnerOf("files/y"), "");
}

TEST_F(PoolResources, AReportOfALeaseThatGoesOnTellsOfThemAndEndsNothing) {
  const Grant grant = GrantOf("a");
  ReportCommand report = Noting(grant, "live/x", absl::Hours(1));
  report.goes_on = true;
  const ReportReply reply = Apply(report);
  EXPECT_EQ(reply.settled, Settled::kGoesOn);
  EXPECT_FALSE(reply.retryable);
  EXPECT_EQ(OwnerOf("live/x"), "a");
  EXPECT_EQ(Report(grant, Status(200)).settled, Settled::kNow);
  // It may come again, or late: in another reign, too.
  report.resources[0].name = "live/y";
  EXPECT_EQ(Apply(report).settled, Settled::kGoesOn);
  EXPECT_EQ(OwnerOf("live/y"), "a");
  Start();
  report.resources[0].name = "live/z";
  EXPECT_EQ(Apply(report).settled, Settled::kGoesOn);
  EXPECT_EQ(OwnerOf("live/z"), "a");
}

TEST_F(PoolResources, AreForgottenWhenTheirOwnProjectSaysThatTheyAreGone) {
  Learn("a", "files/x", absl::Hours(1));
  Learn("b", "files/x", absl::ZeroDuration());
  EXPECT_EQ(OwnerOf("files/x"), "a");
  Learn("a", "files/x", absl::ZeroDuration());
  EXPECT_EQ(OwnerOf("files/x"), "");
  EXPECT_THAT(stored_resources, IsEmpty());
}

TEST_F(PoolResources, AreKnownUntilTheyExpireAndThenLeaveTheStore) {
  Learn("a", "files/x", absl::Hours(1));
  Learn("a", "files/y", absl::Hours(24 * 1'000));
  Advance(absl::Hours(1) - absl::Seconds(1));
  EXPECT_EQ(OwnerOf("files/x"), "a");
  Advance(absl::Seconds(1));
  EXPECT_EQ(OwnerOf("files/x"), "");
  TickUntilDone();
  EXPECT_THAT(stored_resources, SizeIs(1));
  EXPECT_LE(stored_resources.at("files/y").expires, wall + kResourceTimeMax);
}

TEST_F(PoolResources, TickForgetsInBoundedSteps) {
  ReportCommand report = ReportOf(GrantOf("a"), Status(200));
  for (int i = 0; i < 2'000; ++i) {
    report.resources.push_back({absl::StrCat("files/", i), absl::Minutes(1)});
  }
  Apply(report);
  Advance(absl::Minutes(1));
  EXPECT_TRUE(pool->Tick(now(), &mutations));
  Commit();
  EXPECT_GT(stored_resources.size(), 1'000u);
  TickUntilDone();
  EXPECT_THAT(stored_resources, IsEmpty());
}

TEST_F(PoolResources, AreBounded) {
  config.resources_max = 2;
  Start();
  Learn("a", "files/1", absl::Hours(1));
  Learn("a", "files/2", absl::Hours(2));
  Learn("a", "files/3", absl::Hours(3));
  EXPECT_THAT(stored_resources, SizeIs(2));
  EXPECT_EQ(OwnerOf("files/1"), "");
  EXPECT_EQ(OwnerOf("files/3"), "a");
}

TEST_F(PoolResources, SurviveARestartUntilTheyExpire) {
  Learn("a", "files/x", absl::Hours(1));
  Learn("b", "files/y", absl::Hours(3));
  Advance(absl::Hours(2));
  Start();
  EXPECT_EQ(OwnerOf("files/x"), "");
  EXPECT_EQ(OwnerOf("files/y"), "b");
  EXPECT_THAT(stored_resources, SizeIs(1)) << "what has expired leaves the store";
}

TEST_F(PoolResources, StayKnownWhenTheLastKeyOfTheirProjectGoes) {
  Learn("a", "files/x", absl::Hours(1));
  ASSERT_TRUE(pool->Apply(RemoveKeyCommand{key_a}, now(), &mutations).ok());
  TickUntilDone();
  Start();
  AcquireCommand command = Unmetered();
  command.resources = {"files/x"};
  EXPECT_EQ(Refused(command).reason, RefusalReason::kOwnerUnavailable);
  Add("secret-a-again", "a");
  EXPECT_EQ(OwnerOf("files/x"), "a");
}

TEST_F(PoolResources, ACheckOfAKeyCanTellOfThemToo) {
  ASSERT_TRUE(pool->Apply(EnableKeyCommand{key_a}, now(), &mutations).ok());
  AcquireCommand check;
  check.kind = Kind::kValidation;
  const Grant grant = Granted(check);
  ASSERT_EQ(grant.project, ProjectId{"a"});
  Apply(Noting(grant, "files/x", absl::Hours(1)));
  EXPECT_EQ(OwnerOf("files/x"), "a");
}

}  // namespace
}  // namespace keypool::policy
