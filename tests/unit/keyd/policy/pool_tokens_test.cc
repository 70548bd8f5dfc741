// Input tokens: charged by estimate at the grant, corrected at the report.
#include <gmock/gmock.h>

#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

using testing::HasSubstr;

class Tokens : public PoolTest {
 protected:
  Tokens() {
    config.default_limits = {.requests_per_minute = 100,
                             .requests_per_day = 1000,
                             .input_tokens_per_minute = 1000,
                             .input_tokens_per_day = 5000};
    Start();
  }
  static AcquireCommand Of(std::int64_t tokens, std::string model = "m") {
    AcquireCommand command = Metered(std::move(model));
    command.input_tokens = tokens;
    return command;
  }
  ReportReply Used(const Grant& grant, std::int64_t tokens, int status = 200) {
    ReportCommand report = ReportOf(grant, Status(status));
    report.usage = TokenUsage{.input = tokens};
    return Apply(report);
  }
  std::int64_t Minute(KeyId key) const { return Bucket(key).tokens_per_minute.used; }
  std::int64_t Day(KeyId key) const { return Bucket(key).tokens_per_day.used; }
};

TEST_F(Tokens, AreChargedByEstimateAndCorrectedBothWays) {
  const KeyId key = Add("secret-a", "a");
  const Grant first = Granted(Of(200)), second = Granted(Of(300));
  EXPECT_EQ(Minute(key), 500);
  EXPECT_EQ(Day(key), 500);
  Used(first, 150);
  EXPECT_EQ(Minute(key), 450);
  Used(second, 700);
  EXPECT_EQ(Minute(key), 850);
  EXPECT_EQ(Day(key), 850);
}

