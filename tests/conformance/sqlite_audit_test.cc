// The audit in a SQLite file that somebody else has written to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "keyd/store/sqlite_store.h"
#include "tests/conformance/store_fixture.h"
#include "tests/fakes/keyd/temp_dir.h"
#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::store {
namespace {

using fakes::SealerOf;
using fakes::TestMasterKey;
using fakes::TestSealerSource;
using ::testing::HasSubstr;

std::unique_ptr<SqliteStore> OpenNow(const std::string& path) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path, TestSealerSource);
  EXPECT_TRUE(store.ok()) << store.status();
  return std::move(store).value();
}

class SqliteAuditTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto store = OpenNow(path_);
    const Epoch epoch = LoadNow(*store).epoch;
    ASSERT_TRUE(CommitNow(*store, epoch, AuditOf(9)).ok());
  }
  // What a check says after `sql` was run by somebody else.
  AuditVerdict After(const std::string& sql) {
    {
      const absl::StatusOr<SqliteDb> db = SqliteDb::Open(path_);
      const absl::Status status = db->Execute(sql.c_str());
      EXPECT_TRUE(status.ok()) << status;
    }
    const auto store = OpenNow(path_);
    LoadNow(*store);
    return VerifyNow(*store);
  }

  const fakes::TempDir dir_;
  const std::string path_ = dir_.File("keyd.db");
};

TEST_F(SqliteAuditTest, RemovedRecordIsMissed) {
  const AuditVerdict verdict = After("DELETE FROM audit WHERE number = 4");
  EXPECT_EQ(verdict.records, 3u);
  ASSERT_TRUE(verdict.broken);
  EXPECT_EQ(verdict.broken->number, 4u);
  EXPECT_THAT(verdict.broken->why, HasSubstr("missing"));
}

TEST_F(SqliteAuditTest, EndThatIsCutOffIsMissed) {
  EXPECT_EQ(After("DELETE FROM audit WHERE number > 6").broken->number, 7u);
}

TEST_F(SqliteAuditTest, BeginningThatIsCutOffIsMissed) {
  EXPECT_EQ(After("DELETE FROM audit WHERE number < 3").broken->number, 1u);
}

TEST_F(SqliteAuditTest, RecordsThatChangePlacesAreNoticed) {
  const AuditVerdict verdict = After(
      "UPDATE audit SET number = 99 WHERE number = 2;"
      "UPDATE audit SET number = 2 WHERE number = 3;"
      "UPDATE audit SET number = 3 WHERE number = 99;");
  EXPECT_EQ(verdict.broken->number, 2u);
  EXPECT_THAT(verdict.broken->why, HasSubstr("another row"));
}

TEST_F(SqliteAuditTest, LostEndAndLostKeyAreNoticed) {
  EXPECT_THAT(After("DELETE FROM audit_state").broken->why, HasSubstr("its end is missing"));
  EXPECT_THAT(After("DELETE FROM audit_key").broken->why, HasSubstr("the key of the audit"));
}

TEST_F(SqliteAuditTest, AnotherMasterKeyTakesItsKeyAlong) {
  {
    const auto store = OpenNow(path_);
    LoadNow(*store);
    ASSERT_TRUE(store->Reseal(SealerOf({TestMasterKey('2'), TestMasterKey('1')})).ok());
    EXPECT_FALSE(VerifyNow(*store).broken);
  }
  const auto sealer = SealerOf({TestMasterKey('2')});
  auto store = SqliteStore::Open(path_, [&](std::string_view) { return sealer; });
  ASSERT_TRUE(store.ok()) << store.status();
  LoadNow(**store);
  EXPECT_EQ(VerifyNow(**store).records, 9u);
  EXPECT_FALSE(VerifyNow(**store).broken);
}

}  // namespace
}  // namespace keypool::store
