#include "proxy/usage_scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace keypool::proxy {
namespace {

// What a scan has found: "INPUT/CACHED/OUTPUT/THOUGHTS MODEL STATUS WORD", "-" for what it has not.
std::string Told(const UsageScan& scan) {
  std::string told = "-";
  if (const auto& usage = scan.usage()) {
    told = absl::StrCat(usage->input, "/", usage->cached, "/", usage->output, "/", usage->thoughts);
  }
  const std::string model(scan.ModelVersion());
  absl::StrAppend(&told, " ", model.empty() ? "-" : model);
  if (const auto error = scan.Error()) {
    absl::StrAppend(&told, " ", error->http_status, " ", error->status);
  }
  return told;
}

std::string Found(std::string_view body, std::size_t piece = 1e9) {
  UsageScan scan;
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) {
    scan.Feed(body.substr(0, piece));
  }
  return Told(scan);
}

void ExpectHoweverCut(std::string_view body, std::string_view expected) {
  SCOPED_TRACE(body.substr(0, 2000));
  ASSERT_EQ(Found(body), expected);
  EXPECT_EQ(Found(body, 1), expected);
  for (std::size_t at = 1; at < std::min<std::size_t>(body.size(), 2000); ++at) {
    UsageScan scan;
    scan.Feed(body.substr(0, at));
    scan.Feed(body.substr(at));
    ASSERT_EQ(Told(scan), expected) << "cut at " << at;
  }
  constexpr std::uint32_t kSeed = 20261203;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 20; ++round) {
    UsageScan scan;
    for (std::string_view rest = body; !rest.empty();) {
      const std::string_view piece = rest.substr(0, random() % 60);
      scan.Feed(piece);
      rest.remove_prefix(piece.size());
    }
    ASSERT_EQ(Told(scan), expected) << "seed " << kSeed << ", round " << round;
  }
}

// A stream of Google's, with its second event one that has nothing but usage.
constexpr std::string_view kStream =
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"Hi \\\"you\\\" {\"}],"
    "\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 990,"
    "\"totalTokenCount\": 1057,\"promptTokensDetails\": [{\"modality\": \"TEXT\",\"tokenCount\": "
    "1}],"
    "\"thoughtsTokenCount\": 67},\"modelVersion\": \"gemini-2.5-flash\"}\r\n\r\n"
    "data: {\"usageMetadata\": {\"promptTokenCount\": 990,\"candidatesTokenCount\": 20,"
    "\"totalTokenCount\": 1150,\"thoughtsTokenCount\": 140}}\r\n\r\n";
constexpr std::string_view kUnavailable =
    R"({"error":{"code":503,"message":"m","status":"UNAVAILABLE"}})";

