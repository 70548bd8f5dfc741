// What one client has made, another cannot reach in any way in which the API lets a request name
// it: each is refused in the words of Google, and nothing of it goes upstream.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/live_client.h"
#include "tests/integration/harness/uploads.h"

namespace keypool::itest {
namespace {

HttpRequest Of(const std::string& method, const std::string& path, const std::string& body = "") {
  HttpRequest request{.method = method, .target = absl::StrCat("/v1beta/", path), .body = body};
  if (!body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  return request;
}
HttpRequest Generate(const std::string& members, const std::string& method = "generateContent") {
  return Of("POST", absl::StrCat("models/gemini-2.5-flash:", method),
            absl::StrCat("{", members, "}"));
}

struct Row {
  std::string name;
  HttpRequest made_by;  // what its owner asks
  std::string answer;   // of upstream, which names it
  std::vector<HttpRequest> ways;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

constexpr char kUri[] = R"("contents":[{"parts":[{"fileData":{"fileUri":)"
                        R"("https://generativelanguage.googleapis.com/v1beta/files/f-1"}}]}])";
constexpr char kShortUri[] = R"("contents":[{"parts":[{"file_data":{"file_uri":"files/f-1"}}]}])";

std::vector<Row> FileRows() {
  const std::string in_cache = absl::StrCat(R"({"model":"models/gemini-2.5-flash",)", kUri, "}");
  const std::string in_batch = absl::StrCat(
      R"({"batch":{"inputConfig":{"requests":{"requests":[{"request":{)", kUri, "}}]}}}}");
  return {
      {"File",
       Of("POST", "files", R"({"file":{}})"),
       R"({"file":{"name":"files/f-1","uri":)"
       R"("https://generativelanguage.googleapis.com/v1beta/files/f-1"}})",
       {Of("GET", "files/f-1"), Of("DELETE", "files/f-1"),
        Of("GET", "files/f-1:download?alt=media"), Of("GET", "openai/files/f-1"),
        Of("DELETE", "openai/files/f-1"), Of("GET", "openai/files/f-1/content"), Generate(kUri),
        Generate(kShortUri), Generate(kUri, "streamGenerateContent"), Generate(kUri, "countTokens"),
        Generate(R"("systemInstruction":{"parts":[{"fileData":)"
                 R"({"fileUri":"files/f-1"}}]},"contents":[])"),
        Of("POST", "cachedContents", in_cache),
        Generate(R"("batch":{"inputConfig":{"fileName":"files/f-1"}})", "batchGenerateContent"),
        Of("POST", "models/gemini-2.5-flash:batchGenerateContent", in_batch),
        Of("POST", "openai/batches",
           R"({"input_file_id":"files/f-1","endpoint":"/v1/chat/completions"})"),
        Of("POST", "interactions",
           R"({"model":"gemini-2.5-flash","input":[{"type":"document","uri":"files/f-1"}]})")}}};
}

std::vector<Row> OtherRows() {
  return {
      {"Cache",
       Of("POST", "cachedContents", R"({"model":"models/gemini-2.5-flash"})"),
       R"({"name":"cachedContents/c-1"})",
       {Of("GET", "cachedContents/c-1"), Of("PATCH", "cachedContents/c-1", R"({"ttl":"1s"})"),
        Of("DELETE", "cachedContents/c-1"),
        Generate(R"("cachedContent":"cachedContents/c-1","contents":[])"),
        Of("POST", "openai/chat/completions",
           R"({"model":"gemini-2.5-flash","messages":[],)"
           R"("extra_body":{"google":{"cached_content":"cachedContents/c-1"}}})")}},
      {"Batch",
       Generate(R"("batch":{})", "batchGenerateContent"),
       R"({"name":"batches/b-1","metadata":{"output":{"responsesFile":"files/out-1"}}})",
       {Of("GET", "batches/b-1"), Of("POST", "batches/b-1:cancel", "{}"),
        Of("DELETE", "batches/b-1"), Of("GET", "openai/batches/b-1"),
        Of("POST", "openai/batches/b-1/cancel", "{}"),
        Of("GET", "files/out-1:download?alt=media")}},
      {"TunedModel",
       Of("POST", "tunedModels", R"({"displayName":"t"})"),
       R"({"name":"tunedModels/t-1/operations/o-1","metadata":{"tunedModel":"tunedModels/t-1"}})",
       {Of("GET", "tunedModels/t-1/operations/o-1"), Of("GET", "tunedModels/t-1"),
        Of("PATCH", "tunedModels/t-1", "{}"), Of("DELETE", "tunedModels/t-1"),
        Of("POST", "tunedModels/t-1:generateContent", R"({"contents":[]})")}},
      {"Operation",
       Of("POST", "models/veo-3.0-generate-001:predictLongRunning", "{}"),
       R"({"name":"models/veo-3.0-generate-001/operations/o-2"})",
       {Of("GET", "models/veo-3.0-generate-001/operations/o-2")}},
      {"FileSearchStore",
       Of("POST", "fileSearchStores", "{}"),
       R"({"name":"fileSearchStores/s-1"})",
       {Of("GET", "fileSearchStores/s-1"), Of("DELETE", "fileSearchStores/s-1"),
        Of("GET", "fileSearchStores/s-1/documents"),
        Of("GET", "fileSearchStores/s-1/documents/d-1"),
        Of("POST", "fileSearchStores/s-1:importFile", "{}"),
        Of("GET", "fileSearchStores/s-1/media/m-1"),
        Generate(R"("contents":[],"tools":[{"fileSearch":)"
                 R"({"fileSearchStoreNames":["fileSearchStores/s-1"]}}])")}},
      {"Interaction",
       Of("POST", "interactions", R"({"model":"gemini-2.5-flash","input":"hi"})"),
       R"({"id":"v1_i-1","object":"interaction","status":"completed"})",
       {Of("GET", "interactions/v1_i-1"), Of("DELETE", "interactions/v1_i-1"),
        Of("POST", "interactions/v1_i-1/cancel", "{}"),
        Of("POST", "interactions",
           R"({"model":"gemini-2.5-flash","input":"more","previous_interaction_id":"v1_i-1"})")}},
  };
}

class OwnersWays : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = Cluster::Start({.keys = TestKeys(3), .proxies = 2}).value();
    a_ = AddClient("team-a");
    b_ = AddClient("team-b");
  }
  std::string AddClient(const std::string& name) {
    const Finished added = cluster_->Poolctl({"client", "add", name});
    EXPECT_EQ(added.exit_code, 0) << added.err;
    return std::string(absl::StripAsciiWhitespace(added.out));
  }
  Answer Ask(const std::string& token, HttpRequest request, int proxy) {
    request.headers.push_back({"x-goog-api-key", token});
    return Fetch(cluster_->proxy_port(proxy), request);
  }
  void WillSay(const std::string& json) {
    fake::Fault fault = fake::FaultOf(fake::FaultKind::kRaw);
    fault.raw = absl::StrCat(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "
        "application/json\r\nContent-Length: ",
        json.size(), "\r\n\r\n", json);
    cluster_->fake().AddFault(fault);
  }
  std::uint64_t Seen() const { return cluster_->fake().Counts().requests; }

  std::unique_ptr<Cluster> cluster_;
  std::string a_, b_;
};

class OwnersWaysOf : public OwnersWays, public testing::WithParamInterface<Row> {};

TEST_P(OwnersWaysOf, NoneIsOpenToAnotherClientAndAllAreToItsOwn) {
  const Row& row = GetParam();
  WillSay(row.answer);
  ASSERT_EQ(Ask(a_, row.made_by, 0).status, 200);
  for (const HttpRequest& way : row.ways) {
    const std::uint64_t before = Seen();
    const Answer refused = Ask(b_, way, 1);
    EXPECT_TRUE(refused.status == 403 || refused.status == 404)
        << way.method << " " << way.target << " " << way.body << ": " << refused.status << " "
        << refused.body;
    EXPECT_EQ(Seen(), before) << way.method << " " << way.target << " " << way.body;
    if (way.method == "DELETE") continue;
    const Answer own = Ask(a_, way, 1);
    EXPECT_GT(Seen(), before) << "the owner's own: " << way.target << ": " << own.body;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, OwnersWaysOf, testing::ValuesIn(FileRows()),
                         [](const auto& row) { return row.param.name; });
INSTANTIATE_TEST_SUITE_P(Others, OwnersWaysOf, testing::ValuesIn(OtherRows()),
                         [](const auto& row) { return row.param.name; });

TEST_F(OwnersWays, ListsOfWhatEverybodyHasMadeAreRefused) {
  for (const char* list : {"openai/files", "openai/batches?limit=20", "interactions", "agents",
                           "corpora", "operations", "models/veo-3.0-generate-001/operations"}) {
    const Answer refused = Ask(b_, Of("GET", list), 1);
    EXPECT_EQ(refused.status, 403) << list;
    EXPECT_NE(refused.body.find("what other clients"), std::string::npos) << refused.body;
  }
  EXPECT_EQ(Seen(), 0u);
  for (const char* open : {"models", "openai/models"}) {
    EXPECT_EQ(Ask(b_, Of("GET", open), 1).status, 200) << open;
  }
}

TEST_F(OwnersWays, AnUploadUnderWayIsNotGoneOnWithByAnotherClient) {
  const std::string url = Ask(a_, UploadStart(), 0).Header("X-Goog-Upload-URL");
  const std::uint64_t before = Seen();
  for (const char* command : {"upload", "upload, finalize", "query", "cancel"}) {
    const int status = Ask(b_, UploadStep(url, command, "0", "stolen"), 1).status;
    EXPECT_TRUE(status == 403 || status == 404) << command << ": " << status;
  }
  EXPECT_EQ(Seen(), before);
  EXPECT_EQ(Ask(a_, UploadStep(url, "upload, finalize", "0", "mine"), 1).status, 200);
}

TEST_F(OwnersWays, ALiveSessionIsNotResumedByAnotherClient) {
  const auto begin = [&](const std::string& token, int proxy, const std::string& resumption) {
    auto client = std::make_unique<LiveClient>(cluster_->proxy_port(proxy),
                                               LiveOptions{.headers = {{"x-goog-api-key", token}}});
    EXPECT_TRUE(client->Setup("gemini-2.5-flash", ",\"sessionResumption\":" + resumption));
    return client;
  };
  const std::string told = begin(a_, 0, "{}")->ReceiveUntil("newHandle").value_or("");
  const std::string before_it = R"("newHandle":")";
  const std::size_t at = told.find(before_it) + before_it.size();
  const std::string again = R"({"handle":")" + told.substr(at, told.find('"', at) - at) + "\"}";
  const auto stranger = begin(b_, 1, again);
  EXPECT_EQ(stranger->Receive(), std::nullopt);
  EXPECT_EQ(stranger->close_code(), 1008);
  EXPECT_EQ(begin(a_, 1, again)->Receive(), R"({"setupComplete":{}})");
}

}  // namespace
}  // namespace keypool::itest
