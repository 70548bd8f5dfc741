// Secrets in the SQLite file: sealed, by an earlier keyd plain, or with another master key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "keyd/store/record_fields.h"
#include "keyd/store/sqlite_store.h"
#include "tests/conformance/store_fixture.h"
#include "tests/fakes/keyd/temp_dir.h"
#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::store {
namespace {

using fakes::SealerOf;
using fakes::TestMasterKey;
using fakes::TestSealer;
using ::testing::HasSubstr;
using ::testing::Not;

// Each costs a few fsyncs. KEYPOOL_FLIPS for more: ten thousand are the whole proof.
int Flips() {
  const char* text = std::getenv("KEYPOOL_FLIPS");
  return text == nullptr ? 500 : std::atoi(text);
}
constexpr char kSecretText[] = "AIzaSyPlainAtRest0123456789";

SealerSource With(std::shared_ptr<const Sealer> sealer) {
  return [sealer](std::string_view) { return sealer; };
}

std::unique_ptr<SqliteStore> OpenNow(const std::string& path, const SealerSource& source) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path, source);
  EXPECT_TRUE(store.ok()) << store.status();
  return std::move(store).value();
}

// Every byte of the folder, the database's log included.
std::string BytesOf(const fakes::TempDir& dir) {
  std::string bytes;
  for (const auto& entry : std::filesystem::directory_iterator(dir.File(""))) {
    std::ifstream in(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(in), {});
  }
  return bytes;
}

policy::KeyRecord SecretKey(int id) {
  policy::KeyRecord key = KeyOf(id);
  key.secret = std::make_shared<const Secret>(absl::StrCat(kSecretText, id));
  return key;
}

// As an earlier keyd has left it: records of version 1, no table of the seal.
void MakePlainStore(const std::string& path, int keys) {
  { OpenNow(path, With(TestSealer())); }
  const absl::StatusOr<SqliteDb> db = SqliteDb::Open(path);
  ASSERT_TRUE(db.ok());
  std::string sql = "DROP TABLE seal;";
  for (int id = 1; id <= keys; ++id) {
    std::string record;
    FieldWriter fields(1, &record);
    fields.Int(1, id);
    fields.Bytes(2, "project-a");
    fields.Bytes(3, absl::StrCat(kSecretText, id));
    fields.Int(4, 1);
    fields.Bytes(5, "");
    fields.Int(6, 0);
    fields.Int(7, 0);
    fields.Finish();
    absl::StrAppend(&sql, "INSERT INTO keys VALUES (", id, ", x'", absl::BytesToHexString(record),
                    "');");
  }
  const absl::Status status = db->Execute(sql.c_str());
  ASSERT_TRUE(status.ok()) << status;
}

TEST(SqliteSeal, NoSecretIsInAFile) {
  const fakes::TempDir dir;
  const auto store = OpenNow(dir.File("keyd.db"), With(TestSealer()));
  ASSERT_TRUE(CommitNow(*store, LoadNow(*store).epoch, {SecretKey(1)}).ok());
  EXPECT_THAT(BytesOf(dir), Not(HasSubstr(kSecretText)));
}

TEST(SqliteSeal, PlainStoreIsSealedOnceAndItsRemainsAreWiped) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  MakePlainStore(path, 50);
  ASSERT_THAT(BytesOf(dir), HasSubstr(kSecretText));
  {
    const auto store = OpenNow(path, With(TestSealer()));
    const policy::Snapshot snapshot = LoadNow(*store);
    ASSERT_EQ(snapshot.keys.size(), 50u);
    EXPECT_EQ(snapshot.keys[6].secret->Reveal(), absl::StrCat(kSecretText, 7));
    EXPECT_THAT(BytesOf(dir), Not(HasSubstr(kSecretText)));
  }
  const auto again = OpenNow(path, [](std::string_view master_key_id) {
    EXPECT_EQ(master_key_id, TestSealer()->id());
    return TestSealer();
  });
  EXPECT_EQ(LoadNow(*again).keys.size(), 50u);
}

TEST(SqliteSeal, RemainsThatCouldNotBeWipedAreWipedAtTheNextStart) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  { LoadNow(*OpenNow(path, With(TestSealer()))); }
  {  // A page that was used for a secret and is free now.
    const absl::StatusOr<SqliteDb> db = SqliteDb::Open(path);
    const std::string sql =
        absl::StrCat("PRAGMA secure_delete = OFF; CREATE TABLE t (x);", "INSERT INTO t VALUES ('",
                     kSecretText, "'); DROP TABLE t; UPDATE seal SET remains = 1;");
    ASSERT_TRUE(db->Execute(sql.c_str()).ok());
  }
  ASSERT_THAT(BytesOf(dir), HasSubstr(kSecretText));
  const auto store = OpenNow(path, With(TestSealer()));
  LoadNow(*store);
  EXPECT_THAT(BytesOf(dir), Not(HasSubstr(kSecretText)));
}

