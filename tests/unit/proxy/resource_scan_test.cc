#include "proxy/resource_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keypool::proxy {
namespace {

using testing::ElementsAre;
using Names = std::vector<std::string>;

ResourceNames Scan(std::string_view body, std::size_t piece = 1 << 20) {
  ResourceScan scan({"upstream:9", "localhost:8000", "pool.example"});
  while (!body.empty()) {
    scan.Feed(body.substr(0, piece));
    body.remove_prefix(std::min(piece, body.size()));
  }
  return scan.Names();
}

struct Case {
  std::string body;
  Names names;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(Scan(c.body).all(), c.names) << c.body;
    EXPECT_EQ(Scan(c.body, 1).all(), c.names) << c.body;
    EXPECT_EQ(Scan(c.body, 7).all(), c.names) << c.body;
  }
}

TEST(ResourceScan, EveryKindOfReferenceThenItIsFound) {
  const std::string uri = R"("https://generativelanguage.googleapis.com/v1beta/files/a")";
  Check({
      {R"({"contents":[{"parts":[{"text":"hi"},{"fileData":{"fileUri":)" + uri + "}}]}]}",
       {"files/a"}},
      {R"({"contents":[{"parts":[{"file_data":{"mime_type":"x","file_uri":)" + uri + "}}]}]}",
       {"files/a"}},
      {R"({"systemInstruction":{"parts":[{"fileData":{"fileUri":)" + uri + "}}]}}", {"files/a"}},
      {R"({"batch":{"inputConfig":{"requests":{"requests":[{"request":{"contents":[{"parts":[)"
       R"({"fileData":{"fileUri":)" +
           uri + "}}]}]}}]}}}}",
       {"files/a"}},
      {R"({"cachedContent":"cachedContents/c"})", {"cachedContents/c"}},
      {R"({"extra_body":{"google":{"cached_content":"cachedContents/c"}}})", {"cachedContents/c"}},
      {R"({"generateContentRequest":{"cachedContent":"cachedContents/c"}})", {"cachedContents/c"}},
      {R"({"batch":{"inputConfig":{"fileName":"files/in"}}})", {"files/in"}},
      {R"({"batch":{"input_config":{"file_name":"files/in"}}})", {"files/in"}},
      {R"({"fileName":"files/in"})", {"files/in"}},
      {R"({"input_file_id":"files/in","endpoint":"/v1/chat/completions"})", {"files/in"}},
      {R"({"tools":[{"fileSearch":{"fileSearchStoreNames":["fileSearchStores/a",)"
       R"("fileSearchStores/b"]}}]})",
       {"fileSearchStores/a", "fileSearchStores/b"}},
      {R"({"tools":[{"type":"file_search","file_search_store_names":["fileSearchStores/a"]}]})",
       {"fileSearchStores/a"}},
      {R"({"previous_interaction_id":"v1_abc","input":"hi"})", {"interactions/v1_abc"}},
      {R"({"input":[{"type":"image","uri":)" + uri + "}]}", {"files/a"}},
      {R"({"input":[{"content":[{"uri":)" + uri + "}]}]}", {"files/a"}},
      {R"({"agent":"agents/mine","environment":"e1"})", {"agents/mine", "environments/e1"}},
      {R"({"agent":"mine"})", {"agents/mine"}},
      {R"({"model":"tunedModels/t","messages":[]})", {"tunedModels/t"}},
      {R"({"setup":{"sessionResumption":{"handle":"abc"}}})",
       {"live/ba7816bf8f01cfea414140de5dae2223"}},
      {R"({"messages":[{"content":[{"type":"file","file":{"file_id":"files/a"}}]}]})", {"files/a"}},
  });
}

TEST(ResourceScan, WhatIsNoReferenceThenItIsNotTakenForOne) {
  Check({
      {R"({"contents":[{"parts":[{"text":"\"fileUri\":\"files/a\""}]}]})", {}},
      {R"({"contents":[{"parts":[{"functionCall":{"args":{"fileUri":"files/a"}}}]}]})", {}},
      {R"({"contents":[{"parts":[{"functionResponse":{"response":[{"uri":"files/a"}]}}]}]})", {}},
      {R"({"input":[{"type":"function_result","result":{"file_uri":"files/a"}}]})", {}},
      {R"({"tools":[{"functionDeclarations":[{"parameters":{"properties":{)"
       R"("environment":{"type":"STRING"},"fileUri":"files/a"}}}]}]})",
       {}},
      {R"({"fileData":{"fileUri":"https://www.youtube.com/watch?v=x"}})", {}},
      {R"({"fileData":{"fileUri":"https://example.com/files/a"}})", {}},
      {R"({"file":{"fileName":"files/a"},"x":{"environment":"e","agent":"a","handle":"h"}})", {}},
      {R"({"environment":{"id":"e"},"agent":5,"fileUri":null})", {}},
      {R"({"file_id":"file-of-openai","model":"gemini-2.5-flash"})", {}},
      {R"(["fileUri","files/a"])", {}},
      {R"({"fileUri":"files/unfinished)", {}},
      {"fileUri=files/a", {}},
      {"", {}},
  });
}

TEST(ResourceScan, SpellingThatGooglesReaderTakesThenItIsFoundAllTheSame) {
  Check({
      {"{fileUri:'files/a'}", {"files/a"}},
      {"{ \"file\\u0055ri\" :\n\t\"files\\/\\u0061\" }", {"files/a"}},
      {"{\"a\":\"}\\\"{\\\\\",\"b\":[1,true,{}],\"fileUri\":\"files/a\"}", {"files/a"}},
      {R"({"fileUri":"files/a","x":{"fileUri":"files/a"},"y":{"file_uri":"files/b"}})",
       {"files/a", "files/b"}},
      {R"({"a":]}}],"fileUri":"files/a"})", {}},
  });
}

TEST(ResourceScan, LargeAndDeepThenWhatIsBehindIsFound) {
  const std::string large(8 << 20, 'x');
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  const std::string body =
      "{\"a\":\"" + large + "\",\"b\":" + deep + R"(,"cachedContent":"cachedContents/c"})";
  EXPECT_THAT(Scan(body, 4096).all(), ElementsAre("cachedContents/c"));
  std::string inside = R"({"fileUri":"files/too-deep"})";
  for (int i = 0; i < 100; ++i) inside = "{\"a\":" + inside + "}";
  EXPECT_TRUE(Scan(inside).empty());
}

TEST(ResourceScan, MoreThanMayBeToldThenItSaysSo) {
  std::string body = R"({"fileSearchStoreNames":[)";
  for (std::size_t i = 0; i <= kResourcesMax; ++i) {
    body += "\"fileSearchStores/" + std::to_string(i) + "\",";
    EXPECT_EQ(Scan(body).TooMany(), i == kResourcesMax) << i;
  }
}

}  // namespace
}  // namespace keypool::proxy
