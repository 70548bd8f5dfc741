#include "proxy/error_body.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/answer_facts.h"

namespace keypool::proxy {
namespace {

constexpr ErrorShape kAllShapes[] = {ErrorShape::kNative, ErrorShape::kSse, ErrorShape::kJsonArray,
                                     ErrorShape::kOpenAi, ErrorShape::kInteractions};

ErrorAnswer Exhausted(bool per_day) {
  ErrorAnswer answer;
  answer.http_status = 429;
  answer.message = "Every project of the pool is out of requests.";
  answer.retry_after = absl::Milliseconds(12500);
  answer.quota = {.per_day = per_day, .model = "gemini-2.5-flash", .limit = 250};
  return answer;
}

TEST(ErrorBody, ExhaustedPoolThenItIsPrintedAsGoogleDoes) {
  const ErrorText text = BuildError(Exhausted(true), ErrorShape::kNative);
  EXPECT_EQ(text.reason, "Too Many Requests");
  EXPECT_EQ(text.content_type, "application/json; charset=UTF-8");
  EXPECT_EQ(text.retry_after, "13");
  EXPECT_EQ(text.body, R"({
  "error": {
    "code": 429,
    "message": "Every project of the pool is out of requests.\nPlease retry in 12.5s.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [
      {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
          {
            "quotaMetric": "generativelanguage.googleapis.com/generate_requests_per_model_per_day",
            "quotaId": "GenerateRequestsPerDayPerProjectPerModel",
            "quotaDimensions": {
              "model": "gemini-2.5-flash"
            },
            "quotaValue": "250"
          }
        ]
      },
      {
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": "12.500s"
      }
    ]
  }
}
)");
}

TEST(ErrorBody, EachShapeThenTypeAndWrappingAreItsOwn) {
  ErrorAnswer answer;
  answer.http_status = 503;
  answer.message = "keyd cannot be reached.";
  const std::string object = R"({
  "error": {
    "code": 503,
    "message": "keyd cannot be reached.",
    "status": "UNAVAILABLE"
  }
})";
  const ErrorText native = BuildError(answer, ErrorShape::kNative);
  EXPECT_EQ(native.body, object + "\n");
  EXPECT_EQ(native.content_type, "application/json; charset=UTF-8");
  EXPECT_EQ(native.retry_after, "");
  const ErrorText sse = BuildError(answer, ErrorShape::kSse);
  EXPECT_EQ(sse.body, object + "\n");
  EXPECT_EQ(sse.content_type, "text/event-stream");
  for (const ErrorShape shape : {ErrorShape::kJsonArray, ErrorShape::kOpenAi}) {
    const ErrorText array = BuildError(answer, shape);
    EXPECT_EQ(array.body, "[" + object + "\n]\n");
    EXPECT_EQ(array.content_type, "application/json; charset=UTF-8");
  }
}

TEST(ErrorBody, InteractionsThenTheCodeIsAWord) {
  ErrorAnswer answer;
  answer.http_status = 429;
  answer.message = "spent";
  answer.retry_after = absl::Seconds(5);
  const ErrorText text = BuildError(answer, ErrorShape::kInteractions);
  EXPECT_NE(text.body.find("\"code\": \"resource_exhausted\""), std::string::npos) << text.body;
  EXPECT_EQ(text.content_type, "application/json; charset=UTF-8");
  EXPECT_EQ(text.retry_after, "5");
  answer.http_status = 400;
  EXPECT_NE(BuildError(answer, ErrorShape::kInteractions).body.find("\"invalid_request\""),
            std::string::npos);
}

TEST(ErrorBody, WindowOfTokensIsNamedAsGoogleDoes) {
  for (const bool per_day : {true, false}) {
    ErrorAnswer answer = Exhausted(per_day);
    answer.quota->input_tokens = true;
    const std::string body = BuildError(answer, ErrorShape::kNative).body;
    EXPECT_NE(body.find(per_day ? "\"GenerateContentInputTokensPerModelPerDay\""
                                : "\"GenerateContentInputTokensPerModelPerMinute\""),
              std::string::npos);
    EXPECT_EQ(body.find("GenerateRequests"), std::string::npos);
  }
}

TEST(ErrorBody, ReadByAProxyOfOursThenEveryFactComesBack) {
  for (const ErrorShape shape : kAllShapes) {
    for (const bool per_day : {true, false}) {
      const ErrorText text = BuildError(Exhausted(per_day), shape);
      ResponseHead head;
      head.status = 429;
      const AnswerFacts facts = DescribeAnswer(head, text.body);
      EXPECT_EQ(facts.status, "RESOURCE_EXHAUSTED");
      ASSERT_EQ(facts.violations.size(), 1u);
      EXPECT_NE(facts.violations[0].quota_id.find(per_day ? "PerDay" : "PerMinute"),
                std::string::npos);
      EXPECT_EQ(facts.violations[0].quota_id.find(per_day ? "PerMinute" : "PerDay"),
                std::string::npos);
      EXPECT_EQ(facts.violations[0].model, "gemini-2.5-flash");
      EXPECT_EQ(facts.violations[0].quota_value, 250);
      EXPECT_EQ(facts.retry_delay, absl::Milliseconds(12500));
    }
  }
}

