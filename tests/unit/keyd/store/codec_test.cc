#include "keyd/store/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/escaping.h"
#include "keyd/store/record_fields.h"
#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::store {
namespace {

using policy::BucketName;
using policy::BucketRecord;
using policy::KeyRecord;
using policy::PoolRecord;
using policy::RemovedKeyRecord;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecretText[] = "AIzaSyTheSecretItself0123456789";

KeyRecord SomeKey() {
  return {.id = KeyId{7},
          .project = ProjectId{"project-a"},
          .secret = std::make_shared<const Secret>(kSecretText),
          .active = false,
          .disabled_reason = "said so",
          .disabled_at = absl::FromUnixNanos(1'700'000'000'123'456'789),
          .added_at = absl::FromUnixSeconds(1'600'000'000),
          .retry_at = absl::InfiniteFuture()};
}

BucketRecord SomeBucket() {
  return {.project = ProjectId{"project-a"},
          .model = "gemini-2.5-pro",
          .day = 20'000,
          .day_used = 123,
          .minute = {{absl::FromUnixNanos(1'700'000'000'000'000'001), 3},
                     {absl::FromUnixNanos(1'700'000'001'000'000'000), 1}},
          .ahead = 4,
          .cooling_until = absl::FromUnixSeconds(1'700'000'060),
          .cooling_reason = "per minute"};
}

BucketName NameOf(const BucketRecord& bucket) { return {bucket.project, bucket.model}; }

template <class T>
std::string Encoded(void (*encode)(const T&, std::string*), const T& record) {
  std::string out;
  encode(record, &out);
  return out;
}

std::string Encoded(const KeyRecord& record) {
  std::string out;
  EncodeKey(record, *fakes::TestSealer(), &out);
  return out;
}
absl::StatusOr<KeyRecord> Decoded(KeyId row, std::string_view bytes) {
  return DecodeKey(row, bytes, *fakes::TestSealer());
}

// The checksum of the format, told a second time: what is on disk must not change with the code.
std::string WithChecksum(std::string body) {
  std::uint32_t hash = 0x811c9dc5;
  for (const unsigned char c : body) hash = (hash ^ c) * 0x01000193;
  for (int shift = 0; shift < 32; shift += 8) body.push_back(static_cast<char>(hash >> shift));
  return body;
}

std::string BodyOf(const std::string& record) { return record.substr(0, record.size() - 4); }

TEST(Codec, KeyComesBackWhole) {
  const absl::StatusOr<KeyRecord> back = Decoded(KeyId{7}, Encoded(SomeKey()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->id, KeyId{7});
  EXPECT_EQ(back->project, ProjectId{"project-a"});
  EXPECT_EQ(back->secret->Reveal(), kSecretText);
  EXPECT_FALSE(back->active);
  EXPECT_EQ(back->disabled_reason, "said so");
  EXPECT_EQ(back->disabled_at, absl::FromUnixNanos(1'700'000'000'123'456'789));
  EXPECT_EQ(back->added_at, absl::FromUnixSeconds(1'600'000'000));
}

TEST(Codec, WhatMayBeMissingComesBackToo) {
  KeyRecord key = SomeKey();
  key.retry_at = absl::FromUnixSeconds(1'700'003'600);
  EXPECT_EQ(Decoded(KeyId{7}, Encoded(key))->retry_at, key.retry_at);
  BucketRecord bucket = SomeBucket();
  EXPECT_FALSE(
      DecodeBucket(NameOf(bucket), Encoded(EncodeBucket, bucket))->learned_day.has_value());
  bucket.learned_minute = policy::LearnedLimit{15, absl::FromUnixSeconds(1'700'000'001)};
  bucket.alias = policy::LearnedAlias{"gemini-2.5-flash", absl::FromUnixSeconds(1'700'000'003)};
  bucket.learned_day = policy::LearnedLimit{20, absl::FromUnixSeconds(1'700'000'002)};
  const auto back = DecodeBucket(NameOf(bucket), Encoded(EncodeBucket, bucket));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->learned_minute->limit, 15);
  EXPECT_EQ(back->learned_minute->at, absl::FromUnixSeconds(1'700'000'001));
  EXPECT_EQ(back->learned_day->limit, 20);
  ASSERT_TRUE(back->alias.has_value());
  EXPECT_EQ(back->alias->model, "gemini-2.5-flash");
  EXPECT_EQ(back->alias->at, absl::FromUnixSeconds(1'700'000'003));
  EXPECT_FALSE(back->alias->by_answer);
  bucket.alias->by_answer = true;
  EXPECT_TRUE(DecodeBucket(NameOf(bucket), Encoded(EncodeBucket, bucket))->alias->by_answer);
  EXPECT_EQ(back->learned_day->at, absl::FromUnixSeconds(1'700'000'002));
}

TEST(Codec, TokensComeBackAndMayBeMissing) {
  BucketRecord bucket = SomeBucket();
  const auto before = DecodeBucket(NameOf(bucket), Encoded(EncodeBucket, bucket));
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->day_tokens, 0);
  EXPECT_TRUE(before->minute_tokens.empty());
  bucket.day_tokens = 123'456'789'012;
  bucket.minute_tokens = {{absl::FromUnixSeconds(1'700'000'000), 250'000},
                          {absl::FromUnixSeconds(1'700'000'030), 1}};
  bucket.ahead_tokens = 2'500;
  bucket.learned_tokens_minute = policy::LearnedLimit{3'000'000, absl::FromUnixSeconds(1)};
  bucket.learned_tokens_day = policy::LearnedLimit{6'000'000, absl::FromUnixSeconds(2)};
  const auto back = DecodeBucket(NameOf(bucket), Encoded(EncodeBucket, bucket));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->day_tokens, bucket.day_tokens);
  ASSERT_EQ(back->minute_tokens.size(), 2u);
  EXPECT_EQ(back->minute_tokens[1].at, bucket.minute_tokens[1].at);
  EXPECT_EQ(back->minute_tokens[0].count, 250'000);
  EXPECT_EQ(back->ahead_tokens, 2'500);
  EXPECT_EQ(back->learned_tokens_minute->limit, 3'000'000);
  EXPECT_EQ(back->learned_tokens_minute->at, absl::FromUnixSeconds(1));
  EXPECT_EQ(back->learned_tokens_day->limit, 6'000'000);
  EXPECT_EQ(back->learned_tokens_day->at, absl::FromUnixSeconds(2));
}

TEST(Codec, BucketComesBackWhole) {
  const BucketRecord bucket = SomeBucket();
  const absl::StatusOr<BucketRecord> back =
      DecodeBucket(NameOf(bucket), Encoded(EncodeBucket, bucket));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->day, 20'000);
  EXPECT_EQ(back->day_used, 123);
  ASSERT_EQ(back->minute.size(), 2u);
  EXPECT_EQ(back->minute[0].at, bucket.minute[0].at);
  EXPECT_EQ(back->minute[0].count, 3);
  EXPECT_EQ(back->minute[1].at, bucket.minute[1].at);
  EXPECT_EQ(back->ahead, 4);
  EXPECT_EQ(back->cooling_until, bucket.cooling_until);
  EXPECT_EQ(back->cooling_reason, "per minute");
}

TEST(Codec, TimesAtTheEndsOfTheirRangeComeBack) {
  for (const absl::Time time :
       {absl::InfinitePast(), absl::InfiniteFuture(), absl::UnixEpoch(), absl::FromUnixNanos(-1),
        absl::FromUnixNanos(INT64_MAX - 1), absl::FromUnixNanos(INT64_MIN + 1)}) {
    BucketRecord bucket = SomeBucket();
    bucket.cooling_until = time;
    bucket.minute = {{time, INT64_MAX}, {absl::InfiniteFuture(), INT64_MIN}, {time, 0}};
    const absl::StatusOr<BucketRecord> back =
        DecodeBucket(NameOf(bucket), Encoded(EncodeBucket, bucket));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->cooling_until, time);
    ASSERT_EQ(back->minute.size(), 3u);
    EXPECT_EQ(back->minute[0].at, time);
    EXPECT_EQ(back->minute[0].count, INT64_MAX);
    EXPECT_EQ(back->minute[1].at, absl::InfiniteFuture());
    EXPECT_EQ(back->minute[1].count, INT64_MIN);
    EXPECT_EQ(back->minute[2].at, time);
  }
}

TEST(Codec, FormatOneStaysReadable) {
  const std::string on_disk = absl::HexStringToBytes("01010154a2a94de8");
  const absl::StatusOr<PoolRecord> pool = DecodePool(on_disk);
  ASSERT_TRUE(pool.ok()) << pool.status();
  EXPECT_EQ(pool->next_key, KeyId{42});
  EXPECT_EQ(absl::BytesToHexString(Encoded(EncodePool, PoolRecord{KeyId{42}})), "01010154a2a94de8");
}

TEST(Codec, NewerVersionIsRefusedWithTheReason) {
  std::string body = BodyOf(Encoded(SomeKey()));
  body[0] = 3;
  const absl::Status status = Decoded(KeyId{7}, WithChecksum(body)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("table keys, row key_7"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("run the newer keyd"));
}

TEST(Codec, SecretIsNotAtRest) {
  const std::string bytes = Encoded(SomeKey());
  EXPECT_THAT(bytes, Not(HasSubstr(kSecretText)));
  EXPECT_FALSE(SecretIsPlain(bytes));
  EXPECT_NE(bytes, Encoded(SomeKey())) << "a nonce is used once";
}

TEST(Codec, PlainSecretOfAnEarlierKeydIsRead) {
  std::string plain;
  FieldWriter fields(1, &plain);
  fields.Int(1, 7);
  fields.Bytes(2, "project-a");
  fields.Bytes(3, kSecretText);
  fields.Int(4, 1);
  fields.Bytes(5, "");
  fields.Int(6, 0);
  fields.Int(7, 0);
  fields.Finish();
  EXPECT_TRUE(SecretIsPlain(plain));
  const absl::StatusOr<KeyRecord> key = Decoded(KeyId{7}, plain);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->secret->Reveal(), kSecretText);
}

TEST(Codec, SecretOfAnotherMasterKeyIsRefused) {
  const absl::Status status =
      DecodeKey(KeyId{7}, Encoded(SomeKey()), *fakes::TestSealer('2')).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another master key"));
}

TEST(Codec, UnknownFieldOfALaterVersionIsSkipped) {
  std::string body = BodyOf(Encoded(EncodePool, PoolRecord{KeyId{42}}));
  body += std::string("\x63\x03") + "new";
  const absl::StatusOr<PoolRecord> pool = DecodePool(WithChecksum(body));
  ASSERT_TRUE(pool.ok()) << pool.status();
  EXPECT_EQ(pool->next_key, KeyId{42});
}

TEST(Codec, WrongFieldsAreTold) {
  const struct {
    std::string body;
    std::string expected;
  } cases[] = {
      {std::string("\x01"), "field 1 is missing"},
      {std::string("\x01\x01\x01\x54\x01\x01\x54"), "field 1 is there twice"},
      {std::string("\x01\x01\x05\x54"), "field 1 reaches beyond"},
      {std::string("\x01\x01"), "field 1 reaches beyond"},
      {std::string("\x01\x01\x02\x54\x54"), "field 1 has a value"},
      {std::string("\x01\x01\x00", 3), "field 1 has a value"},
      {std::string("\x01\x00\x00", 3), "field 0 has a value"},
      {std::string("\x01\x01\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "field 1 has a"},
      {std::string("\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "field 1 reaches beyond"},
      {std::string("\x00", 1), "format 0"},
  };
  for (const auto& [body, expected] : cases) {
    const absl::Status status = DecodePool(WithChecksum(body)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << absl::CHexEscape(body);
    EXPECT_THAT(std::string(status.message()), HasSubstr("table pool, row 1"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(expected)) << absl::CHexEscape(body);
  }
  EXPECT_THAT(std::string(DecodePool("").status().message()), HasSubstr("empty"));
}

TEST(Codec, EveryDamagedOrMissingByteIsNoticedAndTheSecretIsNotTold) {
  const std::string good = Encoded(SomeKey());
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      const absl::Status status = Decoded(KeyId{7}, bad).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << "byte " << i;
      EXPECT_THAT(std::string(status.message()), Not(HasSubstr("Secret")));
    }
    EXPECT_EQ(Decoded(KeyId{7}, good.substr(0, i)).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(Codec, RandomBytesAreNeverMoreThanDataLoss) {
  constexpr std::uint32_t kSeed = 20'261'122;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  const std::string bodies[] = {BodyOf(Encoded(EncodeBucket, SomeBucket())),
                                BodyOf(Encoded(SomeKey()))};
  for (int round = 0; round < 20'000; ++round) {
    std::string body = bodies[round % 2];
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) body[1 + random() % (body.size() - 1)] = char(random());
    const std::string bytes = WithChecksum(body);
    const auto bucket = DecodeBucket(NameOf(SomeBucket()), bytes);
    const auto key = Decoded(KeyId{7}, bytes);
    EXPECT_TRUE(bucket.ok() || absl::IsDataLoss(bucket.status()));
    EXPECT_TRUE(key.ok() || absl::IsDataLoss(key.status()));
  }
}

TEST(Codec, RecordUnderAnotherRowIsRefused) {
  const absl::Status key = Decoded(KeyId{8}, Encoded(SomeKey())).status();
  EXPECT_EQ(key.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(key.message()), HasSubstr("row key_8: the record belongs to another"));
  const absl::Status bucket =
      DecodeBucket({ProjectId{"project-b"}, "gemini-2.5-pro"}, Encoded(EncodeBucket, SomeBucket()))
          .status();
  EXPECT_EQ(bucket.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(bucket.message()), HasSubstr("row (project-b, gemini-2.5-pro)"));
  const RemovedKeyRecord removed{KeyId{3}, std::string(32, '\x5a')};
  EXPECT_EQ(DecodeRemovedKey(KeyId{4}, Encoded(EncodeRemovedKey, removed)).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace keypool::store
