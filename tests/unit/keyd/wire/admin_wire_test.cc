#include "keyd/wire/admin_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/wire/text.h"
#include "keyd/wire/unix_address.h"

namespace keypool::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

template <class Message, class From>
Message Encoded(const From& from) {
  Message message, read;
  Encode(from, &message);
  EXPECT_TRUE(read.ParseFromString(message.SerializeAsString()));
  return read;
}

TEST(AdminWire, RequestsSurviveTheWire) {
  const auto status = Decode(Encoded<v1::StatusRequest>(StatusQuery{"m", KeyId(41), 17}));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->model, "m");
  EXPECT_EQ(status->after, KeyId(41));
  EXPECT_EQ(status->keys_max, 17u);

  const auto watch = Decode(Encoded<v1::WatchRequest>(WatchQuery{{}, absl::Milliseconds(250)}));
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_EQ(watch->min_interval, absl::Milliseconds(250));
  EXPECT_EQ(watch->status.keys_max, 1000u);

  const auto key = Decode(Encoded<v1::GetKeyRequest>(KeyQuery{KeyId(3), "m"}));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->key, KeyId(3));
  EXPECT_EQ(key->model, "m");

  const auto all = Decode(Encoded<v1::ResetRequest>(ResetCommand{}));
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->key, std::nullopt);
  const auto one = Decode(Encoded<v1::ResetRequest>(ResetCommand{KeyId(2)}));
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->key, KeyId(2));

  const auto secret = std::make_shared<const Secret>("AIzaSy-0123456789");
  AddKeyCommand command;
  command.secret = secret;
  command.project = ProjectId("my-project");
  const auto add = Decode(Encoded<v1::AddKeyRequest>(command));
  ASSERT_TRUE(add.ok()) << add.status();
  EXPECT_EQ(*add->secret, *secret);
  EXPECT_EQ(add->project, ProjectId("my-project"));
  EXPECT_FALSE(add->imported);

  const auto remove = Decode(Encoded<v1::RemoveKeyRequest>(RemoveKeyCommand{KeyId(8)}));
  ASSERT_TRUE(remove.ok());
  EXPECT_EQ(remove->key, KeyId(8));
  const auto disable = Decode(Encoded<v1::DisableKeyRequest>(DisableKeyCommand{KeyId(8), "why"}));
  ASSERT_TRUE(disable.ok());
  EXPECT_EQ(disable->key, KeyId(8));
  EXPECT_EQ(disable->reason, "why");
  const auto enable = Decode(Encoded<v1::EnableKeyRequest>(EnableKeyCommand{KeyId(8)}));
  ASSERT_TRUE(enable.ok());
  EXPECT_EQ(enable->key, KeyId(8));
}

