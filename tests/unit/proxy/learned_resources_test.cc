#include "proxy/learned_resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keypool::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Notes = std::vector<ResourceNote>;

const absl::Time kNow = absl::FromUnixSeconds(1'724'660'696);  // 2024-08-26T08:24:56Z

Notes Learn(std::string_view answer, Shows shows, std::string_view collection = {},
            std::size_t piece = 1 << 20) {
  LearnedScan scan(shows, collection);
  while (!answer.empty()) {
    scan.Feed(answer.substr(0, piece));
    answer.remove_prefix(std::min(piece, answer.size()));
  }
  return scan.Notes(kNow);
}
Notes ByName(std::string_view answer) {
  const Notes notes = Learn(answer, Shows::kByName);
  EXPECT_EQ(Learn(answer, Shows::kByName, {}, 1), notes) << answer;
  return notes;
}
Notes ById(std::string_view answer, std::string_view collection) {
  const Notes notes = Learn(answer, Shows::kById, collection);
  EXPECT_EQ(Learn(answer, Shows::kById, collection, 3), notes) << answer;
  return notes;
}

TEST(LearnedResources, UploadedFileThenItIsKnownUntilItExpires) {
  const std::string answer = R"({
  "file": {
    "name": "files/abc",
    "createTime": "2024-08-26T08:24:56.068Z",
    "expirationTime": "2024-08-28T08:24:56.049Z",
    "uri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
    "state": "PROCESSING"
  }
})";
  const absl::Duration left = absl::Hours(48) + absl::Milliseconds(49);
  EXPECT_THAT(ByName(answer), ElementsAre(ResourceNote{"files/abc", left}));
}

TEST(LearnedResources, OneThatWasMadeOrAskedForThenItIsKnownAsLongAsIsUsual) {
  EXPECT_THAT(ByName(R"({"name":"files/abc","state":"ACTIVE"})"),
              ElementsAre(ResourceNote{"files/abc", absl::Hours(48)}));
  EXPECT_THAT(ByName(R"({"name":"cachedContents/c","expireTime":"2024-08-26T08:25:56Z"})"),
              ElementsAre(ResourceNote{"cachedContents/c", absl::Minutes(1)}));
  EXPECT_THAT(ByName(R"({"expireTime":"2024-08-26T08:25:56Z","name":"cachedContents/c"})"),
              ElementsAre(ResourceNote{"cachedContents/c", absl::Minutes(1)}));
  EXPECT_THAT(ByName(R"({"name":"cachedContents/c","expireTime":"soon"})"),
              ElementsAre(ResourceNote{"cachedContents/c", absl::Hours(1)}));
  EXPECT_THAT(ByName(R"({"name":"files/old","expirationTime":"2024-08-26T08:24:55Z"})"), IsEmpty());
  EXPECT_THAT(ByName(R"({"name":"fileSearchStores/s"})"),
              ElementsAre(ResourceNote{"fileSearchStores/s", kResourceTimeMax}));
  EXPECT_THAT(ByName(R"({"name":"models/m/operations/o","done":false})"),
              ElementsAre(ResourceNote{"models/m/operations/o", absl::Hours(24 * 30)}));
  EXPECT_THAT(ByName(R"({"name":"tunedModels/t/operations/o"})"),
              ElementsAre(ResourceNote{"tunedModels/t/operations/o", absl::Hours(24 * 30)},
                          ResourceNote{"tunedModels/t", absl::Hours(24 * 400)}));
  EXPECT_THAT(ByName(R"({"name":"cut-off-later/x","x":1)"), IsEmpty());
  EXPECT_THAT(ByName(R"({"name":"files/abc","x":1)"),
              ElementsAre(ResourceNote{"files/abc", absl::Hours(48)}));
}

