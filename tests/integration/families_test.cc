// One exchange of every family of Gemini's API: request and answer pass byte for byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/fakes/gemini/digest.h"
#include "tests/integration/harness/cluster.h"

namespace keypool::itest {
namespace {

using fake::Header;

struct Exchange {
  std::string name;
  std::string method;
  std::string target;
  std::string body;         // of the request
  std::string answer_head;  // status, reason and fields
  std::string answer;
};
void PrintTo(const Exchange& exchange, std::ostream* out) { *out << exchange.name; }

// What Google's servers send with every answer.
constexpr char kUsual[] =
    "Vary: Origin\r\nVary: X-Origin\r\nVary: Referer\r\nServer: scaffolding on HTTPServer2\r\n"
    "X-XSS-Protection: 0\r\nX-Frame-Options: SAMEORIGIN\r\nX-Content-Type-Options: nosniff\r\n"
    "Server-Timing: gfet4t7; dur=523\r\n";
constexpr char kJson[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\n";
constexpr char kSse[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
constexpr char kModel[] = "/v1beta/models/gemini-2.5-flash";
constexpr char kContents[] =
    R"({"contents":[{"parts":[{"text":"H\u00e9llo \ud83d\ude00"}],"role":"user"}]})";

std::vector<Exchange> Generation() {
  return {
      {"generate", "POST", absl::StrCat(kModel, ":generateContent"), kContents, kJson,
       "{\n  \"candidates\": [\n    {\n      \"content\": {\n        \"parts\": [{\"text\": "
       "\"Hi\"}]\n"
       "      }\n    }\n  ],\n  \"usageMetadata\": {\"promptTokenCount\": 4}\n}\n"},
      {"generate_with_escaped_colon", "POST", absl::StrCat(kModel, "%3AgenerateContent"), kContents,
       kJson, "{}"},
      {"stream", "POST", absl::StrCat(kModel, ":streamGenerateContent?alt=sse"), kContents, kSse,
       "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": "
       "\"Hi\"}]}}],\"usageMetadata\": "
       "{\"promptTokenCount\": 4}}\r\n\r\ndata: {\"usageMetadata\": {\"promptTokenCount\": 4,"
       "\"totalTokenCount\": 9}}\r\n\r\n"},
      // Each of its own model: two such answers are twice a reason to leave a model alone.
      {"stream_with_error_event", "POST",
       "/v1beta/models/overloaded-1:streamGenerateContent?alt=sse", kContents, kSse,
       "data: {\"candidates\": []}\r\n\r\ndata: {\"error\":{\"code\":503,\"message\":\"The model "
       "is "
       "overloaded. Please try again later.\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n"},
      {"stream_with_error_tail", "POST",
       "/v1beta/models/overloaded-2:streamGenerateContent?alt=sse", kContents, kSse,
       "data: {\"candidates\": []}\r\n\r\n{\n  \"error\": {\n    \"code\": 503,\n    \"message\": "
       "\"high demand\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n"},
      {"array", "POST", absl::StrCat(kModel, ":streamGenerateContent"), kContents, kJson,
       "[{\"candidates\": []}\n,\r\n{\"usageMetadata\": {\"promptTokenCount\": 4}}\n]\n"},
      {"count", "POST", absl::StrCat(kModel, ":countTokens"), kContents, kJson,
       "{\n  \"totalTokens\": 4\n}\n"},
      {"embed", "POST", "/v1beta/models/gemini-embedding-001:batchEmbedContents",
       R"({"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]}}]})",
       kJson, R"({"embeddings":[{"values":[-0.0123,1e-7,0.5]}]})"},
      {"predict", "POST", "/v1beta/models/imagen-4.0-generate-001:predict",
       R"({"instances":[{"prompt":"a cat"}]})", kJson,
       R"({"predictions":[{"bytesBase64Encoded":"/9j/4AA="}]})"},
      {"long_running", "POST", "/v1beta/models/veo-3.0-generate-001:predictLongRunning",
       R"({"instances":[{"prompt":"a cat"}]})", kJson,
       R"({"name": "models/veo-3.0-generate-001/operations/abc123"})"},
      {"operation", "GET", "/v1beta/models/veo-3.0-generate-001/operations/abc123", "", kJson,
       R"({"name":"models/veo-3.0-generate-001/operations/abc123","done":true,"response":{}})"},
      {"thought_signature", "POST", absl::StrCat(kModel, ":generateContent"),
       absl::StrCat(R"({"contents":[{"parts":[{"thoughtSignature":")", std::string(100'000, 'A'),
                    R"("}]}]})"),
       kJson,
       absl::StrCat(R"({"candidates":[{"content":{"parts":[{"thoughtSignature":")",
                    std::string(300'000, 'B'), R"("}]}}]})")},
  };
}

