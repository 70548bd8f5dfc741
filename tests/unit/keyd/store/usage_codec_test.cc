#include "keyd/store/usage_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/escaping.h"

namespace keypool::store {
namespace {

using policy::UsageName;
using policy::UsageRecord;
using ::testing::HasSubstr;

UsageRecord SomeUsage() {
  UsageRecord record;
  record.name = {UsageDimension::kModel, {20'781, "gemini-2.5-flash", 498'751}};
  record.counts = {1, 2, 3, 4, 5, 6, INT64_MAX};
  return record;
}

std::string Encoded(const UsageRecord& record) {
  std::string out;
  EncodeUsage(record, &out);
  return out;
}

// The checksum of the format, told a second time: what is on disk must not change with the code.
std::string WithChecksum(std::string body) {
  std::uint32_t hash = 0x811c9dc5;
  for (const unsigned char c : body) hash = (hash ^ c) * 0x01000193;
  for (int shift = 0; shift < 32; shift += 8) body.push_back(static_cast<char>(hash >> shift));
  return body;
}

std::string BodyOf(const std::string& record) { return record.substr(0, record.size() - 4); }

TEST(UsageCodec, RecordComesBackWhole) {
  for (const UsageDimension dimension : {UsageDimension::kKey, UsageDimension::kProject,
                                         UsageDimension::kModel, UsageDimension::kClient}) {
    UsageRecord record = SomeUsage();
    record.name.dimension = dimension;
    const absl::StatusOr<UsageRecord> back = DecodeUsage(record.name, Encoded(record));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->name, record.name);
    EXPECT_EQ(back->counts, record.counts);
  }
}

TEST(UsageCodec, FormatOneStaysReadable) {
  UsageRecord record;
  record.name = {UsageDimension::kClient, {1, "c", -1}};
  record.counts = {1, 0, 0, 2, 0, 3, 0};
  EXPECT_EQ(absl::BytesToHexString(BodyOf(Encoded(record))),
            "01"
            "010108"
            "020102"
            "030163"
            "040101"
            "0507"
            "02000004000600");
}

TEST(UsageCodec, WhatALaterVersionAddsIsSkipped) {
  const UsageRecord record = SomeUsage();
  const std::string body = BodyOf(Encoded(record)) + "\x63\x03new";
  const absl::StatusOr<UsageRecord> back = DecodeUsage(record.name, WithChecksum(body));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->counts, record.counts);
}

TEST(UsageCodec, WrongFieldsAreTold) {
  const struct {
    std::string body;
    std::string expected;
  } cases[] = {
      {"\x01", "field 1 is missing"},
      {std::string("\x01\x01\x01\x08\x01\x01\x08", 7), "field 1 is there twice"},
      {std::string("\x01\x01\x01\x0a", 4), "field 1 has a value"},
      {std::string("\x01\x02\x02\x02\x02", 5), "field 2 has a value"},
      {std::string("\x01\x05\x02\x02\x02", 5), "field 5 has a value"},
      {std::string("\x01\x00\x00", 3), "field 0 has a value"},
      {std::string("\x01\x01\x05\x08", 4), "field 1 reaches beyond"},
  };
  for (const auto& [body, expected] : cases) {
    const absl::Status status = DecodeUsage(SomeUsage().name, WithChecksum(body)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << absl::CHexEscape(body);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("table usage, row (model, 20781, gemini-2.5-flash, 498751)"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(expected)) << absl::CHexEscape(body);
  }
}

TEST(UsageCodec, RecordUnderAnotherRowIsRefused) {
  UsageName row = SomeUsage().name;
  row.place.hour = -1;
  const absl::Status status = DecodeUsage(row, Encoded(SomeUsage())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("belongs to another row"));
}

TEST(UsageCodec, RandomBytesAreNeverMoreThanDataLoss) {
  constexpr std::uint32_t kSeed = 20'261'124;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  const std::string good = Encoded(SomeUsage());
  for (int round = 0; round < 20'000; ++round) {
    std::string body = BodyOf(good);
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) body[1 + random() % (body.size() - 1)] = char(random());
    const auto back = DecodeUsage(SomeUsage().name, WithChecksum(body));
    EXPECT_TRUE(back.ok() || absl::IsDataLoss(back.status()));
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_TRUE(absl::IsDataLoss(DecodeUsage(SomeUsage().name, bad).status())) << "byte " << i;
  }
}

}  // namespace
}  // namespace keypool::store
