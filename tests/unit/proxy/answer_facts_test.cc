#include "proxy/answer_facts.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/proxy/gzip.h"

namespace keypool::proxy {
namespace {

AnswerFacts Describe(int status, std::string_view body, std::string_view encoding = {}) {
  ResponseHead head;
  head.status = status;
  head.content_encoding = encoding;
  return DescribeAnswer(head, body);
}

constexpr std::string_view kPerDay = R"({
  "error": {
    "code": 429,
    "message": "You exceeded your current quota.\n* Quota exceeded for metric: x, limit: 20",
    "status": "RESOURCE_EXHAUSTED",
    "details": [
      {"@type": "type.googleapis.com/google.rpc.Help",
       "links": [{"description": "Learn \"more\"", "url": "https://ai.google.dev/"}]},
      {"@type": "type.googleapis.com/google.rpc.QuotaFailure",
       "violations": [
         {"quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
          "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
          "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash-lite"},
          "quotaValue": "20"},
         {"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "quotaValue": 5}]},
      {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "51s"}
    ]
  }
}
)";

void ExpectPerDay(const AnswerFacts& facts) {
  EXPECT_EQ(facts.http_status, 429);
  EXPECT_EQ(facts.status, "RESOURCE_EXHAUSTED");
  EXPECT_EQ(facts.reason, "");
  ASSERT_EQ(facts.violations.size(), 2u);
  EXPECT_EQ(facts.violations[0].quota_id, "GenerateRequestsPerDayPerProjectPerModel-FreeTier");
  EXPECT_EQ(facts.violations[0].quota_metric,
            "generativelanguage.googleapis.com/generate_content_free_tier_requests");
  EXPECT_EQ(facts.violations[0].model, "gemini-2.5-flash-lite");
  EXPECT_EQ(facts.violations[0].quota_value, 20);
  EXPECT_EQ(facts.violations[1].quota_id, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier");
  EXPECT_EQ(facts.violations[1].quota_value, 5);
  EXPECT_EQ(facts.retry_delay, absl::Seconds(51));
}

TEST(AnswerFacts, QuotaErrorThenEveryFactIsThere) { ExpectPerDay(Describe(429, kPerDay)); }

TEST(AnswerFacts, WrappedInAnArrayThenTheFactsAreTheSame) {
  ExpectPerDay(Describe(429, "[" + std::string(kPerDay) + "]\n"));
  ExpectPerDay(Describe(429, "[{\"candidates\":[]},\r\n" + std::string(kPerDay) + "]"));
}

TEST(AnswerFacts, GzippedThenTheFactsAreTheSame) {
  ExpectPerDay(Describe(429, Gzip(kPerDay), "gzip"));
  ExpectPerDay(Describe(429, Gzip(kPerDay), "GZIP"));
}

TEST(AnswerFacts, GzipThatIsNoneBrokenOrHugeThenThereAreFewerFactsOnly) {
  EXPECT_EQ(Describe(429, kPerDay, "gzip").status, "");
  EXPECT_EQ(Describe(429, Gzip(kPerDay), "br").status, "");
  EXPECT_EQ(Describe(429, Gzip(kPerDay), "").status, "");
  const std::string packed = Gzip(kPerDay);
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_EQ(Describe(429, packed.substr(0, size), "gzip").http_status, 429);
  }
  const std::string bomb =
      Gzip("{\"error\":{\"status\":\"X\",\"message\":\"" + std::string(20'000'000, 'a') + "\"}}");
  EXPECT_EQ(Describe(429, bomb, "gzip").status, "X");
}

TEST(AnswerFacts, MembersInAnyOrderThenTheTypeStillDecides) {
  const AnswerFacts facts = Describe(400, R"({"error":{"details":[
      {"reason":"API_KEY_INVALID","metadata":{"service":"x","reason":"no"},
       "@type":"type.googleapis.com/google.rpc.ErrorInfo"},
      {"reason":"SECOND","@type":"type.googleapis.com/google.rpc.ErrorInfo"},
      {"retryDelay":"35.174346048s","@type":"type.googleapis.com/google.rpc.RetryInfo"},
      {"violations":[{"type":"TOS","subject":"x"}],
       "@type":"type.googleapis.com/google.rpc.PreconditionFailure"}],
      "status":"INVALID_ARGUMENT","message":"m","code":400}})");
  EXPECT_EQ(facts.http_status, 400);
  EXPECT_EQ(facts.status, "INVALID_ARGUMENT");
  EXPECT_EQ(facts.reason, "API_KEY_INVALID");
  EXPECT_TRUE(facts.violations.empty());
  EXPECT_EQ(facts.retry_delay, absl::Milliseconds(35174));
}

