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

TEST(Blame, RowsOfTokensSayThatItIsTokens) {
  const char day[] = "GenerateContentInputTokensPerModelPerDay-FreeTier";
  const char minute[] = "GenerateContentPaidTierInputTokensPerModelPerMinute";
  ExpectVerdict(Answer(429, {day, minute}), {"429_day_tokens", Blame::kBucket, Effect::kSpentToday,
                                             true, absl::ZeroDuration()});
  ExpectVerdict(Answer(429, {minute}, absl::Seconds(7)),
                {"429_minute_tokens", Blame::kBucket, Effect::kCoolMinute, true, absl::Seconds(8)});
  // Requests are spent too.
  ExpectVerdict(Answer(429, {day, kDay}),
                {"429_day", Blame::kBucket, Effect::kSpentToday, true, absl::ZeroDuration()});
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
  for (const int status : {0, 100, 304, 400, 403, 404, 499, 504, 599}) {
    ExpectVerdict(Answer(status, {kDay}),
                  {"other", Blame::kRequest, Effect::kNothing, false, absl::ZeroDuration()});
  }
}

AnswerFacts Says(int http_status, MessageClass message, std::string reason = "") {
  AnswerFacts facts = Answer(http_status);
  facts.message = message;
  facts.reason = std::move(reason);
  return facts;
}

// A row of gemini-wire.md §6.2 or §6.3 each.
struct Case {
  const char* name;
  AnswerFacts facts;
  Expected expected;
};
class BlameRow : public testing::TestWithParam<Case> {};

TEST_P(BlameRow, IsJudged) { ExpectVerdict(GetParam().facts, GetParam().expected); }

AnswerFacts NoAccess() {
  AnswerFacts facts = Answer(429, {kDay}, absl::Seconds(40));
  facts.violations[0].quota_value = 0;
  return facts;
}

AnswerFacts Refused401AsBearer() {
  AnswerFacts facts = Answer(401);
  facts.key_as_bearer = true;
  return facts;
}

