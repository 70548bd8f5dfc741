#include "keyd/wire/audit_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace keypool::wire {
namespace {

using ::testing::HasSubstr;

AuditRow Full() {
  AuditRow row;
  row.record.number = 7;
  row.record.at = absl::FromUnixNanos(1'700'000'000'000'000'001);
  row.record.entry = {"uid 1000 (ada)", "remove key", "key_3"};
  row.record.result = "NOT_FOUND: there is no key_3";
  row.record.chain.fill(0xab);
  return row;
}

TEST(AuditWire, QueriesComeBackAndPagesAreBounded) {
  v1::ListAuditRequest message;
  Encode(AuditQuery{.before = 42, .rows_max = 10}, &message);
  const auto back = Decode(message);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->before, 42u);
  EXPECT_EQ(back->rows_max, 10u);
  EXPECT_EQ(Decode(v1::ListAuditRequest())->rows_max, kAuditRowsMax);
  message.set_page_size(1'001);
  EXPECT_THAT(std::string(Decode(message).status().message()), HasSubstr("page_size"));
}

TEST(AuditWire, PagesComeBack) {
  AuditPage page;
  page.rows = {Full(), {{.number = 8}, "its checksum does not match"}};
  page.more = true;
  v1::ListAuditResponse message;
  Encode(page, &message);
  EXPECT_EQ(message.next_before(), 7u);
  const auto back = Decode(message);
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ(back->rows.size(), 2u);
  EXPECT_EQ(back->rows[0].record, Full().record);
  EXPECT_EQ(back->rows[1].record.number, 8u);
  EXPECT_EQ(back->rows[1].damage, "its checksum does not match");
  EXPECT_TRUE(back->more);
  message.mutable_records(0)->set_chain("short");
  EXPECT_TRUE(absl::IsInternal(Decode(message).status()));
}

TEST(AuditWire, TextThatIsNotUtf8SpoilsNoPage) {
  AuditPage page{{Full()}};
  page.rows[0].record.entry.target = "a\xff";
  v1::ListAuditResponse message;
  Encode(page, &message);
  EXPECT_EQ(message.records(0).target(), "a?");
}

TEST(AuditWire, VerdictsComeBack) {
  for (const AuditVerdict& verdict :
       {AuditVerdict(), AuditVerdict{5, 1}, AuditVerdict{5, 1, {{6, "is missing"}}}}) {
    v1::VerifyAuditResponse message;
    Encode(verdict, &message);
    const auto back = Decode(message);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, verdict);
  }
}

}  // namespace
}  // namespace keypool::wire