TEST(AnswerFacts, NoErrorInTheBodyThenOnlyTheStatusIsTold) {
  const std::string deep = "{\"error\":" + std::string(30000, '[');
  for (const std::string_view body :
       {std::string_view(""), std::string_view("  "), std::string_view("<html>We're sorry</html>"),
        std::string_view("Bad Gateway"), std::string_view("{"), std::string_view("["),
        std::string_view("[]"), std::string_view("{}"), std::string_view("null"),
        std::string_view("{\"error\":\"text\"}"), std::string_view("{\"error\":[{}]}"),
        std::string_view("{\"error\":{\"details\":{}}}"), std::string_view("{\"error\" 5}"),
        std::string_view("{,}"), std::string_view("{\"a\":}"), std::string_view(deep)}) {
    const AnswerFacts facts = Describe(503, body);
    EXPECT_EQ(facts.http_status, 503);
    EXPECT_EQ(facts.status, "") << body.substr(0, 50);
    EXPECT_EQ(facts.reason, "");
    EXPECT_TRUE(facts.violations.empty());
    EXPECT_FALSE(facts.retry_delay.has_value());
    EXPECT_EQ(facts.message, body.starts_with('<') ? MessageClass::kHtmlPage : MessageClass::kNone);
  }
}

TEST(AnswerFacts, CutAnywhereThenWhatWasCompleteIsUsedAndNothingIsInvented) {
  const AnswerFacts whole = Describe(429, kPerDay);
  for (std::size_t size = 0; size < kPerDay.size(); ++size) {
    const AnswerFacts cut = Describe(429, kPerDay.substr(0, size));
    EXPECT_TRUE(cut.status.empty() || cut.status == whole.status) << size;
    ASSERT_LE(cut.violations.size(), 2u) << size;
    for (std::size_t i = 0; i < cut.violations.size(); ++i) {
      const QuotaViolation& seen = cut.violations[i];
      const QuotaViolation& full = whole.violations[i];
      EXPECT_TRUE(seen.quota_id.empty() || seen.quota_id == full.quota_id) << size;
      EXPECT_TRUE(seen.model.empty() || seen.model == full.model) << size;
      EXPECT_TRUE(!seen.quota_value || seen.quota_value == full.quota_value) << size;
    }
    EXPECT_TRUE(!cut.retry_delay || cut.retry_delay == whole.retry_delay) << size;
  }
  const std::size_t behind_first = kPerDay.find("{\"quotaId\"");
  const AnswerFacts cut = Describe(429, kPerDay.substr(0, behind_first));
  ASSERT_EQ(cut.violations.size(), 1u);
  EXPECT_EQ(cut.violations[0].quota_value, 20);
}

TEST(AnswerFacts, MoreThanTheProtocolCarriesThenItIsCut) {
  const std::string text(1000, 'x');
  std::string violations;
  for (int i = 0; i < 40; ++i) {
    violations += (i == 0 ? "" : ",");
    violations += "{\"quotaId\":\"" + text + "\",\"quotaMetric\":\"" + text +
                  "\",\"quotaDimensions\":{\"model\":\"" + text + "\"}}";
  }
  const AnswerFacts facts =
      Describe(429, "{\"error\":{\"status\":\"" + text +
                        "\",\"details\":[{\"@type\":\"google.rpc.ErrorInfo\"," + "\"reason\":\"" +
                        text + "\"},{\"@type\":\"google.rpc.QuotaFailure\",\"violations\":[" +
                        violations.substr(0, 50000) + "]}]}}");
  EXPECT_EQ(facts.status.size(), 64u);
  EXPECT_EQ(facts.reason.size(), 128u);
  ASSERT_EQ(facts.violations.size(), 16u);
  EXPECT_EQ(facts.violations[0].quota_id.size(), 256u);
  EXPECT_EQ(facts.violations[0].quota_metric.size(), 256u);
  EXPECT_EQ(facts.violations[0].model.size(), 256u);
}

TEST(AnswerFacts, BytesThatAreNotVisibleAsciiThenTheyBecomeQuestionMarks) {
  EXPECT_EQ(Describe(400, "{\"error\":{\"status\":\"A\xff\\u0000\\u00e9\\nB\x01\"}}").status,
            "A????B?");
}

TEST(AnswerFacts, DelaysAndValuesOfEveryFormThenOnlySoundOnesCount) {
  const struct {
    std::string_view delay;
    std::optional<absl::Duration> expected;
  } kDelays[] = {
      {"\"0s\"", absl::ZeroDuration()},
      {"\"15401s\"", absl::Seconds(15401)},
      {"\"0.5s\"", absl::Milliseconds(500)},
      {"\"1.0006s\"", absl::Milliseconds(1001)},
      {"\"-5s\"", std::nullopt},
      {"\"5\"", std::nullopt},
      {"\"s\"", std::nullopt},
      {"\"\"", std::nullopt},
      {"\".5s\"", std::nullopt},
      {"\"1.2.3s\"", std::nullopt},
      {"\"1e3s\"", std::nullopt},
      {"\"infs\"", std::nullopt},
      {"\"nans\"", std::nullopt},
      {"\"99999999999999999999s\"", std::nullopt},
      {"51", std::nullopt},
      {"{}", std::nullopt},
  };
  for (const auto& c : kDelays) {
    const std::string body =
        "{\"error\":{\"details\":[{\"@type\":\"google.rpc.RetryInfo\","
        "\"retryDelay\":" +
        std::string(c.delay) + "}]}}";
    EXPECT_EQ(Describe(429, body).retry_delay, c.expected) << c.delay;
  }
  const struct {
    std::string_view value;
    std::optional<std::int64_t> expected;
  } kValues[] = {
      {"\"0\"", 0},
      {"0", 0},
      {"\"350000\"", 350000},
      {"12", 12},
      {"\"-1\"", std::nullopt},
      {"-1", std::nullopt},
      {"1.5", std::nullopt},
      {"\"\"", std::nullopt},
      {"null", std::nullopt},
      {"\"9999999999999999999\"", std::nullopt},
      {"[1]", std::nullopt},
  };
  for (const auto& c : kValues) {
    const std::string body =
        "{\"error\":{\"details\":[{\"@type\":\"google.rpc.QuotaFailure\","
        "\"violations\":[{\"quotaId\":\"x\",\"quotaValue\":" +
        std::string(c.value) + "}]}]}}";
    const AnswerFacts facts = Describe(429, body);
    ASSERT_EQ(facts.violations.size(), 1u) << c.value;
    EXPECT_EQ(facts.violations[0].quota_value, c.expected) << c.value;
  }
}