TEST(UsageScan, EveryShapeThenItsUsageAndModelAreFoundHoweverItIsCut) {
  const struct {
    std::string_view body, found;
  } kCases[] = {
      {R"({
  "candidates": [{"content": {"parts": [{"text": "a"}]}}],
  "usageMetadata": {
    "promptTokenCount": 10, "toolUsePromptTokenCount": 5, "cachedContentTokenCount": 4,
    "candidatesTokenCount": 20, "thoughtsTokenCount": 30, "totalTokenCount": 65
  },
  "modelVersion": "models/gemini-2.5-flash"
}
)",
       "15/4/20/30 gemini-2.5-flash"},
      {kStream, "990/0/20/140 gemini-2.5-flash"},
      {R"([{"usageMetadata":{"promptTokenCount":1},"modelVersion":"a"}
,
{"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":8},"modelVersion":"b"}])",
       "7/0/8/0 b"},
      {R"({"object":"chat.completion","model":"gemini-2.5-flash","usage":{"prompt_tokens":10,
  "completion_tokens":50,"total_tokens":60,"prompt_tokens_details":{"cached_tokens":3},
  "completion_tokens_details":{"audio_tokens":9,"reasoning_tokens":30}},"choices":[]})",
       "10/3/20/30 gemini-2.5-flash"},
      {"data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n"
       "data: {\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,"
       "\"completion_tokens\":2,\"total_tokens\":3}}\n\ndata: [DONE]\n\n",
       "1/0/2/0 m"},
      {R"({"id":"v1_x","status":"completed","model":"gemini-3.5-flash","usage":{
  "total_input_tokens":9,"total_output_tokens":779,"total_thought_tokens":912,
  "total_cached_tokens":2,"total_tool_use_tokens":100,"total_tokens":1800}})",
       "109/2/779/912 gemini-3.5-flash"},
      {"event: interaction.created\ndata: {\"event_type\":\"interaction.created\","
       "\"interaction\":{\"id\":\"v1\",\"model\":\"g\",\"usage\":{\"total_input_tokens\":1}}}\n\n"
       "event: step.delta\ndata: {\"event_type\":\"step.delta\",\"delta\":{\"text\":\"a\"},"
       "\"metadata\":{\"total_usage\":{\"total_input_tokens\":1,\"total_output_tokens\":2}}}\n\n"
       "data: {\"event_type\":\"interaction.completed\",\"interaction\":{\"usage\":"
       "{\"total_input_tokens\":1,\"total_output_tokens\":5,\"total_thought_tokens\":6}}}\n\n"
       "data: [DONE]\n\n",
       "1/0/5/6 g"},
      {"data: {\"response\":{\"model\":\"g\",\"usage\":{\"prompt_tokens\":3}}}\n\n", "3/0/0/0 g"},
      // Live: a message behind the other.
      {R"({"setupComplete":{}}{"serverContent":{},"usageMetadata":{"promptTokenCount":5,
"responseTokenCount":6,"totalTokenCount":11}})",
       "5/0/6/0 -"},
  };
  for (const auto& c : kCases) ExpectHoweverCut(c.body, c.found);
}

TEST(UsageScan, LaterUsageThenItReplacesTheEarlierAsAWhole) {
  ExpectHoweverCut(R"([{"usageMetadata":{"promptTokenCount":5,"thoughtsTokenCount":6}},
{"usageMetadata":{"candidatesTokenCount":7}}])",
                   "0/0/7/0 -");
  // What tells nothing, or is not complete, replaces nothing.
  for (const char* const later : {"null", "{}", "5", "\"x\"", "[{\"promptTokenCount\":1}]",
                                  "{\"totalTokenCount\":8}", "{\"promptTokenCount\":null}",
                                  "{\"promptTokenCount\":1", "{\"promptTokenCount\":1,\"a\":{"}) {
    ExpectHoweverCut(
        absl::StrCat("{\"usageMetadata\":{\"promptTokenCount\":5},\"usageMetadata\":", later),
        "5/0/0/0 -");
  }
}

TEST(UsageScan, ThoughtsOfOpenAiThenTheTotalTellsWhetherTheyAreInside) {
  const auto found = [](const char* total, const char* reasoning) {
    return Found(absl::StrCat(R"({"usage":{"prompt_tokens":10,"completion_tokens":50)", total,
                              R"(,"completion_tokens_details":{"reasoning_tokens":)", reasoning,
                              "}}}"));
  };
  EXPECT_EQ(found(",\"total_tokens\":60", "30"), "10/0/20/30 -");
  EXPECT_EQ(found(",\"total_tokens\":90", "30"), "10/0/50/30 -");
  EXPECT_EQ(found("", "30"), "10/0/20/30 -");
  EXPECT_EQ(found(",\"total_tokens\":60", "50"), "10/0/0/50 -");
  EXPECT_EQ(found(",\"total_tokens\":60", "51"), "10/0/50/51 -");
  EXPECT_EQ(found(",\"total_tokens\":60", "0"), "10/0/50/0 -");
}

