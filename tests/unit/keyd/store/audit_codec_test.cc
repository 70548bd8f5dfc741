#include "keyd/store/audit_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

AuditRecord Full() {
  AuditRecord record;
  record.number = 7;
  record.at = absl::FromUnixNanos(1'700'000'000'000'000'001);
  record.entry = {"uid 1000 (ada)", "remove key", "key_3"};
  record.result = "NOT_FOUND: there is no key_3";
  record.chain.fill(0xab);
  return record;
}

std::string Encoded(const AuditRecord& record) {
  std::string out;
  EncodeAudit(record, &out);
  return out;
}

TEST(AuditCodec, RecordsComeBackUnderTheirOwnNumberOnly) {
  const auto back = DecodeAudit(7, Encoded(Full()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, Full());
  EXPECT_THAT(std::string(DecodeAudit(8, Encoded(Full())).status().message()),
              HasSubstr("another row"));
}

TEST(AuditCodec, StateComesBack) {
  policy::AuditState state;
  state.before_first.number = 1'000;
  state.before_first.chain.fill(1);
  state.last.number = 1'234;
  state.last.chain.fill(2);
  state.broken = "its key was missing";
  state.broken_number = 900;
  state.mac.fill(3);
  std::string bytes;
  EncodeAuditState(state, &bytes);
  const auto back = DecodeAuditState(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, state);
}

TEST(AuditCodec, KeyIsSealed) {
  const std::string text = "thirty-two bytes that nobody sees";
  const auto sealer = fakes::TestSealer();
  std::string bytes;
  EncodeAuditKey({std::make_shared<const Secret>(text)}, *sealer, &bytes);
  EXPECT_THAT(bytes, Not(HasSubstr(text)));
  const auto back = DecodeAuditKey(bytes, *sealer);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->key->Reveal(), text);
  EXPECT_TRUE(absl::IsDataLoss(DecodeAuditKey(bytes, *fakes::TestSealer('2')).status()));
}

TEST(AuditCodec, DamageIsNoticed) {
  const std::string good = Encoded(Full());
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    EXPECT_TRUE(absl::IsDataLoss(DecodeAudit(7, bad).status())) << at;
    EXPECT_TRUE(absl::IsDataLoss(DecodeAudit(7, good.substr(0, at)).status())) << at;
  }
}

}  // namespace
}  // namespace keypool::store
