#include "keyd/policy/blame.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace keypool::policy {
namespace {

AnswerFacts Answer(int http_status, std::vector<std::string> quota_ids = {},
                   std::optional<absl::Duration> delay = std::nullopt) {
  AnswerFacts facts;
  facts.http_status = http_status;
  for (std::string& id : quota_ids) {
    QuotaViolation violation;
    violation.quota_id = std::move(id);
    facts.violations.push_back(std::move(violation));
  }
  facts.retry_delay = delay;
  return facts;
}

const char kDay[] = "GenerateRequestsPerDayPerProjectPerModel-FreeTier";
const char kMinute[] = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier";
const char kUnknown[] = "GenerateSomethingPerFortnight";

struct Expected {
  std::string_view row;
  Blame blame;
  Effect effect;
  bool retryable;
  absl::Duration cool_for;
};

void ExpectVerdict(const AnswerFacts& facts, const Expected& expected) {
  SCOPED_TRACE(testing::Message() << "status " << facts.http_status);
  const Verdict verdict = Judge(facts);
  EXPECT_EQ(verdict.row, expected.row);
  EXPECT_EQ(verdict.blame, expected.blame);
  EXPECT_EQ(verdict.effect, expected.effect);
  EXPECT_EQ(verdict.retryable, expected.retryable);
  EXPECT_EQ(verdict.cool_for, expected.cool_for);
}

TEST(Blame, RowSuccessBlamesNobody) {
  for (const int status : {200, 204, 299}) {
    ExpectVerdict(Answer(status),
                  {"success", Blame::kNobody, Effect::kWorks, false, absl::ZeroDuration()});
  }
}

TEST(Blame, RowDaySpendsTheBucketWhateverRetryDelayClaims) {
  const Expected expected = {"429_day", Blame::kBucket, Effect::kSpentToday, true,
                             absl::ZeroDuration()};
  ExpectVerdict(Answer(429, {kDay}), expected);
  ExpectVerdict(Answer(429, {kDay}, absl::Seconds(51)), expected);
}

TEST(Blame, RowDayWinsOverMinute) {
  EXPECT_EQ(Judge(Answer(429, {kMinute, kDay})).row, "429_day");
  EXPECT_EQ(Judge(Answer(429, {kDay, kMinute})).row, "429_day");
}

TEST(Blame, RowMinuteCoolsForTheDelayAndASecond) {
  ExpectVerdict(Answer(429, {kMinute}, absl::Seconds(51)),
                {"429_minute", Blame::kBucket, Effect::kCoolMinute, true, absl::Seconds(52)});
}

TEST(Blame, RowMinuteWithoutADelayCoolsForAMinute) {
  ExpectVerdict(Answer(429, {kMinute}),
                {"429_minute", Blame::kBucket, Effect::kCoolMinute, true, absl::Seconds(60)});
}

TEST(Blame, RowMinuteBelievesNoAbsurdDelay) {
  EXPECT_EQ(Judge(Answer(429, {kMinute}, absl::Hours(1000))).cool_for, kDelayMax + kDelayMargin);
  EXPECT_EQ(Judge(Answer(429, {kMinute}, absl::Seconds(-5))).cool_for, kDelayMargin);
  EXPECT_EQ(Judge(Answer(429, {kMinute}, absl::InfiniteDuration())).cool_for,
            kDelayMax + kDelayMargin);
}

TEST(Blame, RowBareCoolsShortlyAndGrows) {
  const Expected expected = {"429_bare", Blame::kBucket, Effect::kCoolGrowing, true,
                             absl::Seconds(2)};
  ExpectVerdict(Answer(429), expected);
  ExpectVerdict(Answer(429, {kUnknown}), expected);
}

TEST(Blame, RowBareHonoursALongerDelayWithinBounds) {
  EXPECT_EQ(Judge(Answer(429, {}, absl::Seconds(30))).cool_for, absl::Seconds(31));
  EXPECT_EQ(Judge(Answer(429, {}, absl::Hours(2))).cool_for, kGrowingMax);
}

TEST(Blame, RowOtherChangesNothingAndIsNotRetried) {
  for (const int status : {0, 100, 304, 400, 401, 403, 404, 500, 503, 504, 599}) {
    ExpectVerdict(Answer(status, {kDay}),
                  {"other", Blame::kRequest, Effect::kNothing, false, absl::ZeroDuration()});
  }
}

TEST(Blame, UnsentRequestBlamesNobodyAndMayBeTriedAgain) {
  const Verdict verdict = JudgeUnsent();
  EXPECT_EQ(verdict.blame, Blame::kUnsent);
  EXPECT_EQ(verdict.effect, Effect::kNothing);
  EXPECT_TRUE(verdict.retryable);
}

TEST(Blame, WhateverCoolsHasAReason) {
  EXPECT_NE(Judge(Answer(429)).reason, "");
  EXPECT_NE(Judge(Answer(429, {kMinute})).reason, "");
  EXPECT_NE(Judge(Answer(429, {kDay})).reason, "");
}

}  // namespace
}  // namespace keypool::policy