TEST(UsageScan, WhatOnlyLooksLikeUsageThenItIsNotTaken) {
  for (const std::string_view body : {
           R"({"candidates":[{"content":{"parts":[{"functionCall":{"args":
{"usageMetadata":{"promptTokenCount":5},"modelVersion":"x","error":{"code":429}}}}]}}]})",
           R"({"candidates":[{"usageMetadata":{"promptTokenCount":5}}]})",
           R"({"a":"\"usageMetadata\":{\"promptTokenCount\":5},\"error\":{\"code\":429}"})",
           R"({"a":"data: {\"usage\":{\"prompt_tokens\":5}}\n\n"})",
           R"({"choices":[{"usage":{"prompt_tokens":5},"model":"m"}]})",
           R"({"interaction":{"steps":[{"usage":{"total_input_tokens":5},"model":"x"}],
"usageMetadata":{"promptTokenCount":5},"interaction":{"usage":{"total_input_tokens":5}},
"error":{"code":429}},"response":[{"usage":{"prompt_tokens":5}}]})",
           R"({"metadata":{"model":"x","usageMetadata":{"promptTokenCount":5}}})",
           R"({"usageMetadata":{"x":{"promptTokenCount":5},"promptTokensDetails":
[{"promptTokenCount":5}],"prompt_tokens_details":{"promptTokenCount":5}}})",
           R"([[{"usageMetadata":{"promptTokenCount":5}}]])",
           R"({"usage":[{"prompt_tokens":5}],"usagemetadata":{"promptTokenCount":5}})",
           R"("{\"usageMetadata\":{\"promptTokenCount\":5}}")",
           "event: {\"usageMetadata\":{\"promptTokenCount\":5}}\n\n"
           ": {\"usage\":{\"prompt_tokens\":5}}\n\ndata: \"{\\\"usage\\\":{}}\"\n\n"
           "retry: 5\n datas: {\"usage\":{\"prompt_tokens\":5}}\n\n",
           "promptTokenCount",
           "",
           " ",
           "[",
           "{",
           "[]",
           "{}",
           "null",
           "<html>{\"usage\":</html>",
       }) {
    ExpectHoweverCut(body, "- -");
  }
}

TEST(UsageScan, NumbersOfEveryFormThenOnlyWholeOnesCount) {
  const struct {
    const char* value;
    const char* found;
  } kCases[] = {
      {"0", "0/0/0/0 -"},
      {" 7 ", "7/0/0/0 -"},
      {"\"12\"", "12/0/0/0 -"},
      {"999999999999999999", "999999999999999999/0/0/0 -"},
      {"1000000000000000000", "- -"},
      {"123456789012345678901234567890", "- -"},
      {"-1", "- -"},
      {"1.5", "- -"},
      {"1e3", "- -"},
      {"true", "- -"},
      {"\"\"", "- -"},
      {"{\"a\":1}", "- -"},
      {"[1]", "- -"},
  };
  for (const auto& c : kCases) {
    ExpectHoweverCut(absl::StrCat("{\"usageMetadata\":{\"promptTokenCount\":", c.value, "}}"),
                     c.found);
  }
  EXPECT_EQ(Found(R"({"\u0075sage":{"prompt\u005ftokens":5},"mo\u0064el":"models\/\u0067"})"),
            "5/0/0/0 g");
}

