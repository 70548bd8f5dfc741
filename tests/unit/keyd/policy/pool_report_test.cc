// How a lease ends and what an answer does.
#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

class Report : public PoolTest {
 protected:
  Report() {
    config.default_limits = {.requests_per_minute = 10, .requests_per_day = 20};
    Start();
    key = Add("secret-a", "a");
  }
  // Until when the pool refuses; zero when it grants. The grant is given back.
  absl::Duration Wait() {
    const AcquireReply reply = Acquire(Metered());
    if (const Refusal* refusal = std::get_if<Refusal>(&reply)) return *refusal->retry_after;
    ReportUnsent(std::get<Grant>(reply));
    return absl::ZeroDuration();
  }
  KeyId key;
};

TEST_F(Report, SettlesOnceAndIsADuplicateAfter) {
  const Grant grant = Granted();
  EXPECT_EQ(Summary().leases_open, 1);
  EXPECT_EQ(PoolTest::Report(grant, Status(200)).settled, Settled::kNow);
  EXPECT_EQ(Summary().leases_open, 0);
  EXPECT_EQ(PoolTest::Report(grant, QuotaExceeded({"PerDay"})).settled, Settled::kDuplicate);
  EXPECT_EQ(Wait(), absl::ZeroDuration());  // the duplicate changed nothing
}

TEST_F(Report, DuplicateTellsTheSameVerdict) {
  const Grant grant = Granted();
  EXPECT_TRUE(PoolTest::Report(grant, QuotaExceeded({"PerMinute"})).retryable);
  EXPECT_TRUE(PoolTest::Report(grant, QuotaExceeded({"PerMinute"})).retryable);
  EXPECT_FALSE(PoolTest::Report(grant, Status(400)).retryable);
}

TEST_F(Report, NeverIssuedLeaseChangesNothing) {
  Grant made_up = Granted();
  made_up.lease = LeaseId{12345};
  EXPECT_EQ(PoolTest::Report(made_up, QuotaExceeded({"PerDay"})).settled, Settled::kDuplicate);
  EXPECT_EQ(Wait(), absl::ZeroDuration());
}

TEST_F(Report, UnsentRequestGetsItsChargeBackInBothWindowsOnce) {
  const Grant grant = Granted();
  Granted();
  EXPECT_TRUE(ReportUnsent(grant).retryable);
  EXPECT_EQ(Bucket(key).per_minute.used, 1);
  EXPECT_EQ(Bucket(key).per_day.used, 1);
  ReportUnsent(grant);
  EXPECT_EQ(Bucket(key).per_day.used, 1);
}

TEST_F(Report, UnsentRequestOfYesterdayGivesNothingBackToday) {
  AdvanceTo(At(2026, 6, 10, 23, 59, 30));
  const Grant grant = Granted();
  AdvanceTo(At(2026, 6, 11, 0, 0));
  Granted();
  ReportUnsent(grant);
  EXPECT_EQ(Bucket(key).per_day.used, 1);
  EXPECT_EQ(Bucket(key).per_minute.used, 1);
}

TEST_F(Report, ExpiredLeaseStaysCountedAndItsLateReportIsKnown) {
  const Grant grant = Granted();
  Advance(config.lease_time_to_live);
  TickUntilDone();
  EXPECT_EQ(Summary().leases_open, 0);
  EXPECT_EQ(Bucket(key).per_day.used, 1);
  EXPECT_EQ(PoolTest::Report(grant, QuotaExceeded({"PerDay"})).settled, Settled::kLate);
  EXPECT_EQ(Bucket(key).state, BucketState::kCooling);
  EXPECT_EQ(PoolTest::Report(grant, Status(200)).settled, Settled::kDuplicate);
}

TEST_F(Report, LateUnsentReportStillGivesTheDayBack) {
  const Grant grant = Granted();
  Advance(config.lease_time_to_live);
  EXPECT_EQ(ReportUnsent(grant).settled, Settled::kLate);
  EXPECT_EQ(Bucket(key).per_day.used, 0);
}

TEST_F(Report, LeaseIsForgottenAfterTheGrace) {
  const Grant grant = Granted();
  Advance(config.lease_time_to_live + config.late_report_grace);
  TickUntilDone();
  EXPECT_EQ(PoolTest::Report(grant, QuotaExceeded({"PerDay"})).settled, Settled::kDuplicate);
  EXPECT_EQ(Wait(), absl::ZeroDuration());
}

TEST_F(Report, OtherEpochStillCoolsTheBucketItNames) {
  const Grant grant = Granted();
  const ReportCommand report = ReportOf(grant, QuotaExceeded({"PerDay"}));
  Start();
  const ReportReply reply = Apply(report);
  EXPECT_EQ(reply.settled, Settled::kOtherEpoch);
  EXPECT_TRUE(reply.retryable);
  EXPECT_EQ(wall + Wait(), At(2026, 6, 11, 0, 0));
}