PoolSummary SomeSummary() {
  PoolSummary summary;
  summary.now = absl::FromUnixNanos(1'768'507'200'123'456'789);
  summary.epoch = Epoch(12);
  summary.keys_total = 3;
  summary.keys_active = 2;
  summary.keys_usable = 1;
  summary.projects_total = 2;
  summary.leases_open = 99;
  summary.day_resets_at = absl::FromUnixSeconds(1'768'550'400);
  summary.advice = "add a key";
  return summary;
}

TEST(AdminWire, StatusSurvivesTheWire) {
  PoolStatus status;
  status.summary = SomeSummary();
  KeyStatus key;
  key.id = KeyId(4);
  key.project = ProjectId("~key_4");
  key.masked_secret = "AIza…wxyz";
  key.active = false;
  key.disabled_reason = "leaked";
  key.disabled_at = absl::FromUnixSeconds(1'768'500'000);
  key.retry_at = absl::FromUnixSeconds(1'768'503'600);
  key.added_at = absl::FromUnixSeconds(1'768'400'000);
  key.last_used_at = absl::FromUnixSeconds(1'768'450'000);
  for (BucketState state : {BucketState::kReady, BucketState::kExhausted, BucketState::kCooling}) {
    BucketStatus bucket;
    bucket.model = absl::StrCat("m", static_cast<int>(state));
    bucket.state = state;
    if (state != BucketState::kReady) bucket.ready_at = absl::FromUnixSeconds(1'768'507'260);
    bucket.reason = "why";
    bucket.per_minute = {3, 10};
    bucket.tokens_per_minute = {12'345, 250'000};
    bucket.tokens_per_day = {54'321, kUnlimited};
    bucket.per_day = {250, 250, LimitSource::kLearned, absl::FromUnixSeconds(1'768'400'123)};
    key.buckets.push_back(bucket);
  }
  status.keys.push_back(key);
  status.more = true;

  const v1::StatusResponse response = Encoded<v1::StatusResponse>(status);
  EXPECT_EQ(response.next_page_token(), "key_4");
  const auto read = Decode(response);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->summary.now, status.summary.now);
  EXPECT_EQ(read->summary.epoch, status.summary.epoch);
  EXPECT_EQ(read->summary.keys_total, 3);
  EXPECT_EQ(read->summary.keys_active, 2);
  EXPECT_EQ(read->summary.keys_usable, 1);
  EXPECT_EQ(read->summary.projects_total, 2);
  EXPECT_EQ(read->summary.leases_open, 99);
  EXPECT_EQ(read->summary.day_resets_at, status.summary.day_resets_at);
  EXPECT_EQ(read->summary.advice, "add a key");
  EXPECT_TRUE(read->more);
  ASSERT_EQ(read->keys.size(), 1u);
  const KeyStatus& got = read->keys[0];
  EXPECT_EQ(got.id, key.id);
  EXPECT_EQ(got.project, key.project);
  EXPECT_EQ(got.masked_secret, key.masked_secret);
  EXPECT_EQ(got.active, key.active);
  EXPECT_EQ(got.disabled_reason, key.disabled_reason);
  EXPECT_EQ(got.disabled_at, key.disabled_at);
  EXPECT_EQ(got.retry_at, key.retry_at);
  EXPECT_EQ(got.added_at, key.added_at);
  EXPECT_EQ(got.last_used_at, key.last_used_at);
  ASSERT_EQ(got.buckets.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(got.buckets[i].model, key.buckets[i].model);
    EXPECT_EQ(got.buckets[i].state, key.buckets[i].state);
    EXPECT_EQ(got.buckets[i].ready_at, key.buckets[i].ready_at);
    EXPECT_EQ(got.buckets[i].reason, "why");
    EXPECT_EQ(got.buckets[i].per_minute.used, 3);
    EXPECT_EQ(got.buckets[i].per_minute.limit, 10);
    EXPECT_EQ(got.buckets[i].per_day.used, 250);
    EXPECT_EQ(got.buckets[i].per_minute.source, LimitSource::kDefault);
    EXPECT_EQ(got.buckets[i].per_day.source, LimitSource::kLearned);
    EXPECT_EQ(got.buckets[i].per_day.learned_at, absl::FromUnixSeconds(1'768'400'123));
    EXPECT_EQ(got.buckets[i].tokens_per_minute.used, 12'345);
    EXPECT_EQ(got.buckets[i].tokens_per_minute.limit, 250'000);
    EXPECT_EQ(got.buckets[i].tokens_per_day.limit, kUnlimited);
  }
}

TEST(AdminWire, InfiniteTimesStayInsideWhatATimestampCanSay) {
  KeyStatus key;
  key.id = KeyId(1);
  key.added_at = absl::InfinitePast();
  key.last_used_at = absl::InfiniteFuture();
  const v1::KeyStatus message = Encoded<v1::KeyStatus>(key);
  EXPECT_EQ(message.added_at().seconds(), -62'135'596'800);
  EXPECT_EQ(message.last_used_at().seconds(), 253'402'300'799);
  EXPECT_TRUE(Decode(message).ok());
}

TEST(AdminWire, EveryBoundOfStatusAndWatchIsChecked) {
  v1::StatusRequest status;
  status.set_page_size(1000);
  EXPECT_TRUE(Decode(status).ok());
  status.set_page_size(1001);
  EXPECT_THAT(std::string(Decode(status).status().message()), StartsWith("page_size"));
  status.set_page_size(1);
  status.set_page_token("rubbish");
  EXPECT_THAT(std::string(Decode(status).status().message()), StartsWith("page_token"));
  status.clear_page_token();
  status.set_model(std::string(129, 'm'));
  EXPECT_THAT(std::string(Decode(status).status().message()), StartsWith("model"));

  v1::WatchRequest watch;
  EXPECT_EQ(Decode(watch)->min_interval, absl::Seconds(1));
  for (std::uint32_t good : {100u, 60'000u}) {
    watch.set_min_interval_ms(good);
    EXPECT_TRUE(Decode(watch).ok()) << good;
  }
  for (std::uint32_t bad : {1u, 99u, 60'001u}) {
    watch.set_min_interval_ms(bad);
    EXPECT_THAT(std::string(Decode(watch).status().message()), StartsWith("min_interval_ms"));
  }
  watch.clear_min_interval_ms();
  watch.mutable_status()->set_page_size(5000);
  EXPECT_THAT(std::string(Decode(watch).status().message()), StartsWith("status: page_size"));
}

TEST(AdminWire, EveryBoundOfAddKeyIsCheckedAndNoErrorShowsTheSecret) {
  v1::AddKeyRequest request;
  const std::vector<std::string> bad = {"",           "1234567",          std::string(513, 'k'),
                                        "with space", "new\nline-123456", "umlaut-ä-123"};
  for (const std::string& secret : bad) {
    request.set_secret(secret);
    const auto command = Decode(request);
    EXPECT_EQ(command.status().code(), absl::StatusCode::kInvalidArgument) << secret.size();
    EXPECT_THAT(std::string(command.status().message()), StartsWith("secret: "));
    if (!secret.empty()) {
      EXPECT_THAT(std::string(command.status().message()), Not(HasSubstr(secret)));
    }
  }
  for (const std::string& secret : {std::string(8, 'k'), std::string(512, '~')}) {
    request.set_secret(secret);
    EXPECT_TRUE(Decode(request).ok()) << secret.size();
  }
  for (const std::string& project :
       {std::string("-dash"), std::string("a b"), std::string("~key_1"), std::string(129, 'p')}) {
    request.set_project_id(project);
    EXPECT_THAT(std::string(Decode(request).status().message()), StartsWith("project_id"));
  }
}

TEST(AdminWire, TextThatIsNoIdIsNotFoundAndNotRepeated) {
  v1::GetKeyRequest request;
  EXPECT_EQ(Decode(request).status().code(), absl::StatusCode::kInvalidArgument);
  request.set_key_id("AIzaSyPastedByMistake");
  EXPECT_EQ(Decode(request).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Decode(request).status().message()), Not(HasSubstr("Pasted")));
  v1::RemoveKeyRequest remove;
  remove.set_key_id("key_0x");
  EXPECT_EQ(Decode(remove).status().code(), absl::StatusCode::kNotFound);
  v1::ResetRequest reset;
  reset.set_key_id("x");
  EXPECT_EQ(Decode(reset).status().code(), absl::StatusCode::kNotFound);
  v1::EnableKeyRequest enable;
  EXPECT_EQ(Decode(enable).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(AdminWire, DisableKeyHasAReasonInAnyCase) {
  v1::DisableKeyRequest request;
  request.set_key_id("key_1");
  EXPECT_EQ(Decode(request)->reason, "disabled by the operator");
  request.set_reason(std::string(200, 'r'));
  EXPECT_TRUE(Decode(request).ok());
  request.set_reason(std::string(201, 'r'));
  EXPECT_THAT(std::string(Decode(request).status().message()), StartsWith("reason"));
  request.set_reason("\x1b[31mred");
  EXPECT_THAT(std::string(Decode(request).status().message()), StartsWith("reason"));
}

TEST(AdminWire, StatusThatIsNotUnderstoodIsAnErrorThatNamesTheField) {
  v1::KeyStatus key;
  EXPECT_THAT(std::string(Decode(key).status().message()), HasSubstr("key_id"));
  key.set_key_id("key_1");
  EXPECT_THAT(std::string(Decode(key).status().message()), HasSubstr("state"));
  key.set_state(v1::KeyStatus::STATE_ACTIVE);
  EXPECT_TRUE(Decode(key).ok());
  key.add_buckets();
  EXPECT_THAT(std::string(Decode(key).status().message()), HasSubstr("buckets.state"));
}

TEST(Text, OnlyWellFormedUtf8IsUtf8) {
  for (const char* good : {"", "plain", "ä€😀", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
    EXPECT_EQ(ClipText(good, 100), good);
  }
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff", "a\xe2\x82"}) {
    EXPECT_FALSE(IsUtf8(bad));
    EXPECT_TRUE(IsUtf8(ClipText(bad, 100)));
  }
}

TEST(Text, ClippingNeverCutsACharacter) {
  EXPECT_EQ(ClipText("ab€cd", 4), "ab");
  EXPECT_EQ(ClipText("ab€cd", 5), "ab€");
  EXPECT_EQ(ClipText("ab\xff"
                     "cd",
                     4),
            "ab?c");
}

TEST(UnixAddress, ThreeWaysToWriteAPath) {
  EXPECT_EQ(*ParseUnixAddress("unix:/run/keyd.sock"), "/run/keyd.sock");
  EXPECT_EQ(*ParseUnixAddress("unix:///run/keyd.sock"), "/run/keyd.sock");
  EXPECT_EQ(*ParseUnixAddress("unix:keyd.sock"), "keyd.sock");
}

TEST(UnixAddress, OtherFormsAreRefusedWithTheReason) {
  for (const char* bad : {"", "127.0.0.1:9000", "tcp:host:1", "unix:", "unix://host/path"}) {
    EXPECT_EQ(ParseUnixAddress(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_THAT(std::string(ParseUnixAddress("dns:keyd:1").status().message()),
              HasSubstr("is not a unix socket"));
  EXPECT_TRUE(ParseUnixAddress("unix:/" + std::string(106, 'p')).ok());
  EXPECT_THAT(std::string(ParseUnixAddress("unix:/" + std::string(107, 'p')).status().message()),
              HasSubstr("107"));
}

TEST(UnixAddress, PathWithUriSyntaxIsEscapedForGrpc) {
  EXPECT_EQ(GrpcTarget("/tmp/a b%?#.sock"), "unix:/tmp/a%20b%25%3F%23.sock");
}

}  // namespace
}  // namespace keypool::wire
