#include "proxy/message_class.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/answer_facts.h"
#include "tests/unit/proxy/gzip.h"

namespace keypool::proxy {
namespace {

// A row of gemini-wire.md §6.2, §6.3 or §3.
struct Row {
  int http_status;
  std::string_view status;
  std::string_view message;  // as it stands in JSON
  std::string_view reason;
  MessageClass means;
};

constexpr Row kRows[] = {
    // §6.2
    {429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", "",
     MessageClass::kQuotaExceeded},
    {429, "RESOURCE_EXHAUSTED",
     "You exceeded your current quota, please check your plan and billing details.", "",
     MessageClass::kQuotaExceeded},
    {429, "RESOURCE_EXHAUSTED",
     "Quota exceeded for quota metric 'Generate Content API requests per minute' and limit "
     "'GenerateContent request limit per minute for a region' of service "
     "'generativelanguage.googleapis.com' for consumer 'project_number:7'.",
     "RATE_LIMIT_EXCEEDED", MessageClass::kQuotaExceeded},
    {429, "RESOURCE_EXHAUSTED",
     "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects "
     "to manage your project and billing.",
     "", MessageClass::kPrepaymentDepleted},
    {429, "RESOURCE_EXHAUSTED",
     "Your project has exceeded its monthly spending cap. Please go to AI Studio at "
     "https://ai.studio/spend",
     "", MessageClass::kSpendingCap},
    // §6.3
    {400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "API_KEY_INVALID",
     MessageClass::kKeyNotValid},
    {400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", "API_KEY_INVALID",
     MessageClass::kKeyExpired},
    {400, "INVALID_ARGUMENT", "API Key not found. Please pass a valid API key.", "API_KEY_INVALID",
     MessageClass::kKeyNotValid},
    {400, "INVALID_ARGUMENT", "Multiple authentication credentials received. Please pass only one.",
     "", MessageClass::kSeveralCredentials},
    {400, "FAILED_PRECONDITION", "User location is not supported for the API use.", "",
     MessageClass::kLocation},
    {400, "INVALID_ARGUMENT",
     "The input token count exceeds the maximum number of tokens allowed 1048576.", "",
     MessageClass::kNone},
    {400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes.", "",
     MessageClass::kNone},
    {401, "UNAUTHENTICATED",
     "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
     "or other valid authentication credential.",
     "ACCESS_TOKEN_TYPE_UNSUPPORTED", MessageClass::kNone},
    {403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key.",
     "", MessageClass::kKeyLeaked},
    {403, "PERMISSION_DENIED",
     "Permission denied: Consumer 'api_key:AIzaSySecret' has been suspended.", "CONSUMER_SUSPENDED",
     MessageClass::kConsumerSuspended},
    {403, "PERMISSION_DENIED",
     "Requests to this API generativelanguage.googleapis.com method "
     "google.ai.generativelanguage.v1beta.GenerativeService.StreamGenerateContent are blocked.",
     "API_KEY_SERVICE_BLOCKED", MessageClass::kMethodBlocked},
    {403, "PERMISSION_DENIED",
     "Generative Language API has not been used in project 7 before or it is disabled. Enable it "
     "by visiting https://console.developers.google.com/apis/api/?project=7 then retry.",
     "SERVICE_DISABLED", MessageClass::kServiceDisabled},
    {403, "PERMISSION_DENIED", "Your project has been denied access.", "",
     MessageClass::kProjectDenied},
    {403, "PERMISSION_DENIED", "Requests from referer <empty> are blocked.",
     "API_KEY_HTTP_REFERRER_BLOCKED", MessageClass::kNone},
    {403, "PERMISSION_DENIED",
     "Method doesn\\u0027t allow unregistered callers (callers without established identity). "
     "Please use API Key or other form of API consumer identity to call this API.",
     "", MessageClass::kNoCredentials},
    {403, "PERMISSION_DENIED", "The caller does not have permission", "", MessageClass::kNone},
    {404, "NOT_FOUND",
     "models/gemini-x is not found for API version v1beta, or is not supported for "
     "generateContent. Call ListModels to see the list of available models and their supported "
     "methods.",
     "", MessageClass::kModelNotFound},
    {404, "NOT_FOUND",
     "This model models/gemini-2.5-flash is no longer available to new users. Please update your "
     "code to use a newer model for the latest features and improvements.",
     "", MessageClass::kModelNotForNewUsers},
    {499, "CANCELLED", "The operation was cancelled.", "", MessageClass::kNone},
    {500, "INTERNAL", "An internal error has occurred. Please retry or report in https://x", "",
     MessageClass::kNone},
    {503, "UNAVAILABLE", "The model is overloaded. Please try again later.", "",
     MessageClass::kNone},
    {503, "UNAVAILABLE",
     "This model is currently experiencing high demand. Spikes in demand are usually temporary. "
     "Please try again later.",
     "", MessageClass::kNone},
    {504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.", "",
     MessageClass::kNone},
    // §3
    {403, "PERMISSION_DENIED",
     "You do not have permission to access the File X or it may not exist.", "",
     MessageClass::kNone},
    {429, "RESOURCE_EXHAUSTED",
     "TotalCachedContentStorageTokensPerModelFreeTier limit exceeded for model gemini-x: limit=0, "
     "requested=7",
     "", MessageClass::kCacheStorage},
};

std::string Body(const Row& row) {
  std::string body = "{\"error\":{\"code\":" + std::to_string(row.http_status) + ",\"message\":\"" +
                     std::string(row.message) + "\",\"status\":\"" + std::string(row.status) + "\"";
  if (!row.reason.empty()) {
    body += ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"" +
            std::string(row.reason) +
            "\",\"domain\":\"googleapis.com\",\"metadata\":{\"consumer\":\"projects/7\","
            "\"containerInfo\":\"api_key:AIzaSySecret\"}},{\"@type\":\"type.googleapis.com/"
            "google.rpc.LocalizedMessage\",\"locale\":\"en-US\",\"message\":\"" +
            std::string(row.message) + "\"}]";
  }
  return body + "}}\n";
}

AnswerFacts Describe(int status, std::string_view body, std::string_view encoding = {}) {
  ResponseHead head;
  head.status = status;
  head.content_encoding = encoding;
  return DescribeAnswer(head, body);
}

void ExpectRow(const Row& row, const AnswerFacts& facts) {
  SCOPED_TRACE(row.message);
  EXPECT_EQ(facts.http_status, row.http_status);
  EXPECT_EQ(facts.status, row.status);
  EXPECT_EQ(facts.reason, row.reason);
  EXPECT_EQ(facts.message, row.means);
}

TEST(MessageClass, EveryRowOfTheWirePageInEveryWrappingThenItsMeaningIsTold) {
  for (const Row& row : kRows) {
    const std::string body = Body(row);
    ExpectRow(row, Describe(row.http_status, body));
    ExpectRow(row, Describe(row.http_status, "[" + body + "]\n"));
    ExpectRow(row, Describe(row.http_status, "[{\"candidates\":[]}\n,\r\n" + body + "]"));
    ExpectRow(row, Describe(row.http_status, "data: " + body + "\r\n"));
    ExpectRow(row, Describe(row.http_status, Gzip(body), "gzip"));
  }
}

TEST(MessageClass, EveryRowCutAnywhereThenItsMeaningIsToldOrNothing) {
  for (const Row& row : kRows) {
    const std::string body = Body(row);
    for (std::size_t size = 0; size < body.size(); ++size) {
      const MessageClass cut = Describe(row.http_status, body.substr(0, size)).message;
      EXPECT_TRUE(cut == row.means || cut == MessageClass::kNone) << row.message << size;
    }
    const std::size_t behind = body.find("\",\"status\"");
    EXPECT_EQ(Describe(row.http_status, body.substr(0, behind)).message, row.means) << row.message;
    const std::string packed = Gzip(body);
    for (std::size_t size = 0; size < packed.size(); ++size) {
      const MessageClass cut = Describe(row.http_status, packed.substr(0, size), "gzip").message;
      EXPECT_TRUE(cut == row.means || cut == MessageClass::kNone) << row.message << size;
    }
  }
}

TEST(MessageClass, EveryRowAsPlainTextThenItsMeaningIsTold) {
  for (const Row& row : kRows) {
    if (row.message.find('\\') != std::string_view::npos) continue;
    EXPECT_EQ(Describe(row.http_status, row.message).message, row.means) << row.message;
    const std::string spaced = "\r\n " + std::string(row.message) + "\n";
    EXPECT_EQ(ClassifyMessage(spaced), row.means) << row.message;
  }
}

TEST(MessageClass, NothingOfAMessageOrOfMetadataGetsIntoTheFacts) {
  for (const Row& row : kRows) {
    const AnswerFacts facts = Describe(row.http_status, Body(row));
    EXPECT_EQ((facts.status + facts.reason).find("AIza"), std::string::npos);
    EXPECT_TRUE(facts.violations.empty()) << row.message;
  }
}

TEST(MessageClass, LongMessageThenItsStartTellsTheMeaningAlsoWhenItsEndIsCutOff) {
  const std::string start = R"({"error":{"code":404,"message":"models/x\"y\u0041 is not found for )"
                            R"(API version v1beta, )";
  for (const std::size_t size : {100u, 2'000u, 3'000u, 60'000u, 70'000u, 1'000'000u}) {
    std::string prompt;
    while (prompt.size() < size) prompt += R"(API key expired\n\u00e9\\)";
    const std::string body = start + prompt + R"(","status":"NOT_FOUND"}})";
    const AnswerFacts facts = Describe(404, body);
    EXPECT_EQ(facts.message, MessageClass::kModelNotFound) << size;
    EXPECT_EQ(facts.status, body.size() <= kErrorBodyBytesMax ? "NOT_FOUND" : "") << size;
    EXPECT_EQ(Describe(404, Gzip(body), "gzip").message, MessageClass::kModelNotFound) << size;
  }
}

