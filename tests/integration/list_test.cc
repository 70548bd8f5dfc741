// Lists of what every project has its own of: the client sees the whole pool.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/uploads.h"

namespace keypool::itest {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::SizeIs;

struct Listed {
  std::set<std::string> names;
  std::string next;
};

Listed List(Cluster& cluster, const std::string& query, int proxy = 0) {
  const Answer answer = Get(cluster.proxy_port(proxy), "/v1beta/files" + query);
  EXPECT_EQ(answer.status, 200) << answer.body;
  const json::object page = json::parse(answer.body).as_object();
  Listed listed;
  if (const json::value* files = page.if_contains("files")) {
    for (const json::value& file : files->as_array()) {
      listed.names.insert(std::string(file.at("name").as_string()));
    }
  }
  if (const json::value* next = page.if_contains("nextPageToken")) listed.next = next->as_string();
  return listed;
}

// Two files with every key of the pool.
std::set<std::string> UploadTwoEach(Cluster& cluster, int keys) {
  std::set<std::string> names;
  for (int key = 1; key <= keys; ++key) {
    for (int i = 0; i < 2; ++i) names.insert(UploadFile(cluster.fake().port(), TestKey(key)));
  }
  return names;
}

TEST(Lists, ShowEveryProjectOfThePool) {
  auto cluster = Cluster::Start({.keys = TestKeys(3, 2)}).value();
  const std::set<std::string> names = UploadTwoEach(*cluster, 6);
  ASSERT_THAT(names, SizeIs(12));
  const Listed all = List(*cluster, "");
  EXPECT_EQ(all.names, names);
  EXPECT_EQ(all.next, "");
}

TEST(Lists, PagesGoOnOverProjectsAndProxies) {
  auto cluster = Cluster::Start({.keys = TestKeys(3), .proxies = 2}).value();
  std::set<std::string> left = UploadTwoEach(*cluster, 3);
  std::string token;
  int pages = 0;
  do {
    const Listed page = List(*cluster, absl::StrCat("?pageSize=1&pageToken=", token), pages % 2);
    for (const std::string& name : page.names) EXPECT_EQ(left.erase(name), 1u) << name;
    token = page.next;
    ASSERT_LE(++pages, 8);
  } while (!token.empty());
  EXPECT_THAT(left, SizeIs(0));
}

TEST(Lists, BatchesOfEveryProjectAreListedAsOperations) {
  auto cluster = Cluster::Start({.keys = TestKeys(3)}).value();
  for (int key = 1; key <= 3; ++key) {
    HttpRequest make{.method = "POST",
                     .target = "/v1beta/models/gemini-2.5-flash:batchGenerateContent",
                     .headers = {{"x-goog-api-key", TestKey(key)}},
                     .body = R"({"batch":{}})"};
    ASSERT_EQ(Fetch(cluster->fake().port(), make).status, 200);
  }
  const Answer answer = Get(cluster->proxy_port(), "/v1beta/batches");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(json::parse(answer.body).at("operations").as_array(), SizeIs(3));
}

TEST(Lists, AreEmptyWhenThereIsNothing) {
  auto cluster = Cluster::Start({.keys = TestKeys(2)}).value();
  const Listed none = List(*cluster, "?pageSize=10");
  EXPECT_THAT(none.names, SizeIs(0));
  EXPECT_EQ(none.next, "");
}

TEST(Lists, OfBatchesShowEveryProjectToo) {
  auto cluster = Cluster::Start({.keys = TestKeys(3)}).value();
  std::set<std::string> made;
  for (int key = 1; key <= 3; ++key) {
    HttpRequest request{.method = "POST",
                        .target = "/v1beta/models/gemini-2.5-flash:batchGenerateContent",
                        .headers = {{"x-goog-api-key", TestKey(key)}},
                        .body = R"({"batch":{}})"};
    made.insert(NameIn(Fetch(cluster->fake().port(), request).body));
  }
  ASSERT_THAT(made, SizeIs(3));
  const std::string body = Get(cluster->proxy_port(), "/v1beta/batches").body;
  const json::object page = json::parse(body).as_object();
  ASSERT_TRUE(page.contains("operations")) << body;
  std::set<std::string> listed;
  for (const json::value& batch : page.at("operations").as_array()) {
    listed.insert(std::string(batch.at("name").as_string()));
  }
  EXPECT_EQ(listed, made);
}

// Far more than one report to keyd holds.
TEST(Lists, NamesSeenInOneThenNobodyHasToLookForThem) {
  constexpr int kEach = 150;
  auto cluster = Cluster::Start({.keys = TestKeys(3), .proxies = 2}).value();
  std::set<std::string> names;
  for (int key = 1; key <= 3; ++key) {
    for (int i = 0; i < kEach; ++i) {
      names.insert(UploadFile(cluster->fake().port(), TestKey(key)));
    }
  }
  EXPECT_EQ(List(*cluster, "?pageSize=1000", 0).names, names);
  const std::uint64_t before = cluster->fake().Requests().back().number;
  for (const std::string& name : names) {
    EXPECT_EQ(Get(cluster->proxy_port(1), "/v1beta/" + name).status, 200);
  }
  EXPECT_THAT(cluster->fake().Requests(before), SizeIs(3 * kEach));
}

TEST(Lists, TokensOfAnotherOriginAreRefused) {
  auto cluster = Cluster::Start({.keys = TestKeys(1)}).value();
  const Answer answer = Get(cluster->proxy_port(), "/v1beta/files?pageToken=CiAKGjBpNDd2");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("pageToken"));
}

}  // namespace
}  // namespace keypool::itest