std::vector<Exchange> Resources() {
  return {
      {"models", "GET", "/v1/models?pageSize=2&pageToken=Ch9t", "", kJson, R"({"models":[]})"},
      {"file", "GET", "/v1beta/files/4if4o2bqvugf", "", kJson,
       R"({"name":"files/4if4o2bqvugf","uri":"https://generativelanguage.googleapis.com/v1beta/files/4if4o2bqvugf"})"},
      {"download", "GET", "/v1beta/files/4if4o2bqvugf:download?alt=media", "",
       "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n",
       std::string("\0\x01\xff\r\n0\r\n\r\n", 11)},
      {"cache", "POST", "/v1beta/cachedContents",
       R"({"model":"models/gemini-2.5-flash","contents":[{"parts":[{"text":"long"}]}],"ttl":"300s"})",
       kJson,
       R"({"name":"cachedContents/k4w2","model":"models/gemini-2.5-flash","expireTime":"2026-01-01T00:05:00Z"})"},
      {"cache_update", "PATCH", "/v1beta/cachedContents/k4w2?updateMask=ttl", R"({"ttl":"600s"})",
       kJson, R"({"name":"cachedContents/k4w2"})"},
      {"batch", "POST", absl::StrCat(kModel, ":batchGenerateContent"),
       R"({"batch":{"displayName":"b","inputConfig":{"requests":{"requests":[]}}}})", kJson,
       R"({"name":"batches/xyz","metadata":{"state":"BATCH_STATE_PENDING"}})"},
      {"batch_cancel", "POST", "/v1beta/batches/xyz:cancel", "{}", kJson, "{}\n"},
      {"store", "POST", "/v1beta/fileSearchStores", R"({"displayName":"s"})", kJson,
       R"({"name":"fileSearchStores/s-1"})"},
      {"documents", "GET", "/v1beta/fileSearchStores/s-1/documents?pageSize=20", "", kJson, "{}\n"},
      {"tuned", "GET", "/v1beta/tunedModels/mine-1", "", kJson, R"({"name":"tunedModels/mine-1"})"},
      {"interaction", "POST", "/v1beta/interactions",
       R"({"model":"gemini-2.5-flash","input":"Hello","store":true})", kJson,
       R"({"id":"v1_abc","status":"completed","usage":{"total_input_tokens":3}})"},
      {"tokens", "POST", "/v1alpha/auth_tokens", R"({"uses":1})", kJson,
       R"({"name":"auth_tokens/x"})"},
      {"openai_chat", "POST", "/v1beta/openai/chat/completions",
       R"({"model":"gemini-2.5-flash","messages":[{"role":"user","content":"Hello"}],"stream":true})",
       kSse, "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n"},
      {"openai_embeddings", "POST", "/v1beta/openai/embeddings",
       R"({"model":"gemini-embedding-001","input":"a","encoding_format":"base64"})", kJson,
       R"({"object":"list","data":[]})"},
      {"discovery", "GET", "/$discovery/rest?version=v1beta", "", kJson,
       R"({"kind":"discovery#restDescription"})"},
      {"unknown", "POST", "/v9/novelties/1:invent?x=%20", "not json", "HTTP/1.1 203 Because\r\n",
       "what?"},
      {"text_error", "POST", "/upload/v1beta/files?upload_id=gone", "x",
       "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n",
       "No such upload.\n"},
  };
}

class Families : public testing::TestWithParam<Exchange> {
 protected:
  // One pool for all of them.
  static void SetUpTestSuite() {
    cluster_ = Cluster::Start({.keys = TestKeys(1)}).value().release();
  }
  static void TearDownTestSuite() { delete cluster_; }
  static Cluster* cluster_;
};
Cluster* Families::cluster_ = nullptr;

// Field lines of the head, without the framing, which is each connection's own.
std::vector<std::string> FieldLines(const std::string& head) {
  std::vector<std::string> lines;
  const std::vector<std::string> all = absl::StrSplit(head, "\r\n", absl::SkipEmpty());
  for (const std::string& line : all) {
    if (line.starts_with("Content-Length") || line.starts_with("Transfer-Encoding")) continue;
    lines.push_back(line);
  }
  return lines;
}

TEST_P(Families, PassByteForByteInBothDirections) {
  const Exchange& exchange = GetParam();
  for (const bool chunked : {false, true}) {
    SCOPED_TRACE(chunked ? "chunked" : "sized");
    fake::Fault fault;
    fault.kind = fake::FaultKind::kRaw;
    fault.close = false;
    const std::string head = absl::StrCat(exchange.answer_head, kUsual);
    fault.raw = chunked ? absl::StrCat(head, "Transfer-Encoding: chunked\r\n\r\n",
                                       absl::Hex(exchange.answer.size()), "\r\n", exchange.answer,
                                       "\r\n0\r\n\r\n")
                        : absl::StrCat(head, "Content-Length: ", exchange.answer.size(), "\r\n\r\n",
                                       exchange.answer);
    cluster_->fake().AddFault(fault);
    HttpRequest request{
        .method = exchange.method, .target = exchange.target, .body = exchange.body};
    request.chunked = chunked && !exchange.body.empty();
    if (!exchange.body.empty()) request.headers = {{"Content-Type", "application/json"}};
    const Answer answer = Fetch(cluster_->proxy_port(), request);
    EXPECT_EQ(FieldLines(answer.raw_head), FieldLines(head));
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.body, exchange.answer);
    const fake::SeenRequest seen = cluster_->fake().Requests().back();
    EXPECT_EQ(seen.head.method, exchange.method);
    EXPECT_EQ(seen.head.target, exchange.target);
    EXPECT_EQ(seen.body_sha256, fake::Sha256Hex(exchange.body));
  }
}

std::string NameOf(const testing::TestParamInfo<Exchange>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Generation, Families, testing::ValuesIn(Generation()), NameOf);
INSTANTIATE_TEST_SUITE_P(Resources, Families, testing::ValuesIn(Resources()), NameOf);

}  // namespace
}  // namespace keypool::itest
