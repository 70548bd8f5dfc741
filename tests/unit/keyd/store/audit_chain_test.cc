#include "keyd/store/audit_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace keypool::store {
namespace {

using ::testing::HasSubstr;

// An audit from number `from` + 1 on, with `records` records.
AuditRead Written(std::uint64_t from, std::uint64_t records) {
  AuditRead read;
  read.basis.key = MakeAuditKey();
  policy::AuditState state;
  state.before_first.number = state.last.number = from;
  for (std::uint64_t i = 1; i <= records; ++i) {
    AuditRow& row = read.rows.emplace_back();
    row.record.number = from + i;
    row.record.at = absl::FromUnixSeconds(static_cast<std::int64_t>(i));
    row.record.entry = {"who", "what", absl::StrCat("target ", i)};
    row.record.result = "ok";
    row.record.chain = ChainOf(*read.basis.key, state.last.chain, row.record);
    state.last = {row.record.number, row.record.chain};
  }
  state.mac = MacOf(*read.basis.key, state);
  read.basis.state = state;
  return read;
}

AuditVerdict VerdictOn(const AuditRead& read) {
  AuditCheck check;
  EXPECT_FALSE(check.Take(read));
  return check.verdict();
}

TEST(AuditChain, EveryFieldCounts) {
  const SecretPtr key = MakeAuditKey();
  AuditRecord record;
  record.entry = {"who", "what", "target"};
  const AuditChain value = ChainOf(*key, {}, record);
  const std::vector<std::function<void(AuditRecord*)>> changes = {
      [](AuditRecord* r) { ++r->number; }, [](AuditRecord* r) { r->at += absl::Nanoseconds(1); },
      [](AuditRecord* r) { r->entry.who += "x"; }, [](AuditRecord* r) { r->entry.what += "x"; },
      [](AuditRecord* r) { r->entry.target += "x"; }, [](AuditRecord* r) { r->result += "x"; },
      // The same bytes, cut elsewhere.
      [](AuditRecord* r) {
        r->entry = {"whow", "hat", "target"};
      }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    AuditRecord changed = record;
    changes[i](&changed);
    EXPECT_NE(ChainOf(*key, {}, changed), value) << i;
  }
  EXPECT_NE(ChainOf(*key, {1}, record), value);
  EXPECT_NE(ChainOf(*MakeAuditKey(), {}, record), value);
}

TEST(AuditCheck, IntactIsSaidWithTheNumberOfRecords) {
  EXPECT_EQ(VerdictOn({}), AuditVerdict());
  EXPECT_EQ(VerdictOn(Written(0, 4)), (AuditVerdict{4, 1}));
  EXPECT_EQ(VerdictOn(Written(1'000, 4)), (AuditVerdict{4, 1'001}));
}

TEST(AuditCheck, WhatWasDoneToARecordIsFoundThere) {
  const std::vector<std::pair<std::string, std::function<void(AuditRead*)>>> changes = {
      {"was changed", [](AuditRead* r) { r->rows[2].record.entry.who = "another"; }},
      {"was changed", [](AuditRead* r) { r->rows[2].record.chain[0] ^= 1; }},
      {"is missing", [](AuditRead* r) { r->rows.erase(r->rows.begin() + 2); }},
      {"is missing", [](AuditRead* r) { r->rows.resize(2); }},
      {"the checksum", [](AuditRead* r) { r->rows[2].damage = "the checksum"; }}};
  for (const auto& [why, change] : changes) {
    AuditRead read = Written(0, 5);
    change(&read);
    const AuditVerdict verdict = VerdictOn(read);
    ASSERT_TRUE(verdict.broken) << why;
    EXPECT_EQ(verdict.broken->number, 3u) << why;
    EXPECT_THAT(verdict.broken->why, HasSubstr(why));
    EXPECT_EQ(verdict.records, 2u);
  }
}

TEST(AuditCheck, WhatWasAddedIsFound) {
  AuditRead behind = Written(0, 3);
  behind.rows.push_back(behind.rows.back());
  behind.rows.back().record.number = 4;
  EXPECT_THAT(VerdictOn(behind).broken->why, HasSubstr("added"));
  AuditRead before = Written(7, 3);
  before.rows.insert(before.rows.begin(), before.rows.front());
  before.rows.front().record.number = 5;
  EXPECT_THAT(VerdictOn(before).broken->why, HasSubstr("given up"));
}

TEST(AuditCheck, WhatIsKnownOfItsEndCannotBeMadeUp) {
  AuditRead read = Written(0, 5);
  read.rows.resize(3);
  read.basis.state->last = {3, read.rows.back().record.chain};
  EXPECT_THAT(VerdictOn(read).broken->why, HasSubstr("its end was changed"));
  read.basis.state = std::nullopt;
  EXPECT_THAT(VerdictOn(read).broken->why, HasSubstr("is missing"));
  read = Written(0, 5);
  read.basis.key = nullptr;
  EXPECT_THAT(VerdictOn(read).broken->why, HasSubstr("key"));
  read = Written(0, 5);
  read.basis.damage = "the key cannot be opened";
  EXPECT_EQ(VerdictOn(read).broken->why, "the key cannot be opened");
}

TEST(AuditCheck, GoesFromReadToReadAndOverWhatIsGivenUpMeanwhile) {
  const AuditRead whole = Written(0, 6);
  AuditCheck check;
  AuditRead part = whole;
  part.rows.resize(2);
  part.more = true;
  EXPECT_TRUE(check.Take(part));
  EXPECT_EQ(check.behind(), 2u);
  part = whole;
  part.rows.erase(part.rows.begin(), part.rows.begin() + 4);
  part.basis.state->before_first = {4, whole.rows[3].record.chain};
  part.basis.state->mac = MacOf(*part.basis.key, *part.basis.state);
  EXPECT_FALSE(check.Take(part));
  EXPECT_EQ(check.verdict(), (AuditVerdict{4, 1}));
}

}  // namespace
}  // namespace keypool::store