TEST(ErrorBody, DelaysThenHeaderDetailAndSentenceAgree) {
  const struct {
    absl::Duration delay;
    std::string_view header, detail, sentence;
  } kCases[] = {
      {absl::Seconds(51), "51", "\"51s\"", "retry in 51s."},
      {absl::Milliseconds(1), "1", "\"0.001s\"", "retry in 0.001s."},
      {absl::ZeroDuration(), "1", "\"0s\"", "retry in 0s."},
      {-absl::Seconds(3), "1", "\"0s\"", "retry in 0s."},
      {absl::Microseconds(1500001), "2", "\"1.501s\"", "retry in 1.501s."},
      {absl::Hours(13), "46800", "\"46800s\"", "retry in 46800s."},
  };
  for (const auto& c : kCases) {
    ErrorAnswer answer = Exhausted(true);
    answer.retry_after = c.delay;
    const ErrorText text = BuildError(answer, ErrorShape::kNative);
    EXPECT_EQ(text.retry_after, c.header);
    EXPECT_NE(text.body.find("\"retryDelay\": " + std::string(c.detail)), std::string::npos)
        << text.body;
    EXPECT_NE(text.body.find(c.sentence), std::string::npos) << text.body;
  }
}

TEST(ErrorBody, NoMomentIsKnownThenNoneIsPromised) {
  ErrorAnswer answer = Exhausted(false);
  for (const auto& delay :
       {std::optional<absl::Duration>(), std::optional(absl::InfiniteDuration())}) {
    answer.retry_after = delay;
    answer.quota->limit = 0;
    answer.quota->model.clear();
    const ErrorText text = BuildError(answer, ErrorShape::kNative);
    EXPECT_EQ(text.retry_after, "");
    EXPECT_EQ(text.body.find("RetryInfo"), std::string::npos);
    EXPECT_EQ(text.body.find("retry in"), std::string::npos);
    EXPECT_EQ(text.body.find("quotaValue"), std::string::npos);
    EXPECT_EQ(text.body.find("quotaDimensions"), std::string::npos);
    EXPECT_NE(text.body.find("PerMinute"), std::string::npos);
  }
}

TEST(ErrorBody, TheSentenceIsThereAlreadyThenItIsNotRepeated) {
  ErrorAnswer answer = Exhausted(true);
  answer.message = "Spent. Please retry in 12s.";
  const std::string body = BuildError(answer, ErrorShape::kNative).body;
  EXPECT_EQ(body.find("retry in"), body.rfind("retry in"));
}

TEST(ErrorBody, UnavailableWithDelayThenTheMessageStaysAsItIs) {
  ErrorAnswer answer;
  answer.http_status = 503;
  answer.message = "m";
  answer.retry_after = absl::Seconds(1);
  const ErrorText text = BuildError(answer, ErrorShape::kNative);
  EXPECT_EQ(text.retry_after, "1");
  EXPECT_NE(text.body.find("\"message\": \"m\""), std::string::npos);
  EXPECT_NE(text.body.find("RetryInfo"), std::string::npos);
}

TEST(ErrorBody, TextOfAnyBytesThenTheJsonStaysWhole) {
  ErrorAnswer answer;
  answer.http_status = 400;
  answer.message =
      std::string("q\" b\\ n\n t\t z\0 <&> \xc3\xa9 \xff \xc3 \xed\xa0\x80 \xf0\x9f\x98\x80", 34);
  const std::string body = BuildError(answer, ErrorShape::kNative).body;
  EXPECT_NE(
      body.find(
          "\"q\\\" b\\\\ n\\n t\\u0009 z\\u0000 \\u003c\\u0026\\u003e \xc3\xa9 \\ufffd \\ufffd "
          "\\ufffd\\ufffd\\ufffd \xf0\x9f\x98\x80\""),
      std::string::npos)
      << body;
}

TEST(ErrorBody, StatusIsNotGivenThenTheOneOfTheCodeIsUsed) {
  const struct {
    int http_status;
    std::string_view status, reason;
  } kCases[] = {
      {400, "INVALID_ARGUMENT", "Bad Request"},
      {404, "NOT_FOUND", "Not Found"},
      {413, "INVALID_ARGUMENT", "Content Too Large"},
      {417, "INVALID_ARGUMENT", "Expectation Failed"},
      {431, "INVALID_ARGUMENT", "Request Header Fields Too Large"},
      {502, "UNAVAILABLE", "Bad Gateway"},
      {504, "DEADLINE_EXCEEDED", "Gateway Timeout"},
      {418, "INVALID_ARGUMENT", "Unknown"},
      {599, "INTERNAL", "Unknown"},
  };
  for (const auto& c : kCases) {
    ErrorAnswer answer;
    answer.http_status = c.http_status;
    const ErrorText text = BuildError(answer, ErrorShape::kNative);
    EXPECT_NE(text.body.find("\"status\": \"" + std::string(c.status) + "\""), std::string::npos);
    EXPECT_EQ(text.reason, c.reason);
  }
  ErrorAnswer named;
  named.http_status = 400;
  named.status = "FAILED_PRECONDITION";
  EXPECT_NE(BuildError(named, ErrorShape::kSse).body.find("FAILED_PRECONDITION"),
            std::string::npos);
}

TEST(ErrorBody, NobodyIsMadeToWaitUntilTomorrow) {
  ErrorAnswer answer;
  answer.http_status = 429;
  answer.retry_after = absl::Seconds(60);
  EXPECT_FALSE(BuildError(answer, ErrorShape::kOpenAi).retry_in_vain);
  EXPECT_EQ(BuildError(answer, ErrorShape::kInteractions).retry_after, "60");
  answer.retry_after = absl::Hours(10);
  EXPECT_TRUE(BuildError(answer, ErrorShape::kOpenAi).retry_in_vain);
  EXPECT_EQ(BuildError(answer, ErrorShape::kOpenAi).retry_after, "36000");
  EXPECT_EQ(BuildError(answer, ErrorShape::kInteractions).retry_after, "");
  answer.http_status = 503;
  EXPECT_FALSE(BuildError(answer, ErrorShape::kOpenAi).retry_in_vain);
}

}  // namespace
}  // namespace keypool::proxy