TEST(MessageClass, CutInsideAnEscapeThenTheStartStillTellsTheMeaning) {
  const std::string start = R"({"error":{"message":"API key expired. )";
  const std::string escapes = R"(\\\\\"\u00e9\n\\)";
  for (std::size_t size = 0; size <= escapes.size(); ++size) {
    EXPECT_EQ(Describe(400, start + escapes.substr(0, size)).message, MessageClass::kKeyExpired)
        << size;
  }
}

// Google repeats parts of a request in its answers; a client must not get a key rested that way.
TEST(MessageClass, TextThatAClientPutIntoTheMessageThenItMeansNothing) {
  for (const Row& row : kRows) {
    for (const std::string_view before :
         {"Invalid JSON payload received. Unknown name \"", "Invalid value at 'contents' (TYPE), ",
          "Unsupported MIME type: ", "* GenerateContentRequest.model: "}) {
      EXPECT_EQ(ClassifyMessage(std::string(before) + std::string(row.message)),
                MessageClass::kNone);
    }
    EXPECT_EQ(ClassifyMessage("models/" + std::string(row.message) +
                              " is not found for API version v1beta, or is not supported"),
              MessageClass::kModelNotFound);
  }
}

TEST(MessageClass, PageThenItIsOneOfAThrottledAddressOrAnyOther) {
  const std::string sorry =
      "<html><body>We're sorry but your computer or network may be sending automated queries. To "
      "protect our users, we can't process your request right now.</body></html>";
  for (const std::string space : {"", "\r\n\t "}) {
    EXPECT_EQ(Describe(429, space + sorry).message, MessageClass::kAutomatedQueries);
    EXPECT_EQ(Describe(503, Gzip(space + sorry), "gzip").message, MessageClass::kAutomatedQueries);
    EXPECT_EQ(
        Describe(404, space + "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>").message,
        MessageClass::kHtmlPage);
  }
  EXPECT_EQ(Describe(429, sorry.substr(0, 40)).message, MessageClass::kHtmlPage);
  EXPECT_EQ(Describe(400, "<p>API key expired").message, MessageClass::kHtmlPage);
  EXPECT_EQ(Describe(400, R"({"error":{"message":"<html>automated queries"}})").message,
            MessageClass::kNone);
}

