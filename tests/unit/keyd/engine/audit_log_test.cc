#include "keyd/engine/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "keyd/store/audit_chain.h"

namespace keypool::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kMax = 2'000;
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

// What a store would have of the mutations.
struct Kept {
  policy::AuditSnapshot snapshot;
  std::vector<AuditRecord> records;

  void Write(const policy::Mutations& mutations) {
    for (const policy::Mutation& mutation : mutations) {
      if (const auto* record = std::get_if<AuditRecord>(&mutation)) {
        records.push_back(*record);
        snapshot.newest = record->number;
      } else if (const auto* state = std::get_if<policy::AuditState>(&mutation)) {
        snapshot.basis.state = *state;
      } else if (const auto* key = std::get_if<policy::AuditKeyRecord>(&mutation)) {
        snapshot.basis.key = key->key;
      } else {
        const std::uint64_t through = std::get<policy::DeleteAudit>(mutation).through;
        std::erase_if(records, [&](const AuditRecord& r) { return r.number <= through; });
      }
    }
  }
  AuditVerdict Check() const {
    store::AuditRead read;
    read.basis = snapshot.basis;
    for (const AuditRecord& record : records) read.rows.push_back({record});
    store::AuditCheck check;
    check.Take(read);
    return check.verdict();
  }
  void Append(AuditLog* log, AuditEntry entry, const absl::Status& result = absl::OkStatus()) {
    policy::Mutations mutations;
    log->Append(std::move(entry), result, kNow, &mutations);
    log->Finish(&mutations);
    Write(mutations);
  }
};

TEST(AuditLog, FirstRecordSaysThatItBegins) {
  Kept kept;
  AuditLog log({}, kMax);
  kept.Append(&log, {"uid 0 (root)", "add key", "key_1"}, absl::NotFoundError("no"));
  ASSERT_EQ(kept.records.size(), 2u);
  EXPECT_EQ(kept.records[0].entry, (AuditEntry{"keyd", "begin audit", ""}));
  EXPECT_EQ(kept.records[1].number, 2u);
  EXPECT_EQ(kept.records[1].entry, (AuditEntry{"uid 0 (root)", "add key", "key_1"}));
  EXPECT_EQ(kept.records[1].result, "NOT_FOUND: no");
  EXPECT_EQ(kept.records[1].at, kNow);
  EXPECT_EQ(kept.Check(), (AuditVerdict{2, 1}));
}

TEST(AuditLog, ABatchWithoutARecordWritesNothing) {
  AuditLog log({}, kMax);
  policy::Mutations mutations;
  log.Finish(&mutations);
  EXPECT_THAT(mutations, IsEmpty());
}

TEST(AuditLog, GoesOnBehindWhatThereIs) {
  Kept kept;
  {
    AuditLog log({}, kMax);
    kept.Append(&log, {"a", "b", "c"});
  }
  AuditLog log(kept.snapshot, kMax);
  kept.Append(&log, {"a", "b", "d"});
  EXPECT_EQ(kept.records.back().number, 3u);
  EXPECT_EQ(kept.Check(), (AuditVerdict{3, 1}));
}

TEST(AuditLog, LongTextsAreCutAtACharacterAndNobodyHasAName) {
  Kept kept;
  AuditLog log({}, kMax);
  const std::string text = std::string(kAuditTextBytesMax - 1, 'x') + "\xC3\xA9";
  kept.Append(&log, {"", "b", text}, absl::InternalError(text));
  EXPECT_EQ(kept.records[1].entry.who, "unknown");
  EXPECT_EQ(kept.records[1].entry.target, std::string(kAuditTextBytesMax - 1, 'x'));
  EXPECT_EQ(kept.records[1].result.size(), kAuditTextBytesMax);
  EXPECT_EQ(kept.Check().records, 2u);
}

TEST(AuditLog, OldestAreGivenUpAndTheRestCanStillBeChecked) {
  Kept kept;
  AuditLog log({}, kMax);
  for (int i = 1; i < 3'500; ++i) kept.Append(&log, {"a", "b", "c"});
  EXPECT_EQ(kept.records.front().number, 1'001u);
  EXPECT_EQ(kept.Check(), (AuditVerdict{2'500, 1'001}));
}

TEST(AuditLog, OldestAreGivenUpAfterAStartToo) {
  Kept kept;
  {
    AuditLog log({}, kMax);
    for (int i = 1; i < 2'999; ++i) kept.Append(&log, {"a", "b", "c"});
  }
  for (const AuditRecord& record : kept.records) {
    if (record.number % policy::kAuditLinkEvery == 0) {
      kept.snapshot.links.push_back({record.number, record.chain});
    }
  }
  AuditLog log(kept.snapshot, kMax);
  kept.Append(&log, {"a", "b", "c"});
  EXPECT_EQ(kept.Check(), (AuditVerdict{2'000, 1'001}));
}

TEST(AuditLog, WhatIsDamagedAsAWholeIsBegunAnewAndStaysBroken) {
  Kept kept;
  {
    AuditLog log({}, kMax);
    kept.Append(&log, {"a", "b", "c"});
  }
  kept.snapshot.basis.state->last.number = 1;
  {
    AuditLog log(kept.snapshot, kMax);
    kept.Append(&log, {"a", "b", "d"});
  }
  EXPECT_EQ(kept.records.back().number, 4u);
  EXPECT_THAT(kept.records[2].result, HasSubstr("its end was changed"));
  ASSERT_TRUE(kept.Check().broken);
  EXPECT_EQ(kept.Check().broken->number, 2u);
  AuditLog log(kept.snapshot, kMax);
  kept.Append(&log, {"a", "b", "e"});
  EXPECT_THAT(kept.Check().broken->why, HasSubstr("its end was changed"));
}

TEST(AuditLog, LostKeyIsNotMadeUpForInSilence) {
  Kept kept;
  {
    AuditLog log({}, kMax);
    kept.Append(&log, {"a", "b", "c"});
  }
  kept.snapshot.basis.key = nullptr;
  AuditLog log(kept.snapshot, kMax);
  kept.Append(&log, {"a", "b", "d"});
  EXPECT_THAT(kept.Check().broken->why, HasSubstr("the key of the audit was missing"));
}

}  // namespace
}  // namespace keypool::engine
