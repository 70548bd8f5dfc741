#include "keyd/store/client_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace keypool::store {
namespace {

using policy::AdminTokenRecord;
using policy::ClientRecord;
using policy::ClientUseRecord;
using ::testing::HasSubstr;

std::string Encoded(const ClientRecord& record) {
  std::string out;
  EncodeClient(record, &out);
  return out;
}
std::string Encoded(const ClientUseRecord& record) {
  std::string out;
  EncodeClientUse(record, &out);
  return out;
}

std::string Encoded(const AdminTokenRecord& record) {
  std::string out;
  EncodeAdminToken(record, &out);
  return out;
}

ClientRecord Full() {
  ClientRecord record;
  record.name = "a";
  record.terms = {.requests_per_minute = 5,
                  .requests_per_day = 6,
                  .input_tokens_per_day = 7,
                  .models = {"m*", "n"},
                  .weight = 2};
  record.added_at = absl::FromUnixNanos(1);
  record.tokens = {{.digest = {0xab}, .made_at = absl::FromUnixNanos(2)}};
  return record;
}

TEST(ClientCodec, RecordsComeBackWhole) {
  ClientRecord revoked;
  revoked.name = "b";
  revoked.revoked_at = absl::FromUnixSeconds(9);
  for (const ClientRecord& record : {Full(), revoked}) {
    const auto back = DecodeClient(record.name, Encoded(record));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, record);
  }
  const ClientUseRecord use{"a", 20'000, 7, {{absl::FromUnixNanos(3), 2}}, 1, 99};
  const auto back = DecodeClientUse("a", Encoded(use));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(Encoded(*back), Encoded(use));
  EXPECT_EQ(back->minute.size(), 1u);
}

TEST(ClientCodec, AdminTokensComeBackWholeAndFromTheirOwnRowOnly) {
  AdminTokenRecord record;
  record.name = "ops";
  record.added_at = absl::FromUnixNanos(1);
  for (const absl::Time expires : {absl::FromUnixSeconds(9), absl::InfiniteFuture()}) {
    record.expires = expires;
    const auto back = DecodeAdminToken("ops", Encoded(record));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, record);
    record.tokens.push_back({.digest = {0xab},
                             .made_at = absl::FromUnixNanos(2),
                             .valid_until = absl::FromUnixSeconds(7)});
  }
  const auto other = DecodeAdminToken("other", Encoded(record));
  EXPECT_EQ(other.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("admin_tokens"));
}

// What is on disk must not change with the code.
TEST(ClientCodec, FormatOneStaysReadable) {
  const std::string bytes = Encoded(Full());
  EXPECT_EQ(absl::BytesToHexString(bytes.substr(0, bytes.size() - 4)),
            "01"
            "010161"
            "020102"
            "030afeffffffffffffffff01"
            "04010a"
            "05010c"
            "06010e"
            "0705046d2a026e"
            "080afeffffffffffffffff01"
            "090104"
            "0a2bab" +
                std::string(62, '0') + "04feffffffffffffffff01");
}

TEST(ClientCodec, DamageAndAnotherRowAreToldWithTheRow) {
  const std::string bytes = Encoded(Full());
  EXPECT_THAT(std::string(DecodeClient("q", bytes).status().message()),
              HasSubstr("table clients, row q: the record belongs to another row"));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    EXPECT_EQ(DecodeClient("a", damaged).status().code(), absl::StatusCode::kDataLoss) << i;
    EXPECT_EQ(DecodeClient("a", bytes.substr(0, i)).status().code(), absl::StatusCode::kDataLoss);
  }
  ClientUseRecord negative{"a", 1, -1, {}, 0, 0};
  EXPECT_EQ(DecodeClientUse("a", Encoded(negative)).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace keypool::store