TEST_F(Report, OtherEpochOfAnUnknownKeyChangesNothing) {
  ReportCommand report = ReportOf(Granted(), QuotaExceeded({"PerDay"}));
  Start();
  report.key = KeyId{99};
  const int before = committed;
  EXPECT_EQ(Apply(report).settled, Settled::kOtherEpoch);
  EXPECT_EQ(committed, before);
}

TEST_F(Report, OtherEpochUnsentGivesNothingBack) {
  ReportCommand report = ReportOf(Granted(), {});
  report.sent = false;
  Start();
  Apply(report);
  EXPECT_EQ(Bucket(key).per_day.used, 1);
}

TEST_F(Report, PerDayCoolsUntilTheNextPacificMidnightWhateverTheDelay) {
  PoolTest::Report(Granted(), QuotaExceeded({"PerDay"}, absl::Seconds(12)));
  EXPECT_EQ(wall + Wait(), At(2026, 6, 11, 0, 0));
  EXPECT_TRUE(Refused().spent_for_the_day);
  AdvanceTo(At(2026, 6, 11, 0, 0));
  EXPECT_EQ(Wait(), absl::ZeroDuration());
}

TEST_F(Report, PerDayOfYesterdaysRequestDoesNotCostToday) {
  AdvanceTo(At(2026, 6, 10, 23, 59, 30));
  const Grant grant = Granted();
  AdvanceTo(At(2026, 6, 11, 0, 0, 1));
  PoolTest::Report(grant, QuotaExceeded({"PerDay"}));
  EXPECT_EQ(Wait(), absl::Seconds(60));
}

TEST_F(Report, PerMinuteCoolsForTheDelayAndASecond) {
  PoolTest::Report(Granted(), QuotaExceeded({"PerMinute"}, absl::Seconds(51)));
  EXPECT_EQ(Wait(), absl::Seconds(52));
  EXPECT_EQ(Refused().limit, 0);  // not our count is in the way
  Advance(absl::Seconds(52));
  EXPECT_EQ(Wait(), absl::ZeroDuration());
}

TEST_F(Report, ShorterCooldownDoesNotCutALongerOne) {
  const Grant one = Granted(), two = Granted();
  PoolTest::Report(one, QuotaExceeded({"PerMinute"}, absl::Seconds(51)));
  PoolTest::Report(two, QuotaExceeded({"PerMinute"}, absl::Seconds(3)));
  EXPECT_EQ(Wait(), absl::Seconds(52));
}

TEST_F(Report, Bare429CoolsTwiceAsLongEachTimeUpToFiveMinutes) {
  config.default_limits = {.requests_per_minute = 100, .requests_per_day = 100};
  Start();
  for (const int seconds : {2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
    PoolTest::Report(Granted(), Status(429));
    const absl::Duration wait = Wait();
    EXPECT_EQ(wait, absl::Seconds(seconds));
    Advance(wait);
  }
}

TEST_F(Report, SuccessMakesTheNextBare429ShortAgain) {
  for (int i = 0; i < 3; ++i) {
    PoolTest::Report(Granted(), Status(429));
    Advance(Wait());
  }
  PoolTest::Report(Granted(), Status(200));
  PoolTest::Report(Granted(), Status(429));
  EXPECT_EQ(Wait(), absl::Seconds(2));
}

TEST_F(Report, BurstOfBare429sCountsOnce) {
  std::vector<Grant> burst;
  for (int i = 0; i < 8; ++i) burst.push_back(Granted());
  Advance(absl::Seconds(1));
  for (const Grant& grant : burst) PoolTest::Report(grant, Status(429));
  EXPECT_EQ(Wait(), absl::Seconds(2));
}

TEST_F(Report, RequestsOwnFaultChangesNothing) {
  for (const int status : {0, 400, 403, 404, 499, 500, 504}) {
    const Grant grant = Granted();
    const int before = committed;
    const ReportReply reply = PoolTest::Report(grant, Status(status));
    EXPECT_FALSE(reply.retryable) << status;
    EXPECT_EQ(committed, before) << status;
  }
  EXPECT_EQ(Wait(), absl::ZeroDuration());
}

TEST_F(Report, CooldownHitsTheModelOfTheLeaseOnly) {
  const Grant grant = Granted(Metered("x"));
  ReportCommand report = ReportOf(grant, QuotaExceeded({"PerDay"}));
  report.model = "y";  // what a lease of this reign was for is known better here
  Apply(report);
  Refused(Metered("x"));
  Granted(Metered("y"));
}

TEST_F(Report, ResetForgetsCountsAndOlderRefundsDoNotReachPastIt) {
  const Grant before = Granted();
  PoolTest::Report(Granted(), QuotaExceeded({"PerDay"}));
  const auto count = pool->Apply(ResetCommand{}, now(), &mutations);
  Commit();
  EXPECT_EQ(*count, 1);
  EXPECT_TRUE(stored.empty());
  EXPECT_EQ(Bucket(key).per_day.used, 0);
  Granted();
  ReportUnsent(before);
  EXPECT_EQ(Bucket(key).per_day.used, 1);
  EXPECT_EQ(Bucket(key).per_minute.used, 1);
}

}  // namespace
}  // namespace keypool::policy