INSTANTIATE_TEST_SUITE_P(
    Wire, BlameRow,
    testing::Values(
        Case{"HtmlBan",
             Says(429, MessageClass::kAutomatedQueries),
             {"throttled", Blame::kSource, Effect::kThrottled, false, absl::ZeroDuration()}},
        Case{"HtmlBanWithAnotherStatus",
             Says(403, MessageClass::kAutomatedQueries),
             {"throttled", Blame::kSource, Effect::kThrottled, false, absl::ZeroDuration()}},
        Case{"AnyHtml429",
             Says(429, MessageClass::kHtmlPage),
             {"throttled", Blame::kSource, Effect::kThrottled, false, absl::ZeroDuration()}},
        Case{"HtmlOfAnUnknownPathIsTheRequests",
             Says(404, MessageClass::kHtmlPage),
             {"other", Blame::kRequest, Effect::kNothing, false, absl::ZeroDuration()}},
        Case{"Prepayment",
             Says(429, MessageClass::kPrepaymentDepleted),
             {"prepayment", Blame::kProject, Effect::kRestProject, true, absl::Minutes(10)}},
        Case{"SpendingCap",
             Says(429, MessageClass::kSpendingCap),
             {"spending_cap", Blame::kProject, Effect::kRestProject, true, absl::Minutes(10)}},
        Case{"CacheStorage",
             Says(429, MessageClass::kCacheStorage),
             {"cache_storage", Blame::kProject, Effect::kNothing, true, absl::ZeroDuration()}},
        Case{"LimitZeroIsNoAccess",
             NoAccess(),
             {"429_no_access", Blame::kBucket, Effect::kSpentToday, true, absl::ZeroDuration()}},
        Case{"KeyInvalidByReason",
             Says(400, MessageClass::kNone, "API_KEY_INVALID"),
             {"key_invalid", Blame::kKey, Effect::kRestKey, true, absl::Hours(1)}},
        Case{"KeyInvalidByText",
             Says(400, MessageClass::kKeyNotValid),
             {"key_invalid", Blame::kKey, Effect::kRestKey, true, absl::Hours(1)}},
        Case{"KeyExpired",
             Says(400, MessageClass::kKeyExpired, "API_KEY_INVALID"),
             {"key_expired", Blame::kKey, Effect::kRestKey, true, absl::Hours(1)}},
        Case{"SeveralCredentials",
             Says(400, MessageClass::kSeveralCredentials),
             {"credentials", Blame::kProxy, Effect::kNothing, false, absl::ZeroDuration()}},
        Case{"NoCredentials",
             Says(403, MessageClass::kNoCredentials),
             {"credentials", Blame::kProxy, Effect::kNothing, false, absl::ZeroDuration()}},
        Case{"Location",
             Says(400, MessageClass::kLocation),
             {"location", Blame::kSource, Effect::kNothing, true, absl::ZeroDuration()}},
        Case{"WrongKindOfCredential",
             Says(401, MessageClass::kNone, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
             {"401", Blame::kKey, Effect::kRestKey, true, absl::Hours(1)}},
        Case{"KeyThatIsNoBearerToken",
             Refused401AsBearer(),
             {"401_bearer", Blame::kKey, Effect::kNothing, true, absl::ZeroDuration()}},
        Case{"Leaked",
             Says(403, MessageClass::kKeyLeaked),
             {"key_leaked", Blame::kKey, Effect::kRestKey, true, absl::Hours(1)}},
        Case{"Suspended",
             Says(403, MessageClass::kConsumerSuspended, "CONSUMER_SUSPENDED"),
             {"suspended", Blame::kProject, Effect::kRestProject, true, absl::Hours(1)}},
        Case{"ServiceBlocked",
             Says(403, MessageClass::kMethodBlocked, "API_KEY_SERVICE_BLOCKED"),
             {"key_restricted", Blame::kKey, Effect::kRestKey, true, absl::Hours(1)}},
        Case{"ReferrerBlocked",
             Says(403, MessageClass::kNone, "API_KEY_HTTP_REFERRER_BLOCKED"),
             {"key_restricted", Blame::kKey, Effect::kRestKey, true, absl::Hours(1)}},
        Case{"ServiceDisabled",
             Says(403, MessageClass::kServiceDisabled, "SERVICE_DISABLED"),
             {"service_disabled", Blame::kProject, Effect::kRestProject, true, absl::Hours(1)}},
        Case{"ProjectDenied",
             Says(403, MessageClass::kProjectDenied),
             {"project_denied", Blame::kProject, Effect::kRestProject, true, absl::Hours(1)}},
        Case{"Ambiguous403",
             Says(403, MessageClass::kNone),
             {"other", Blame::kRequest, Effect::kNothing, false, absl::ZeroDuration()}},
        Case{"ModelNotFound",
             Says(404, MessageClass::kModelNotFound),
             {"other", Blame::kRequest, Effect::kNothing, false, absl::ZeroDuration()}},
        Case{
            "NotForNewUsers",
            Says(404, MessageClass::kModelNotForNewUsers),
            {"not_for_new_users", Blame::kBucket, Effect::kSpentToday, true, absl::ZeroDuration()}},
        Case{"Internal",
             Answer(500),
             {"500", Blame::kUpstream, Effect::kNothing, false, absl::ZeroDuration()}},
        Case{"Overloaded",
             Answer(503),
             {"503", Blame::kModel, Effect::kOverloaded, true, absl::ZeroDuration()}},
        Case{"Deadline",
             Answer(504),
             {"other", Blame::kRequest, Effect::kNothing, false, absl::ZeroDuration()}}),
    [](const testing::TestParamInfo<Case>& info) { return std::string(info.param.name); });

AnswerFacts Closed(int code, MessageClass message = MessageClass::kNone) {
  AnswerFacts facts = Answer(101);
  facts.websocket_close_code = code;
  facts.message = message;
  return facts;
}

TEST(Blame, RowsOfALiveSessionThatEnds) {
  const absl::Duration none = absl::ZeroDuration();
  for (const int code : {1000, 1001}) {
    ExpectVerdict(Closed(code), {"live_ended", Blame::kNobody, Effect::kWorks, false, none});
  }
  for (const int code : {1008, 1011, 4003}) {
    ExpectVerdict(Closed(code, MessageClass::kQuotaExceeded),
                  {"live_quota", Blame::kBucket, Effect::kCoolGrowing, false, kGrowingFirst});
  }
  ExpectVerdict(Closed(1011), {"live_internal", Blame::kUpstream, Effect::kNothing, false, none});
  ExpectVerdict(Closed(1007, MessageClass::kKeyNotValid),
                {"key_invalid", Blame::kKey, Effect::kRestKey, true, kKeyRestFirst});
  ExpectVerdict(Closed(1008, MessageClass::kNoCredentials),
                {"credentials", Blame::kProxy, Effect::kNothing, false, none});
  for (const int code : {1007, 1008}) {
    ExpectVerdict(Closed(code), {"other", Blame::kRequest, Effect::kNothing, false, none});
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
