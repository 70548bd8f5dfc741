#include "proxy/pooled_list.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace keypool::proxy {
namespace {

PooledList OpenFiles(std::string_view target) {
  std::optional<PooledList> list = PooledList::Open("files", target);
  EXPECT_TRUE(list.has_value()) << target;
  return *std::move(list);
}

std::string TokenIn(const std::string& body) {
  const std::string_view mark = "\"nextPageToken\": \"";
  const std::size_t at = body.find(mark);
  if (at == std::string::npos) return "";
  const std::size_t start = at + mark.size();
  return body.substr(start, body.find('"', start) - start);
}

TEST(PooledList, GoesThroughEveryProjectAndKeepsItemsAsTheyStand) {
  PooledList list = OpenFiles("/v1beta/files?alt=json");
  EXPECT_TRUE(list.Next().behind);
  EXPECT_EQ(list.Next().project, "");
  EXPECT_EQ(list.Target(), "/v1beta/files?alt=json");
  ASSERT_TRUE(
      list.Take("a", R"({"files": [{"name": "files/1", "sizeBytes":  "7"}, {"name":"files/2"}]})"));
  EXPECT_EQ(list.LastItems(),
            (std::vector<std::string_view>{R"({"name": "files/1", "sizeBytes":  "7"})",
                                           R"({"name":"files/2"})"}));
  ASSERT_FALSE(list.Done());
  EXPECT_TRUE(list.Next().behind);
  EXPECT_EQ(list.Next().project, "a");
  ASSERT_TRUE(list.Take("b", "{}"));
  ASSERT_TRUE(
      list.Take("c", R"({"other": [1, {"files": []}], "files": [{"name":"files/3","x":1.50}]})"));
  EXPECT_EQ(list.LastItems().size(), 1u);
  list.NoMoreProjects();
  ASSERT_TRUE(list.Done());
  EXPECT_EQ(
      list.Body(),
      "{\n\"files\": [\n{\"name\": \"files/1\", \"sizeBytes\":  \"7\"},\n{\"name\":\"files/2\"},\n"
      "{\"name\":\"files/3\",\"x\":1.50}\n]\n}\n");
}

TEST(PooledList, OfBatchesHasThemWhereGoogleListsThem) {
  PooledList list = *PooledList::Open("batches", "/v1beta/batches");
  ASSERT_TRUE(list.Take("a", R"({"operations": [{"name": "batches/1"}]})"));
  ASSERT_TRUE(list.Take("b", R"({"operations": [{"name": "batches/2"}]})"));
  list.NoMoreProjects();
  EXPECT_EQ(list.Body(),
            "{\n\"operations\": [\n{\"name\": \"batches/1\"},\n{\"name\": \"batches/2\"}\n]\n}\n");
}

TEST(PooledList, OfAnythingElseIsNone) {
  EXPECT_FALSE(PooledList::Open("models", "/v1beta/models").has_value());
}

TEST(PooledList, LeavesOutWhatIsNotAmongThoseToShow) {
  const std::string_view page =
      R"({"files": [{"name": "files/1"}, {"name":"files/2"}, {"x": 1}, {"name":"files/3"}]})";
  EXPECT_EQ(PooledList::NamesIn("files", page),
            (std::vector<std::string>{"files/1", "files/2", "files/3"}));
  PooledList list = OpenFiles("/v1beta/files");
  const absl::flat_hash_set<std::string> only = {"files/3", "files/1"};
  ASSERT_TRUE(list.Take("a", page, &only));
  list.NoMoreProjects();
  EXPECT_EQ(list.Body(),
            "{\n\"files\": [\n{\"name\": \"files/1\"},\n{\"name\":\"files/3\"}\n]\n}\n");
}

TEST(PooledList, WhatIsLeftOutBehindAFullPageMayHideMore) {
  PooledList list = OpenFiles("/v1beta/files?pageSize=1");
  const absl::flat_hash_set<std::string> only = {"files/1"};
  ASSERT_TRUE(list.Take("a", R"({"files":[{"name":"files/1"}]})", &only));
  ASSERT_FALSE(list.Done());
  ASSERT_TRUE(list.Take("b", R"({"files":[{"name":"files/2"}],"nextPageToken":"x"})", &only));
  EXPECT_TRUE(list.Done());
  EXPECT_NE(TokenIn(list.Body()), "");
}

TEST(PooledList, IsEmptyWhenNoProjectHasAny) {
  PooledList list = OpenFiles("/v1beta/files");
  ASSERT_TRUE(list.Take("a", "{}\n"));
  list.NoMoreProjects();
  EXPECT_EQ(list.Body(), "{\n}\n");
}

TEST(PooledList, GoesOnInsideAProjectAndThenBehindIt) {
  PooledList list = OpenFiles("/v1beta/files?pageSize=3");
  EXPECT_EQ(list.Target(), "/v1beta/files?pageSize=3");
  ASSERT_TRUE(list.Take(
      "a", R"({"files":[{"name":"files/1"},{"name":"files/2"}],"nextPageToken":"x+/=&"})"));
  ASSERT_FALSE(list.Done());
  EXPECT_FALSE(list.Next().behind);
  EXPECT_EQ(list.Next().project, "a");
  EXPECT_EQ(list.Target(), "/v1beta/files?pageSize=1&pageToken=x%2B%2F%3D%26");
  ASSERT_TRUE(list.Take("a", R"({"files":[{"name":"files/3"}],"nextPageToken":"y"})"));
  ASSERT_TRUE(list.Done());

  const std::string token = TokenIn(list.Body());
  PooledList rest = OpenFiles(absl::StrCat("/v1beta/files?page_token=", token, "&page_size=2"));
  EXPECT_FALSE(rest.Next().behind);
  EXPECT_EQ(rest.Next().project, "a");
  EXPECT_EQ(rest.Target(), "/v1beta/files?pageSize=2&pageToken=y");
  ASSERT_TRUE(rest.Take("a", R"({"files":[{"name":"files/4"},{"name":"files/5"}]})"));
  ASSERT_FALSE(rest.Done());  // is there any more?
  EXPECT_EQ(rest.Target(), "/v1beta/files?pageSize=1");
  ASSERT_TRUE(rest.Take("b", R"({"files":[{"name":"files/6"}],"nextPageToken":"z"})"));
  ASSERT_TRUE(rest.Done());
  EXPECT_EQ(rest.Body().find("files/6"), std::string::npos);

  PooledList behind = OpenFiles(absl::StrCat("/v1beta/files?pageToken=", TokenIn(rest.Body())));
  EXPECT_TRUE(behind.Next().behind);
  EXPECT_EQ(behind.Next().project, "a");
  EXPECT_EQ(behind.Target(), "/v1beta/files");
}

TEST(PooledList, AFullPageWithNothingBehindItIsTheLast) {
  PooledList list = OpenFiles("/v1beta/files?pageSize=1");
  ASSERT_TRUE(list.Take("a", R"({"files":[{"name":"files/1"}]})"));
  ASSERT_FALSE(list.Done());
  ASSERT_TRUE(list.Take("b", "{}"));
  ASSERT_FALSE(list.Done());
  list.NoMoreProjects();
  ASSERT_TRUE(list.Done());
  EXPECT_EQ(TokenIn(list.Body()), "");
}

TEST(PooledList, RefusesTokensThatAreNotItsOwn) {
  for (const char* token :
       {"CiAKGjBpNDd2Nmp2Zml", "pool1.", "pool1.%21%21", "pool1.YQ", "pool2.PgoK"}) {
    EXPECT_FALSE(
        PooledList::Open("files", absl::StrCat("/v1beta/files?pageToken=", token)).has_value())
        << token;
  }
}

TEST(PooledList, PassesOverAnAnswerThatIsNoList) {
  PooledList list = OpenFiles("/v1beta/files");
  ASSERT_TRUE(list.Take("a", R"({"files":[{"name":"files/1"}]})"));
  for (const char* payload : {"", "<html>", "[]", R"({"files":[{"name":"files/2"},{"na)"}) {
    EXPECT_FALSE(list.Take("b", payload)) << payload;
    EXPECT_TRUE(list.LastItems().empty());
  }
  EXPECT_TRUE(list.Next().behind);
  EXPECT_EQ(list.Next().project, "b");
  list.NoMoreProjects();
  EXPECT_EQ(list.Body(), "{\n\"files\": [\n{\"name\":\"files/1\"}\n]\n}\n");
}

TEST(PooledList, APageIsBoundedInItemsBytesAndProjects) {
  PooledList many = OpenFiles("/v1beta/files");
  std::string payload = R"({"files":[{})";
  for (std::size_t i = 1; i < PooledList::kItemsDefault; ++i) payload += ",{}";
  ASSERT_TRUE(many.Take("a", payload + "]}"));
  ASSERT_FALSE(many.Done());
  ASSERT_TRUE(many.Take("b", R"({"files":[{}]})"));
  EXPECT_TRUE(many.Done());
  EXPECT_NE(TokenIn(many.Body()), "");

  PooledList large = OpenFiles("/v1beta/files");
  ASSERT_TRUE(large.Take("a", absl::StrCat(R"({"files":[{"displayName":")",
                                           std::string(PooledList::kBytesMax, 'x'), R"("}]})")));
  EXPECT_TRUE(large.Done());

  PooledList empty = OpenFiles("/v1beta/files");
  for (int i = 0; i < PooledList::kPagesMax; ++i) {
    ASSERT_FALSE(empty.Done());
    ASSERT_TRUE(empty.Take(absl::StrCat("p", i), "{}"));
  }
  EXPECT_TRUE(empty.Done());
  EXPECT_NE(TokenIn(empty.Body()), "");
}

}  // namespace
}  // namespace keypool::proxy
