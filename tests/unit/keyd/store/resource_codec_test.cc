#include "keyd/store/resource_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/escaping.h"

namespace keypool::store {
namespace {

using policy::ResourceRecord;
using ::testing::HasSubstr;

ResourceRecord SomeResource() {
  return {"files/abc", ProjectId{"p"}, absl::FromUnixNanos(1'700'000'000'000'000'001)};
}

std::string Encoded(const ResourceRecord& record) {
  std::string out;
  EncodeResource(record, &out);
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

TEST(ResourceCodec, RecordComesBackWhole) {
  for (const absl::Time expires :
       {SomeResource().expires, absl::InfiniteFuture(), absl::InfinitePast()}) {
    ResourceRecord record = SomeResource();
    record.expires = expires;
    const absl::StatusOr<ResourceRecord> back = DecodeResource(record.name, Encoded(record));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->name, record.name);
    EXPECT_EQ(back->project, record.project);
    EXPECT_EQ(back->expires, expires);
  }
}

TEST(ResourceCodec, FormatOneStaysReadable) {
  const ResourceRecord record = {"f/a", ProjectId{"p"}, absl::FromUnixNanos(3)};
  EXPECT_EQ(absl::BytesToHexString(BodyOf(Encoded(record))),
            "01"
            "0103662f61"
            "020170"
            "030106");
}

TEST(ResourceCodec, WhoseItIsComesBackToo) {
  ResourceRecord record = SomeResource();
  record.client = "team-a";
  const absl::StatusOr<ResourceRecord> back = DecodeResource(record.name, Encoded(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->client, "team-a");
}

TEST(ResourceCodec, WhatALaterVersionAddsIsSkipped) {
  const ResourceRecord record = SomeResource();
  const std::string body = BodyOf(Encoded(record)) + "\x63\x03new";
  const absl::StatusOr<ResourceRecord> back = DecodeResource(record.name, WithChecksum(body));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->project, record.project);
}

TEST(ResourceCodec, WrongFieldsAreTold) {
  const struct {
    std::string body;
    std::string expected;
  } cases[] = {
      {"\x01", "field 1 is missing"},
      {std::string("\x01\x01\x00\x02\x00", 5), "field 3 is missing"},
      {std::string("\x01\x01\x01x\x01\x01x", 7), "field 1 is there twice"},
      {std::string("\x01\x03\x02\x02\x02", 5), "field 3 has a value"},
      {std::string("\x01\x00\x00", 3), "field 0 has a value"},
      {std::string("\x01\x01\x05x", 4), "field 1 reaches beyond"},
  };
  for (const auto& [body, expected] : cases) {
    const absl::Status status = DecodeResource("files/abc", WithChecksum(body)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << absl::CHexEscape(body);
    EXPECT_THAT(std::string(status.message()), HasSubstr("table resources, row files/abc"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(expected)) << absl::CHexEscape(body);
  }
}

TEST(ResourceCodec, RecordUnderAnotherRowIsRefused) {
  const absl::Status status = DecodeResource("files/other", Encoded(SomeResource())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("belongs to another row"));
}

TEST(ResourceCodec, RandomBytesAreNeverMoreThanDataLoss) {
  constexpr std::uint32_t kSeed = 20'261'125;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  const std::string good = Encoded(SomeResource());
  for (int round = 0; round < 20'000; ++round) {
    std::string body = BodyOf(good);
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) body[1 + random() % (body.size() - 1)] = char(random());
    const auto back = DecodeResource(SomeResource().name, WithChecksum(body));
    EXPECT_TRUE(back.ok() || absl::IsDataLoss(back.status()));
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_TRUE(absl::IsDataLoss(DecodeResource(SomeResource().name, bad).status())) << i;
  }
}

}  // namespace
}  // namespace keypool::store