TEST(AnswerFacts, CodeInWordsThenItStandsForAMissingStatusOnly) {
  EXPECT_EQ(Describe(404, R"({"error":{"code":"not_found","message":"m"}})").status, "not_found");
  EXPECT_EQ(Describe(400, R"({"error":{"code":"no","status":"NOT_FOUND"}})").status, "NOT_FOUND");
  EXPECT_EQ(Describe(400, R"({"error":{"code":400,"message":"m"}})").status, "");
  EXPECT_EQ(Describe(400, "{\"error\":{\"code\":\"" + std::string(999, 'x') + "\"}}").status,
            std::string(64, 'x'));
}

TEST(AnswerFacts, QuotaNamedByErrorInfoThenItIsAViolationUnlessQuotaFailureNamesOne) {
  const std::string start = R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[
      {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED",
       "domain":"googleapis.com","metadata":{"service":"generativelanguage.googleapis.com",
       "quota_metric":"generativelanguage.googleapis.com/generate_content_requests",
       "quota_location":"us-east1","consumer":"projects/7","quota_limit_value":"60",
       "quota_limit":"GenerateContentRequestsPerMinutePerProjectPerRegion"}})";
  const AnswerFacts old = Describe(429, start + "]}}");
  EXPECT_EQ(old.reason, "RATE_LIMIT_EXCEEDED");
  ASSERT_EQ(old.violations.size(), 1u);
  EXPECT_EQ(old.violations[0].quota_id, "GenerateContentRequestsPerMinutePerProjectPerRegion");
  EXPECT_EQ(old.violations[0].quota_metric,
            "generativelanguage.googleapis.com/generate_content_requests");
  EXPECT_EQ(old.violations[0].quota_value, 60);
  const AnswerFacts both = Describe(
      429, start + R"(,{"@type":"google.rpc.QuotaFailure","violations":[{"quotaId":"q"}]}]}})");
  ASSERT_EQ(both.violations.size(), 1u);
  EXPECT_EQ(both.violations[0].quota_id, "q");
  std::string other = start + "]}}";
  other.replace(other.find("RATE_LIMIT_EXCEEDED"), 19, "SERVICE_DISABLED");
  EXPECT_TRUE(Describe(403, other).violations.empty());
}

TEST(AnswerFacts, DelayInTheMessageThenItCountsUnlessRetryInfoTellsOne) {
  const std::string start =
      R"({"error":{"message":"Quota.\nPlease retry in 51.606482386s.","details":[)";
  EXPECT_EQ(Describe(429, start + "]}}").retry_delay, absl::Milliseconds(51606));
  EXPECT_EQ(
      Describe(429, start + R"({"retryDelay":"7s","@type":"google.rpc.RetryInfo"}]}})").retry_delay,
      absl::Seconds(7));
}

TEST(AnswerFacts, LimitOfZeroThatOnlyTheMessageTellsThenTheViolationHasIt) {
  const AnswerFacts facts = Describe(429, R"({"error":{"message":"You exceeded your current quota.
\n* Quota exceeded for metric: g/requests, limit: 20, model: m\n* Quota exceeded for metric: g/tokens,
 limit: 9, model: m\n* Quota exceeded for metric: g/requests, limit: 0, model: m\nPlease retry in 5s.",
"details":[{"@type":"google.rpc.QuotaFailure","violations":[
{"quotaMetric":"g/requests","quotaId":"PerMinute","quotaValue":"20"},
{"quotaMetric":"g/requests","quotaId":"PerDay"},{"quotaMetric":"g/other","quotaId":"x"}]}]}})");
  ASSERT_EQ(facts.violations.size(), 3u);
  EXPECT_EQ(facts.violations[0].quota_value, 20);
  EXPECT_EQ(facts.violations[1].quota_value, 0);
  EXPECT_EQ(facts.violations[2].quota_value, std::nullopt);
}

}  // namespace
}  // namespace keypool::proxy