TEST(LearnedResources, FilesThatAJobMadeThenTheyAreKnownToo) {
  EXPECT_THAT(
      ByName(
          R"({"name":"batches/b","metadata":{"output":{"responsesFile":"files/batch-b"},)"
          R"("inputConfig":{"fileName":"files/in"}},"done":true,)"
          R"("response":{"responsesFile":"files/batch-b","inlinedResponses":{"uri":"files/no"}}})"),
      ElementsAre(ResourceNote{"files/batch-b", absl::Hours(48)},
                  ResourceNote{"batches/b", absl::Hours(24 * 30)}));
  EXPECT_THAT(
      ByName(
          R"({"name":"models/veo/operations/o","done":true,"response":{)"
          R"("generateVideoResponse":{"generatedSamples":[{"video":{"uri":)"
          R"("https://generativelanguage.googleapis.com/v1beta/files/v:download?alt=media"}}]}}})"),
      ElementsAre(ResourceNote{"files/v", absl::Hours(48)},
                  ResourceNote{"models/veo/operations/o", absl::Hours(24 * 30)}));
}

TEST(LearnedResources, ListThenAllOfItIsKnownUpToTheMost) {
  EXPECT_THAT(ByName(R"({"files":[{"name":"files/a"},{"name":"files/b"}],"nextPageToken":"x"})"),
              ElementsAre(ResourceNote{"files/a", absl::Hours(48)},
                          ResourceNote{"files/b", absl::Hours(48)}));
  EXPECT_THAT(ByName(R"({"operations":[{"name":"batches/a","metadata":{"name":"batches/no"}}]})"),
              ElementsAre(ResourceNote{"batches/a", absl::Hours(24 * 30)}));
  std::string many = R"({"cachedContents":[)";
  for (int i = 0; i < 100; ++i) many += R"({"name":"cachedContents/)" + std::to_string(i) + "\"},";
  EXPECT_EQ(ByName(many).size(), kResourcesMax);
}

TEST(LearnedResources, IdsThenTheyAreOfTheCollectionThatWasAsked) {
  const absl::Duration days = absl::Hours(24 * 60);
  EXPECT_THAT(ById(R"({"id":"v1_a","outputs":[{"id":"no"}],"environment_id":"e"})", "interactions"),
              ElementsAre(ResourceNote{"environments/e", absl::Hours(24 * 30)},
                          ResourceNote{"interactions/v1_a", days}));
  EXPECT_THAT(ById("event: interaction.start\n"
                   "data: {\"interaction\":{\"id\":\"v1_a\",\"status\":\"in_progress\"}}\n\n"
                   "event: content.delta\n"
                   "data: {\"delta\":{\"text\":\"it's \\\"id\\\":\\\"x\\\"\",\"id\":\"no\"}}\n\n"
                   "data: [DONE]\n\n",
                   "interactions"),
              ElementsAre(ResourceNote{"interactions/v1_a", days}));
  EXPECT_THAT(ById(R"({"id":"files/a","object":"file"})", "files"),
              ElementsAre(ResourceNote{"files/a", absl::Hours(48)}));
  EXPECT_THAT(ById(R"({"object":"list","data":[{"id":"batches/b","output_file_id":"files/o"}]})",
                   "batches"),
              ElementsAre(ResourceNote{"files/o", absl::Hours(48)},
                          ResourceNote{"batches/b", absl::Hours(24 * 30)}));
  EXPECT_THAT(ById(R"({"id":"v1_a","output":{"arguments":{"uri":"files/no"}}})", "interactions"),
              ElementsAre(ResourceNote{"interactions/v1_a", days}));
}

TEST(LearnedResources, WhatAModelWritesThenItIsNotTakenForOne) {
  EXPECT_THAT(ByName(R"({"candidates":[{"content":{"parts":[{"name":"files/no"}]}}]})"), IsEmpty());
  EXPECT_THAT(ByName(R"({"response":{"candidates":[{"uri":"files/no"}]}})"), IsEmpty());
  EXPECT_THAT(ByName("not JSON \" at all"), IsEmpty());
  EXPECT_THAT(ByName(R"({"error":{"message":"name: files/no","name":"files/no"}})"), IsEmpty());
}

TEST(LearnedResources, UploadThatBeginsThenItsIdIsFoundInEitherField) {
  ResponseHead head;
  EXPECT_EQ(UploadBegunBy(head), "");
  head.fields = {{"X-Goog-Upload-URL", "https://g/upload/v1beta/files?a=1&upload_id=abc&key=k"}};
  EXPECT_EQ(UploadBegunBy(head), UploadResource("abc"));
  head.fields = {{"Location", "/upload?upload_id=a%62c"}};
  EXPECT_EQ(UploadBegunBy(head), UploadResource("abc"));
}

}  // namespace
}  // namespace keypool::proxy
