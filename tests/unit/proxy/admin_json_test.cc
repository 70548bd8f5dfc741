#include "proxy/admin_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "keyd/base/secret.h"

namespace keypool::proxy {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

KeyStatus SomeKey() {
  KeyStatus key;
  key.id = KeyId(7);
  key.project = ProjectId("p");
  key.masked_secret = "AIza…wxyz";
  key.added_at = absl::FromUnixSeconds(1'795'000'000);
  BucketStatus bucket;
  bucket.model = "gemini-2.5-flash";
  bucket.state = BucketState::kCooling;
  bucket.ready_at = absl::FromUnixMillis(1'795'000'000'123);
  bucket.reason = "429";
  bucket.per_minute = {1, 10};
  bucket.per_day = {2, 250};
  bucket.tokens_per_minute = {12'345, 250'000};
  key.buckets.push_back(bucket);
  return key;
}

TEST(AdminJson, KeyHasItsNamesAndNullsForWhatIsNotThere) {
  const json::value value = json::parse(KeyJson(SomeKey()));
  EXPECT_EQ(value.at("key_id"), "key_7");
  EXPECT_EQ(value.at("masked_secret"), "AIza…wxyz");
  EXPECT_EQ(value.at("state"), "active");
  EXPECT_TRUE(value.at("disabled_at").is_null());
  EXPECT_TRUE(value.at("retry_at").is_null());
  EXPECT_TRUE(value.at("last_used_at").is_null());
  const json::value& bucket = value.at("buckets").at(0);
  EXPECT_EQ(bucket.at("state"), "cooling");
  EXPECT_EQ(bucket.at("ready_at"), "2026-11-18T11:06:40.123Z");
  EXPECT_EQ(bucket.at("requests_per_day").at("limit"), 250);
  EXPECT_EQ(bucket.at("input_tokens_per_minute").at("used"), 12'345);
  EXPECT_EQ(bucket.at("input_tokens_per_minute").at("limit"), 250'000);
  EXPECT_TRUE(bucket.at("input_tokens_per_day").at("limit").is_null());
}

TEST(AdminJson, StatusNamesTheNextPageOnlyWhenThereIsOne) {
  PoolStatus status;
  status.keys.push_back(SomeKey());
  EXPECT_TRUE(json::parse(StatusJson(status)).at("next_page_token").is_null());
  status.more = true;
  EXPECT_EQ(json::parse(StatusJson(status)).at("next_page_token"), "key_7");
}

TEST(AdminJson, HealthIsGoodOnlyWhenAKeyCanServe) {
  PoolStatus status;
  EXPECT_FALSE(HealthOf(status).healthy);
  EXPECT_THAT(HealthOf(status).body, HasSubstr("no_keys"));
  status.summary.keys_total = 2;
  EXPECT_FALSE(HealthOf(status).healthy);
  EXPECT_THAT(HealthOf(status).body, HasSubstr("degraded"));
  status.summary.keys_usable = 1;
  EXPECT_TRUE(HealthOf(status).healthy);
  EXPECT_THAT(HealthOf(status).body, HasSubstr("\"ok\""));
  const Health away = HealthOf(absl::UnavailableError("keyd is away"));
  EXPECT_FALSE(away.healthy);
  EXPECT_THAT(away.body, HasSubstr("keyd_unreachable"));
}

TEST(AdminJson, KeyToAddIsRead) {
  const auto command = ParseAddKey(R"({"key":"AIza-0123456789","project_id":"my-project"})");
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_TRUE(*command->secret == Secret("AIza-0123456789"));
  EXPECT_EQ(command->project, ProjectId("my-project"));
  for (const char* body :
       {R"({"key":"AIza-0123456789"})", R"({"key":"AIza-0123456789","project_id":null})"}) {
    const auto alone = ParseAddKey(body);
    ASSERT_TRUE(alone.ok()) << body;
    EXPECT_FALSE(alone->project.has_value());
    EXPECT_FALSE(alone->imported);
  }
}

TEST(AdminJson, WrongKeysAreRefusedWithTheFieldAndWithoutItsValue) {
  struct Case {
    const char* body;
    const char* names;
  };
  for (const Case& c :
       {Case{"", "JSON"}, Case{"{", "JSON"}, Case{"7", "object"}, Case{"{}", "\"key\" is missing"},
        Case{R"({"key":null})", "\"key\" is missing"}, Case{R"({"key":["x"]})", "\"key\""},
        Case{R"({"key":"AIza 0123456789"})", "\"key\""}, Case{R"({"key":"AIza-01"})", "\"key\""},
        Case{R"({"key":"AIza-0123456789","project_id":1})", "\"project_id\""},
        Case{R"({"key":"AIza-0123456789","project_id":""})", "\"project_id\""},
        Case{R"({"key":"AIza-0123456789","project_id":"-p"})", "\"project_id\""},
        Case{R"({"key":"AIza-0123456789","projekt":"p"})", "\"projekt\""}}) {
    const absl::Status status = ParseAddKey(c.body).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.body;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.names)) << c.body;
    EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("AIza"))) << c.body;
  }
}

TEST(AdminJson, ResetIsOfOneKeyOrOfAll) {
  for (const char* all : {"", "{}", R"({"key_id":null})"}) {
    const auto command = ParseReset(all);
    ASSERT_TRUE(command.ok()) << all;
    EXPECT_FALSE(command->key.has_value());
  }
  EXPECT_EQ(ParseReset(R"({"key_id":"key_7"})")->key, KeyId(7));
  for (const char* wrong :
       {R"({"key_id":7})", R"({"key_id":"seven"})", R"({"id":"key_7"})", "[]"}) {
    EXPECT_EQ(ParseReset(wrong).status().code(), absl::StatusCode::kInvalidArgument) << wrong;
  }
}

}  // namespace
}  // namespace keypool::proxy