TEST(MessageClass, DelaysOfEveryFormThenOnlySoundOnesCount) {
  const struct {
    std::string_view text;
    std::optional<absl::Duration> expected;
  } kCases[] = {
      {"51.606482386s.", absl::Milliseconds(51606)},
      {"51s", absl::Seconds(51)},
      {"0s.", absl::ZeroDuration()},
      {"850.5ms.", absl::Milliseconds(851)},
      {"2h47m56.584147483s.", absl::Milliseconds(10'076'584)},
      {"45.75s. Or later.", absl::Milliseconds(45'750)},
      {"", std::nullopt},
      {"a moment.", std::nullopt},
      {"30 seconds.", std::nullopt},
      {"5.", std::nullopt},
      {"0", std::nullopt},
      {"-5s.", std::nullopt},
      {".s", std::nullopt},
      {"1.2.3s.", std::nullopt},
      {"s", std::nullopt},
      {"99999999999999999999h.", std::nullopt},
      {"111111111111111111111111111111111s.", std::nullopt},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(DelayInMessage("Quota.\nPlease retry in " + std::string(c.text)), c.expected)
        << c.text;
  }
  EXPECT_EQ(DelayInMessage("Please retry later."), std::nullopt);
  const std::string cut = "Please retry in 850m";
  EXPECT_EQ(DelayInMessage(std::string(kMessageBytesMax - cut.size(), '.') + cut), std::nullopt);
}

TEST(MessageClass, LimitsThenThatOfTheMetricIsToldAndNoOther) {
  const std::string_view message =
      "* Quota exceeded for metric: g/ab, limit: 7, model: m\n"
      "* Quota exceeded for metric: g/a, limit: 0, model: m\n"
      "* Quota exceeded for metric: g/a, limit: 350000, model: m\n"
      "* Quota exceeded for metric: g/bad, limit: -1, model: m\n"
      "* Quota exceeded for metric: g/huge, limit: 9999999999999999999, model: m\n"
      "* Quota exceeded for metric: g/cut, limit: 12";
  EXPECT_EQ(LimitInMessage(message, "g/a", 0), 0);
  EXPECT_EQ(LimitInMessage(message, "g/a", 1), 350000);
  EXPECT_EQ(LimitInMessage(message, "g/a", 2), std::nullopt);
  EXPECT_EQ(LimitInMessage(message, "g/ab", 0), 7);
  for (const std::string_view metric : {"g/bad", "g/huge", "g/cut", "g/none", "", "g"}) {
    EXPECT_EQ(LimitInMessage(message, metric, 0), std::nullopt) << metric;
  }
}

}  // namespace
}  // namespace keypool::proxy