TEST_F(Tokens, CorrectionWeighsFromTheTimeOfItsCharge) {
  const KeyId key = Add("secret-a", "a");
  const Grant first = Granted(Of(100));
  Advance(absl::Seconds(20));
  Granted(Of(10));
  Used(first, 600);
  Advance(absl::Milliseconds(40'500));  // the first leaves, with all its tokens
  EXPECT_EQ(Minute(key), 10);
  EXPECT_EQ(Day(key), 610);
}

TEST_F(Tokens, LateReportStillCorrectsAndOneThatLeftTheMinuteCorrectsTheDay) {
  const KeyId key = Add("secret-a", "a");
  const Grant grant = Granted(Of(100));
  Advance(config.lease_time_to_live + absl::Seconds(1));
  EXPECT_EQ(Used(grant, 900).settled, Settled::kLate);
  EXPECT_EQ(Minute(key), 0);
  EXPECT_EQ(Day(key), 900);
  EXPECT_EQ(Used(grant, 5).settled, Settled::kDuplicate);
  EXPECT_EQ(Day(key), 900);
}

TEST_F(Tokens, OfARequestThatNeverLeftAreGivenBack) {
  const KeyId key = Add("secret-a", "a");
  ReportUnsent(Granted(Of(800)));
  EXPECT_EQ(Minute(key), 0);
  EXPECT_EQ(Day(key), 0);
  Granted(Of(800));
}

TEST_F(Tokens, WithoutUsageTheStatusDecides) {
  const KeyId key = Add("secret-a", "a");
  std::int64_t kept = 0;
  for (const auto& [status, stays] : std::vector<std::pair<int, bool>>{
           {200, true}, {404, false}, {403, false}, {400, true}, {500, true}}) {
    Report(Granted(Of(100)), Status(status));
    if (stays) kept += 100;
    EXPECT_EQ(Minute(key), kept) << status;
  }
  EXPECT_EQ(Bucket(key).per_minute.used, 5);  // the request stays counted
  Report(Granted(Of(100)), QuotaExceeded({"PerMinute"}));
  EXPECT_EQ(Minute(key), kept + 100);
}

TEST_F(Tokens, MinuteRefusesUntilThereIsRoomForTheRequest) {
  Add("secret-a", "a");
  Granted(Of(600));
  Advance(absl::Seconds(10));
  Granted(Of(300));
  const Refusal refusal = Refused(Of(200));
  EXPECT_EQ(refusal.reason, RefusalReason::kExhausted);
  EXPECT_EQ(refusal.window, QuotaWindow::kInputTokensPerMinute);
  EXPECT_EQ(refusal.limit, 1000);
  EXPECT_EQ(refusal.retry_after, absl::Milliseconds(50'500));
  EXPECT_THAT(refusal.message, HasSubstr("about 200 input tokens"));
  EXPECT_EQ(Refused(Of(800)).retry_after, absl::Milliseconds(60'500));
  Granted(Of(100));  // a small one still fits
  Advance(absl::Milliseconds(50'500));
  Granted(Of(200));
}

TEST_F(Tokens, FullMinuteIsToldInTheStatus) {
  const KeyId key = Add("secret-a", "a");
  Granted(Of(1000));
  EXPECT_EQ(Bucket(key).state, BucketState::kExhausted);
  EXPECT_EQ(Bucket(key).reason, "out of input tokens this minute");
  EXPECT_EQ(Bucket(key).ready_at, wall + absl::Milliseconds(60'500));
}

TEST_F(Tokens, SpentDayLastsUntilMidnightOnADayOf23Hours) {
  AdvanceTo(At(2026, 3, 8, 0, 30));  // clocks go forward at 2:00
  const KeyId key = Add("secret-a", "a");
  for (int i = 0; i < 5; ++i, Advance(absl::Minutes(2))) Granted(Of(1000));
  EXPECT_EQ(Bucket(key).reason, "out of input tokens today");
  const Refusal refusal = Refused(Of(1));
  EXPECT_TRUE(refusal.spent_for_the_day);
  EXPECT_EQ(refusal.window, QuotaWindow::kInputTokensPerDay);
  EXPECT_EQ(refusal.limit, 5000);
  EXPECT_EQ(wall + *refusal.retry_after, At(2026, 3, 9, 0, 0));
  EXPECT_LT(*refusal.retry_after, absl::Hours(23));
  AdvanceTo(At(2026, 3, 9, 0, 0));
  Granted(Of(1000));
}

TEST_F(Tokens, RequestOfTheLastMomentsCountsOnBothDaysWithItsCorrection) {
  const KeyId key = Add("secret-a", "a");
  AdvanceTo(At(2026, 6, 11, 0, 0) - absl::Milliseconds(100));
  const Grant grant = Granted(Of(300));
  Advance(absl::Seconds(1));
  EXPECT_EQ(Day(key), 300);
  Used(grant, 500);
  EXPECT_EQ(Day(key), 500);
  Start();
  EXPECT_GE(Day(key), 500);
  EXPECT_LE(Day(key), 510);  // with a block
}

TEST_F(Tokens, LargerThanEveryWindowIsRefusedForGood) {
  Add("secret-a", "a");
  const Refusal refusal = Refused(Of(1001));
  EXPECT_EQ(refusal.reason, RefusalReason::kTooLarge);
  EXPECT_EQ(refusal.limit, 1000);
  EXPECT_EQ(refusal.window, QuotaWindow::kInputTokensPerMinute);
  EXPECT_FALSE(refusal.retry_after);
  EXPECT_THAT(refusal.message, HasSubstr("may take more than 1000 a minute"));
  Granted(Of(1000));
}

TEST_F(Tokens, ProjectsThatAreTooSmallArePassedBy) {
  config.limits.projects["big"].own.all_models.input_tokens_per_minute = 4000;
  Start();
  for (int i = 0; i < 40; ++i)
    Add("secret-small-" + std::to_string(i), "small-" + std::to_string(i));
  EXPECT_EQ(Refused(Of(3000)).reason, RefusalReason::kTooLarge);
  Add("secret-big", "big");
  for (int i = 0; i < 80; ++i) Granted(Of(1));
  EXPECT_EQ(Granted(Of(3000)).project, ProjectId{"big"});
  EXPECT_EQ(Refused(Of(3000)).reason, RefusalReason::kExhausted);
  EXPECT_EQ(Refused(Of(4001)).reason, RefusalReason::kTooLarge);
}

TEST_F(Tokens, FullProjectsArePassedByHoweverManyRankBetter) {
  config.limits.projects["poor"].own.all_models.requests_per_day = 10;  // ranks last
  config.default_limits.requests_per_minute = 1000;
  Start();
  for (int i = 0; i < 60; ++i) Add("secret-a-" + std::to_string(i), "a-" + std::to_string(i));
  Add("secret-poor", "poor");
  for (int i = 0; i < 60; ++i) EXPECT_NE(Granted(Of(600)).project, ProjectId{"poor"});
  EXPECT_EQ(Granted(Of(600)).project, ProjectId{"poor"});
  EXPECT_EQ(Refused(Of(600)).window, QuotaWindow::kInputTokensPerMinute);
}

TEST_F(Tokens, EstimatesAreCalibratedByWhatTheModelCounts) {
  config.default_limits.input_tokens_per_minute = 1'000'000;
  config.default_limits.input_tokens_per_day = kUnlimited;
  Start();
  const KeyId key = Add("secret-a", "a");
  for (int i = 0; i < 60; ++i) Used(Granted(Of(1000)), 2000);
  const std::int64_t before = Day(key);
  Granted(Of(1000));
  EXPECT_NEAR(static_cast<double>(Day(key) - before), 2000, 40);
  for (int i = 0; i < 5; ++i) Used(Granted(Of(10)), 1);  // too small to tell
  for (int i = 0; i < 60; ++i) {
    Advance(absl::Minutes(2));
    Used(Granted(Of(1000)), 900'000);  // has media
  }
  Advance(absl::Minutes(2));
  Granted(Of(1000));
  EXPECT_LE(Minute(key), 4000);
  EXPECT_GE(Minute(key), 3900);
}

TEST_F(Tokens, UnmeteredCallsChargeNothing) {
  const KeyId key = Add("secret-a", "a");
  AcquireCommand command = Unmetered();
  command.input_tokens = 1'000'000;
  Granted(command);
  EXPECT_TRUE(Key(key).buckets.empty());
}

TEST_F(Tokens, LimitThatGoogleTellsIsLearnedInBothSpellings) {
  config.default_limits = {.requests_per_minute = 100, .requests_per_day = 1000};
  Start();
  const KeyId key = Add("secret-a", "a");
  AnswerFacts facts = QuotaExceeded({"PerMinute"}, absl::Seconds(20));
  facts.violations[0].quota_id = "GenerateContentPaidTierInputTokensPerModelPerMinute-PaidTier2";
  facts.violations[0].quota_value = 3'000'000;
  Report(Granted(Of(10)), facts);
  EXPECT_EQ(Bucket(key).tokens_per_minute.limit, 3'000'000);
  EXPECT_EQ(Bucket(key).tokens_per_minute.source, LimitSource::kLearned);
  EXPECT_EQ(Bucket(key).tokens_per_day.limit, kUnlimited);
  EXPECT_EQ(Bucket(key).state, BucketState::kCooling);
  Advance(absl::Minutes(1));
  facts.violations[0].quota_id = "GenerateContentInputTokensPerModelPerDay-FreeTier";
  facts.violations[0].quota_value = 6'000'000;
  Report(Granted(Of(10)), facts);
  EXPECT_EQ(Bucket(key).tokens_per_day.limit, 6'000'000);
  EXPECT_EQ(Bucket(key).per_day.limit, 1000);
  Start();
  EXPECT_EQ(Bucket(key).tokens_per_minute.limit, 3'000'000);
  EXPECT_EQ(Bucket(key).tokens_per_day.limit, 6'000'000);
}

TEST_F(Tokens, RestartForgetsNoneAndMakesUpABlockAtMost) {
  config.default_limits = {.requests_per_minute = 10'000,
                           .requests_per_day = 10'000,
                           .input_tokens_per_minute = 10'000,
                           .input_tokens_per_day = 5'000};  // a block of 50
  Start();
  const KeyId key = Add("secret-a", "a");
  const int before = committed;
  Granted(Of(30));
  Granted(Of(10));
  EXPECT_EQ(committed, before + 1);
  Start();
  EXPECT_EQ(Day(key), 80);
  Granted(Of(700));
  Start();
  EXPECT_EQ(Day(key), 830);
  const Grant third = Granted(Of(20));
  Used(third, 400);
  Start();
  EXPECT_EQ(Day(key), 830 + 400 + 50);
}

TEST_F(Tokens, CorrectionDownwardsNeedsNoRecord) {
  const KeyId key = Add("secret-a", "a");
  const Grant grant = Granted(Of(500));
  const int before = committed;
  Used(grant, 100);
  EXPECT_EQ(committed, before);
  Start();
  EXPECT_GE(Day(key), 100);
  EXPECT_LE(Day(key), 510);  // with a block
}

TEST_F(Tokens, RecordsOfBeforeTokensLoad) {
  const KeyId key = Add("secret-a", "a");
  Granted(Of(500));
  BucketRecord& record = stored[{"a", "m"}];
  record.day_tokens = record.ahead_tokens = 0;
  record.minute_tokens.clear();
  Start();
  EXPECT_EQ(Bucket(key).per_day.used, 1);
  EXPECT_EQ(Day(key), 0);
  record.ahead_tokens = -1;
  Snapshot snapshot;
  snapshot.epoch = Epoch{9};
  snapshot.pool = stored_pool;
  snapshot.buckets = {record};
  EXPECT_FALSE(Pool::Restore(config, snapshot, now(), &mutations).ok());
}

TEST_F(Tokens, ResetForgetsThemAndLaterCorrectionsOfThem) {
  const KeyId key = Add("secret-a", "a");
  const Grant grant = Granted(Of(500));
  ASSERT_TRUE(pool->Apply(ResetCommand{}, now(), &mutations).ok());
  Commit();
  Used(grant, 900);
  EXPECT_EQ(Day(key), 0);
  EXPECT_EQ(Minute(key), 0);
}

class Together : public Tokens {
 protected:
  Together() {
    LimitSet& together = config.limits.projects["a"].own.together;
    together.requests_per_minute = 3;
    together.input_tokens_per_day = 1500;
    Start();
    key = Add("secret-a", "a");
  }
  KeyId key;
};

TEST_F(Together, RequestsOfAllModelsShareThem) {
  Granted(Of(1, "m"));
  Advance(absl::Seconds(10));
  Granted(Of(1, "n"));
  Granted(Of(1, "o"));
  for (const char* model : {"m", "n", "new"}) {
    const Refusal refusal = Refused(Of(1, model));
    EXPECT_EQ(refusal.retry_after, absl::Milliseconds(50'500)) << model;
    EXPECT_EQ(refusal.window, QuotaWindow::kRequestsPerMinute);
    EXPECT_EQ(refusal.limit, 3);
  }
  EXPECT_EQ(Bucket(key, "m").reason, "its project is out of requests this minute, over all models");
  Advance(absl::Milliseconds(50'500));
  Granted(Of(1, "new"));
  Refused(Of(1, "m"));
}

TEST_F(Together, TokensAreCorrectedTooAndWhatIsGivenBackIsForAll) {
  const Grant grant = Granted(Of(800, "m"));
  Granted(Of(700, "n"));
  EXPECT_EQ(Refused(Of(1, "n")).window, QuotaWindow::kInputTokensPerDay);
  Used(grant, 100);
  Granted(Of(250, "n"));  // of 700; a quarter is the least that calibration makes of 800
  EXPECT_EQ(Refused(Of(1600, "o")).reason, RefusalReason::kTooLarge);
}

TEST_F(Together, ARestartCountsWhatTheBucketsSay) {
  for (const char* model : {"m", "n", "o"}) Granted(Of(1, model));
  Advance(absl::Seconds(5));
  Start();
  // Each was granted out of its block, which a restart charges to the present minute.
  EXPECT_EQ(Refused(Of(1, "m")).retry_after, absl::Milliseconds(60'500));
  EXPECT_EQ(Refused(Of(1, "new")).limit, 3);
}

TEST_F(Together, ResetEmptiesThem) {
  for (const char* model : {"m", "n", "o"}) Granted(Of(1, model));
  ASSERT_TRUE(pool->Apply(ResetCommand{.key = key}, now(), &mutations).ok());
  Commit();
  for (const char* model : {"m", "n", "o"}) Granted(Of(1, model));
  Refused(Of(1, "m"));
}

}  // namespace
}  // namespace keypool::policy