TEST(UsageScan, ModelThenTheLastTextCountsIfItIsAName) {
  const std::string longest(kModelBytesMax, 'm');
  EXPECT_EQ(Found("{\"modelVersion\":\"models/" + longest + "\"}"), "- " + longest);
  ExpectHoweverCut("{\"modelVersion\":\"" + longest + "m\"}", "- -");
  EXPECT_EQ(Found("{\"modelVersion\":\"" + std::string(100'000, 'm') + "\"}"), "- -");
  EXPECT_EQ(Found(R"([{"modelVersion":"a"},{"modelVersion":"b"}])"), "- b");
  EXPECT_EQ(Found(R"([{"model":"a"},{"model":null},{"model":5},{"model":{"model":"c"}}])"), "- a");
  EXPECT_EQ(Found(R"([{"model":"a"},{"model":"no name"}])"), "- -");
  EXPECT_EQ(Found(R"([{"model":"a"},{"model":"unfinished)"), "- a");
}

TEST(UsageScan, StreamsOfEveryFormThenTheirEventsAreRead) {
  const std::string event = "{\"usage\":{\"prompt_tokens\":5}}";
  for (const std::string& body : std::initializer_list<std::string>{
           "data:" + event + "\n\n",
           "data: " + event,
           "\xef\xbb\xbf" + ("data: " + event + "\n"),
           "\r\n\r\n: ping\r\n\r\ndata:  " + event + "\r\n\r\n",
           "id: 1\nevent: x\ndata: " + event + "\nretry: 3\n\n",
           "data: {\"usage\":\ndata:{\"prompt_tokens\"\r\ndata: :5}\ndata\ndata:\ndata: }\n\n",
           // One that is cut takes nothing from those behind it.
           "data: {\"a\":\"\n\ndata: " + event + "\n\n",
           "data: {\"a\":[{\"b\n\r\ndata: " + event + "\n\n",
           "data: {\"usage\":{\"prompt_tokens\":9\n\ndata: " + event + "\n\n",
           "dat\ndatum: 3\nd\ndata: " + event + "\n\n",
           "data: " + event + "\ndata: {\"a\":1}\n\n",
           "data: {\"a\":1}\n\n" + event,
           "\xef\xbb\xbf \n " + event,
           "data: [" + event + "]\n\n",
       }) {
    ExpectHoweverCut(body, "5/0/0/0 -");
  }
}

TEST(UsageScan, ErrorInsideThenItIsDescribedAsAnAnswerOfItsOwn) {
  const std::string error(kUnavailable);
  const std::string pretty =
      "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"m\",\n"
      "    \"status\": \"UNAVAILABLE\"\n  }\n}\n";
  const std::string usage = "990/0/20/140 gemini-2.5-flash 503 UNAVAILABLE";
  const std::string stream(kStream);
  ExpectHoweverCut(stream + "data: " + error + "\r\n\r\n", usage);
  ExpectHoweverCut(stream + "data: " + error + "\r\n\r\n" + stream, usage);
  ExpectHoweverCut(stream + pretty, usage);
  ExpectHoweverCut(stream + "[" + pretty + "]\n", usage);
  ExpectHoweverCut("[{\"candidates\":[]},\n" + error + "]", "- - 503 UNAVAILABLE");
  ExpectHoweverCut("[" + pretty + "]\n", "- - 503 UNAVAILABLE");
  ExpectHoweverCut(error, "- - 503 UNAVAILABLE");
  ExpectHoweverCut(
      "event: error\ndata: {\"event_type\":\"error\",\"error\":{\"code\":\"not_found\","
      "\"message\":\"m\"},\"metadata\":{\"total_usage\":{\"total_input_tokens\":4}}}\n\n",
      "4/0/0/0 - 404 not_found");
  // The first one counts.
  ExpectHoweverCut("data: " + error + "\n\ndata: {\"error\":{\"code\":429}}\n\n",
                   "- - 503 UNAVAILABLE");
  // The end is missing.
  ExpectHoweverCut("data: {\"error\":{\"status\":\"INTERNAL\",\"code\":500,\"message\":\"abc",
                   "- - 500 INTERNAL");
  ExpectHoweverCut("data: {\"error\":{\"status\":\"INTERNAL\",\"a\":\n\ndata: " + error + "\n\n",
                   "- - 500 INTERNAL");
  // No object, no error.
  for (const std::string none : {"null", "\"text {\"", "false", "[{\"code\":429}]", "5"}) {
    ExpectHoweverCut("{\"error\":" + none + "}", "- -");
    ExpectHoweverCut("[{\"error\":" + none + "}," + error + "]", "- - 503 UNAVAILABLE");
  }
}

TEST(UsageScan, ErrorInsideThenItsDetailsAreThere) {
  UsageScan scan;
  scan.Feed(R"(data: {"error":{"code":429,"message":"Quota. Please retry in 5s.","details":[
data: {"@type":"google.rpc.QuotaFailure","violations":[{"quotaId":"PerDay","quotaValue":"20"}]},
data: {"@type":"google.rpc.ErrorInfo","reason":"R"},
data: {"@type":"google.rpc.RetryInfo","retryDelay":"51s"}],"status":"RESOURCE_EXHAUSTED"}}
)");
  const std::optional<AnswerFacts> error = scan.Error();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->http_status, 429);
  EXPECT_EQ(error->reason, "R");
  EXPECT_EQ(error->retry_delay, absl::Seconds(51));
  ASSERT_EQ(error->violations.size(), 1u);
  EXPECT_EQ(error->violations[0].quota_id, "PerDay");
  EXPECT_EQ(error->violations[0].quota_value, 20);
}