TEST(SqliteSeal, WrongMasterKeyOpensNothing) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  {
    const auto store = OpenNow(path, With(TestSealer('1')));
    ASSERT_TRUE(CommitNow(*store, LoadNow(*store).epoch, {SecretKey(1)}).ok());
  }
  const absl::Status status = OpenNow(path, With(TestSealer('2')))->Load().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(LoadNow(*OpenNow(path, With(TestSealer('1')))).keys.size(), 1u);
}

TEST(SqliteSeal, ANewKeyInFrontTakesOverAtTheStart) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  {
    const auto store = OpenNow(path, With(TestSealer('1')));
    ASSERT_TRUE(CommitNow(*store, LoadNow(*store).epoch, {SecretKey(1)}).ok());
  }
  { LoadNow(*OpenNow(path, With(SealerOf({TestMasterKey('2'), TestMasterKey('1')})))); }
  EXPECT_EQ(LoadNow(*OpenNow(path, With(TestSealer('2')))).keys.size(), 1u);
}

TEST(SqliteSeal, ResealingHoldsForWhatIsWrittenLaterToo) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  {
    const auto store = OpenNow(path, With(TestSealer('1')));
    const Epoch epoch = LoadNow(*store).epoch;
    ASSERT_TRUE(CommitNow(*store, epoch, {SecretKey(1), SecretKey(2)}).ok());
    EXPECT_EQ(store->Reseal(SealerOf({TestMasterKey('2'), TestMasterKey('1')})).value(), 2);
    ASSERT_TRUE(CommitNow(*store, epoch, {SecretKey(3)}).ok());
  }
  EXPECT_EQ(LoadNow(*OpenNow(path, With(TestSealer('2')))).keys.size(), 3u);
}

TEST(SqliteSeal, ResealingOfAReignThatHasEndedChangesNothing) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  const auto store = OpenNow(path, With(TestSealer('1')));
  ASSERT_TRUE(CommitNow(*store, LoadNow(*store).epoch, {SecretKey(1)}).ok());
  const absl::StatusOr<SqliteDb> db = SqliteDb::Open(path);
  ASSERT_TRUE(db->Execute("UPDATE reign SET epoch = epoch + 1").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      store->Reseal(SealerOf({TestMasterKey('2'), TestMasterKey('1')})).status()));
  EXPECT_EQ(LoadNow(*store).keys.size(), 1u);
}

// True: a check of the audit has found something. Else it is as it was written.
bool AuditIsKnownBroken(Store& store, const policy::Mutations& written) {
  if (VerifyNow(store).broken) return true;
  const absl::StatusOr<AuditRead> read = ReadAuditNow(store);
  EXPECT_TRUE(read.ok()) << read.status();
  std::size_t at = 0;
  for (const policy::Mutation& mutation : written) {
    const auto* record = std::get_if<AuditRecord>(&mutation);
    if (record == nullptr) continue;
    EXPECT_EQ(read.value().rows.at(at++).record, *record);
  }
  EXPECT_EQ(at, read.value().rows.size());
  return false;
}

// A flip that is not noticed leaves what was there; none may end the process.
TEST(SqliteSeal, FlippedBitsNeverChangeASecretOrTheAudit) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  const policy::Mutations audit = AuditOf(20);
  {
    const auto store = OpenNow(path, With(TestSealer()));
    policy::Mutations keys = audit;
    for (int id = 1; id <= 20; ++id) keys.push_back(SecretKey(id));
    ASSERT_TRUE(CommitNow(*store, LoadNow(*store).epoch, std::move(keys)).ok());
  }
  std::ifstream in(path, std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(in), {}};
  std::mt19937 random(20'261'130);
  const int flips = Flips();
  int noticed = 0, audits = 0;
  for (int round = 0; round < flips; ++round) {
    std::string bad = good;
    const std::size_t bit = random() % (bad.size() * 8);
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const std::string copy = dir.File("flipped.db");
    std::filesystem::remove(copy + "-wal");
    std::filesystem::remove(copy + "-shm");
    std::ofstream(copy, std::ios::binary) << bad;
    const auto store = SqliteStore::Open(copy, With(TestSealer()));
    const absl::StatusOr<policy::Snapshot> snapshot =
        store.ok() ? (*store)->Load() : absl::StatusOr<policy::Snapshot>(store.status());
    if (!snapshot.ok()) {
      ++noticed;
      continue;
    }
    EXPECT_EQ(snapshot->keys.size(), 20u) << "bit " << bit;
    for (const policy::KeyRecord& key : snapshot->keys) {
      EXPECT_EQ(key.secret->Reveal(), absl::StrCat(kSecretText, key.id.value())) << "bit " << bit;
    }
    SCOPED_TRACE(bit);
    audits += AuditIsKnownBroken(**store, audit) ? 1 : 0;
  }
  EXPECT_GT(noticed, 0);
  EXPECT_GT(audits, 0);
  std::printf(
      "%d of %d flipped bits kept the store shut, %d more broke the audit, and no other changed a "
      "secret or the audit\n",
      noticed, flips, audits);
}

}  // namespace
}  // namespace keypool::store
