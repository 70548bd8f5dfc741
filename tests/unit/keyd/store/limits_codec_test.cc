#include "keyd/store/limits_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/escaping.h"

namespace keypool::store {
namespace {

using policy::LimitRecord;
using ::testing::HasSubstr;

std::string Encoded(const LimitRecord& record) {
  std::string out;
  EncodeLimits(record, &out);
  return out;
}

LimitRecord Full() {
  return {{LimitLevel::kProject, "p", LimitModels::kEach, ""},
          {.requests_per_minute = 1,
           .requests_per_day = 0,
           .input_tokens_per_minute = 3,
           .input_tokens_per_day = kUnlimited},
          "paid"};
}

TEST(LimitsCodec, RecordComesBackWhole) {
  LimitRecord one{{LimitLevel::kTier, "t", LimitModels::kOne, "模型"}, {}, ""};
  one.limits.requests_per_day = 5;
  const LimitRecord together{{LimitLevel::kProject, "p", LimitModels::kTogether, ""}, {}, ""};
  for (const LimitRecord& record : {Full(), one, together, LimitRecord()}) {
    const auto back = DecodeLimits(RowOf(record.scope), Encoded(record));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, record);
  }
}

// What is on disk must not change with the code.
TEST(LimitsCodec, FormatOneStaysReadable) {
  const std::string bytes = Encoded(Full());
  EXPECT_EQ(absl::BytesToHexString(bytes.substr(0, bytes.size() - 4)),
            "01"
            "010104"
            "020170"
            "030100"
            "0400"
            "050102"
            "060100"
            "070106"
            "080afeffffffffffffffff01"
            "090470616964");
}

TEST(LimitsCodec, EveryScopeHasARowOfItsOwn) {
  std::set<std::string> rows;
  const LimitScopeName scopes[] = {
      {LimitLevel::kEverywhere, "", LimitModels::kEach, ""},
      {LimitLevel::kEverywhere, "", LimitModels::kOne, "ab"},
      {LimitLevel::kTier, "a", LimitModels::kOne, "b"},
      {LimitLevel::kTier, "ab", LimitModels::kEach, ""},
      {LimitLevel::kTier, "ab", LimitModels::kTogether, ""},
      {LimitLevel::kProject, "ab", LimitModels::kEach, ""},
      {LimitLevel::kProject, "a", LimitModels::kOne, "1 b"},
      {LimitLevel::kProject, "a1 ", LimitModels::kOne, "b"},
  };
  for (const LimitScopeName& scope : scopes) EXPECT_TRUE(rows.insert(RowOf(scope)).second);
}

TEST(LimitsCodec, DamageAndAnotherRowAreToldWithTheRow) {
  const std::string row = RowOf(Full().scope);
  std::string bytes = Encoded(Full());
  EXPECT_THAT(std::string(DecodeLimits("2 0 1 q", bytes).status().message()),
              HasSubstr("table limits, row 2 0 1 q: the record belongs to another row"));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    EXPECT_EQ(DecodeLimits(row, damaged).status().code(), absl::StatusCode::kDataLoss) << i;
    EXPECT_EQ(DecodeLimits(row, bytes.substr(0, i)).status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace keypool::store