TEST(UsageScan, ErrorThatIsHugeThenItsStartIsUsedAndTheRestGoesBy) {
  const std::string huge =
      "{\"error\":{\"status\":\"X\",\"code\":503,\"message\":\"API key expired " +
      std::string(1 << 20, 'x') + "\"},\"usage\":{\"prompt_tokens\":5}}";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, huge.size()}) {
    UsageScan scan;
    for (std::size_t at = 0; at < huge.size(); at += piece)
      scan.Feed({huge.data() + at, std::min(piece, huge.size() - at)});
    EXPECT_EQ(Told(scan), "5/0/0/0 - 503 X");
    EXPECT_EQ(scan.Error()->message, MessageClass::kKeyExpired);
  }
}

TEST(UsageScan, DeepAndLargeThenWhatIsBehindIsStillFound) {
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  std::string objects;
  for (int i = 0; i < 50'000; ++i) objects += "{\"usage\":";
  const std::string closed = objects + "1" + std::string(50'000, '}');
  const std::string usage = "\"usage\":{\"prompt_tokens\":5,\"prompt_tokens_details\":" + closed;
  EXPECT_EQ(Found("{\"a\":" + deep + ",\"b\":" + closed + "," + usage + "}}", 4096), "5/0/0/0 -");
  EXPECT_EQ(Found("{\"a\":\"" + std::string(1 << 22, 'x') + "\"," + usage + "}}"), "5/0/0/0 -");
  EXPECT_EQ(Found(objects), "- -");
}

TEST(UsageScan, CutAnywhereThenOnlyWhatWasCompleteIsTold) {
  for (std::size_t size = 0; size < kStream.size(); ++size) {
    const std::string found = Found(kStream.substr(0, size));
    const std::string usage = found.substr(0, found.find(' '));
    EXPECT_TRUE(usage == "-" || usage == "990/0/0/67" || usage == "990/0/20/140") << found;
  }
}

TEST(UsageScan, CodesOfErrorsThenEachHasItsStatus) {
  const struct {
    const char* error;
    int status;
  } kCases[] = {
      {R"({"code":429})", 429},
      {R"({"code":"429"})", 429},
      {R"({"code":200,"status":"UNAVAILABLE"})", 503},
      {R"({"code":8})", 500},
      {R"({"code":null})", 500},
      {R"({})", 500},
      {R"({"status":"RESOURCE_EXHAUSTED"})", 429},
      {R"({"code":"resource_exhausted"})", 429},
      {R"({"code":"rate_limit_exceeded"})", 429},
      {R"({"code":"quota_exceeded"})", 429},
      {R"({"code":"invalid_request"})", 400},
      {R"({"code":"https://ai.google.dev/errors/not_found"})", 404},
      {R"({"code":"permission_denied"})", 403},
      {R"({"code":"unauthenticated"})", 401},
      {R"({"code":"unavailable"})", 503},
      {R"({"code":"overloaded"})", 503},
      {R"({"code":"gateway_timeout"})", 504},
      {R"({"code":"internal"})", 500},
      {R"({"code":"server_error"})", 500},
  };
  for (const auto& c : kCases) {
    UsageScan scan;
    scan.Feed(absl::StrCat("data: {\"error\":", c.error, "}\n\n"));
    ASSERT_TRUE(scan.Error().has_value()) << c.error;
    EXPECT_EQ(scan.Error()->http_status, c.status) << c.error;
  }
}

}  // namespace
}  // namespace keypool::proxy
