// What only a file can suffer: kills, damage, strangers, a full disk.
#include "keyd/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <random>

#include "keyd/store/sqlite_db.h"
#include "tests/conformance/child_process.h"
#include "tests/conformance/store_fixture.h"
#include "tests/fakes/keyd/temp_dir.h"
#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::store {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::unique_ptr<SqliteStore> OpenNow(const std::string& path) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store =
      SqliteStore::Open(path, fakes::TestSealerSource);
  EXPECT_TRUE(store.ok()) << store.status();
  return std::move(store).value();
}

// Changes the file behind the store's back, as sqlite3 in a shell would.
void RunSql(const std::string& path, const char* sql) {
  const absl::StatusOr<SqliteDb> db = SqliteDb::Open(path);
  ASSERT_TRUE(db.ok()) << db.status();
  const absl::Status status = db->Execute(sql);
  ASSERT_TRUE(status.ok()) << status;
}

// A store with `keys` keys, closed again, everything in its main file.
void MakeStore(const std::string& path, int keys) {
  const std::unique_ptr<SqliteStore> store = OpenNow(path);
  const Epoch epoch = LoadNow(*store).epoch;
  policy::Mutations batch;
  for (int i = 1; i <= keys; ++i) batch.push_back(KeyOf(i));
  ASSERT_TRUE(CommitNow(*store, epoch, std::move(batch)).ok());
}

// Opens and loads: where the first error shows is of no matter.
absl::Status OpenAndLoad(const std::string& path) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store =
      SqliteStore::Open(path, fakes::TestSealerSource);
  if (!store.ok()) return store.status();
  return (*store)->Load().status();
}

TEST(SqliteStore, PoolIsThereAfterReopening) {
  const fakes::TempDir dir;
  MakeStore(dir.File("keyd.db"), 3);
  const std::unique_ptr<SqliteStore> store = OpenNow(dir.File("keyd.db"));
  const policy::Snapshot snapshot = LoadNow(*store);
  EXPECT_EQ(snapshot.keys.size(), 3u);
  EXPECT_EQ(snapshot.epoch, Epoch{2});
}

TEST(SqliteStore, FilesAreForTheOwnerOnly) {
  const fakes::TempDir dir;
  const std::string path = dir.File("state/keyd.db");
  const std::unique_ptr<SqliteStore> store = OpenNow(path);
  ASSERT_TRUE(CommitNow(*store, LoadNow(*store).epoch, {KeyOf(1)}).ok());
  struct stat info {};
  ASSERT_EQ(stat(dir.File("state").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.File("state"))) {
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 3) << "database, log and lock";
}

TEST(SqliteStore, SecondKeydOnTheSameFileIsToldWhoHoldsIt) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  ChildProcess child({"commit", path});
  ASSERT_TRUE(child.ReadLine().has_value());
  const absl::Status status = SqliteStore::Open(path, fakes::TestSealerSource).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("process id " + std::to_string(child.pid())));
}

TEST(SqliteStore, ReignThatAnotherProcessTookOverIsFenced) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  const std::unique_ptr<SqliteStore> store = OpenNow(path);
  const Epoch epoch = LoadNow(*store).epoch;
  ASSERT_TRUE(CommitNow(*store, epoch, {KeyOf(1)}).ok());
  RunSql(path, "UPDATE reign SET epoch = epoch + 1");
  const absl::Status status = CommitNow(*store, epoch, {KeyOf(2)});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(LoadNow(*store).keys.size(), 1u);
}

TEST(SqliteStore, KilledInTheMiddleOfCommitsKeepsEverythingAcknowledged) {
  constexpr std::uint32_t kSeed = 7;
  constexpr int kRounds = 12;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < kRounds; ++round) {
    {
      ChildProcess child({"commit", path});
      for (int lines = 1 + static_cast<int>(random() % 1'500); lines > 0; --lines) {
        const std::optional<std::string> line = child.ReadLine();
        ASSERT_TRUE(line.has_value());
        acknowledged = std::stoull(*line);
      }
      child.Kill();
      while (const std::optional<std::string> line = child.ReadLine()) {
        acknowledged = std::stoull(*line);
      }
    }
    const std::unique_ptr<SqliteStore> store = OpenNow(path);
    const policy::Snapshot snapshot = LoadNow(*store);
    ASSERT_EQ(snapshot.epoch.value(), 2u * round + 2);
    ASSERT_GE(snapshot.keys.size(), acknowledged) << "an acknowledged commit is lost";
    ASSERT_EQ(snapshot.pool.next_key.value(), snapshot.keys.size() + 1) << "half of a batch";
    for (std::size_t i = 0; i < snapshot.keys.size(); ++i) {
      ASSERT_EQ(snapshot.keys[i].id, KeyId{i + 1});
    }
  }
}

TEST(SqliteStore, ForeignFilesAreRefusedAndLeftAlone) {
  const fakes::TempDir dir;
  const std::string text = dir.File("text.db");
  std::ofstream(text) << std::string(5'000, 'x');
  const absl::Status not_a_database = OpenAndLoad(text);
  EXPECT_EQ(not_a_database.code(), absl::StatusCode::kDataLoss) << not_a_database;
  EXPECT_THAT(std::string(not_a_database.message()), HasSubstr(text));
  EXPECT_EQ(std::filesystem::file_size(text), 5'000u);

  const std::string other = dir.File("other.db");
  std::ofstream(other).flush();
  RunSql(other, "CREATE TABLE theirs (x); PRAGMA application_id = 77");
  const absl::Status theirs = OpenAndLoad(other);
  EXPECT_EQ(theirs.code(), absl::StatusCode::kFailedPrecondition) << theirs;
  EXPECT_THAT(std::string(theirs.message()), HasSubstr("another program"));
  EXPECT_FALSE(std::filesystem::exists(other + "-wal"));
}

TEST(SqliteStore, NewerSchemaIsRefused) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  MakeStore(path, 1);
  RunSql(path, "PRAGMA user_version = 2");
  const absl::Status status = OpenAndLoad(path);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("schema 2"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer keyd"));
}

TEST(SqliteStore, StoreOfBeforeTheAccountsAndLimitsOpensAndKeepsThemFromThenOn) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  MakeStore(path, 2);
  RunSql(path, "DROP TABLE usage");
  RunSql(path, "DROP TABLE limits");
  const std::unique_ptr<SqliteStore> store = OpenNow(path);
  const policy::Snapshot snapshot = LoadNow(*store);
  EXPECT_EQ(snapshot.keys.size(), 2u);
  EXPECT_TRUE(snapshot.usage.empty());
  const policy::UsageRecord record = UsageOf(UsageDimension::kModel, "m", 1);
  const policy::LimitRecord limits{{}, {.requests_per_day = 9}, ""};
  ASSERT_TRUE(CommitNow(*store, snapshot.epoch, {record, limits}).ok());
  EXPECT_EQ(LoadNow(*store).usage.size(), 1u);
  EXPECT_EQ(LoadNow(*store).limits.size(), 1u);
}

TEST(SqliteStore, StoreOfBeforeTheResourcesOpensAndKeepsResourcesFromThenOn) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  MakeStore(path, 2);
  RunSql(path, "DROP TABLE resources");
  const std::unique_ptr<SqliteStore> store = OpenNow(path);
  const policy::Snapshot snapshot = LoadNow(*store);
  EXPECT_EQ(snapshot.keys.size(), 2u);
  EXPECT_TRUE(snapshot.resources.empty());
  ASSERT_TRUE(CommitNow(*store, snapshot.epoch, {ResourceOf("files/a")}).ok());
  EXPECT_EQ(LoadNow(*store).resources.size(), 1u);
}

TEST(SqliteStore, DamagedRecordIsToldWithTableAndRowAndTheEpochStays) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  MakeStore(path, 3);
  RunSql(path, "UPDATE keys SET record = x'0102030405' WHERE id = 2");
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = OpenAndLoad(path);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("table keys, row key_2"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
  RunSql(path, "DELETE FROM keys WHERE id = 2");
  const std::unique_ptr<SqliteStore> store = OpenNow(path);
  EXPECT_EQ(LoadNow(*store).epoch, Epoch{2}) << "a failed Load takes no epoch";
}

TEST(SqliteStore, TruncatedFileIsDataLoss) {
  for (const std::uintmax_t left : {2u, 50u, 100u, 600u, 4'096u, 8'192u, 20'000u}) {
    const fakes::TempDir dir;
    const std::string path = dir.File("keyd.db");
    MakeStore(path, 500);
    ASSERT_GT(std::filesystem::file_size(path), left);
    std::filesystem::resize_file(path, left);
    const absl::Status status = OpenAndLoad(path);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << left << " bytes left: " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
}

TEST(SqliteStore, RandomDamageIsAnErrorOrHarmlessButNeverACrash) {
  constexpr std::uint32_t kSeed = 11;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  const fakes::TempDir dir;
  const std::string good = dir.File("good.db");
  MakeStore(good, 300);
  const auto size = static_cast<std::uint32_t>(std::filesystem::file_size(good));
  int noticed = 0;
  for (int round = 0; round < 60; ++round) {
    const std::string path = dir.File("bad" + std::to_string(round) + ".db");
    std::filesystem::copy_file(good, path);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (int i = 0; i < 64; ++i) {
      file.seekp(random() % size);
      file.put(static_cast<char>(random()));
    }
    file.close();
    const absl::Status status = OpenAndLoad(path);
    if (!status.ok()) ++noticed;
    EXPECT_THAT(status.code(),
                AnyOf(absl::StatusCode::kOk, absl::StatusCode::kDataLoss,
                      absl::StatusCode::kFailedPrecondition, absl::StatusCode::kUnavailable))
        << status;
  }
  EXPECT_GT(noticed, 50) << "64 damaged bytes hit a record nearly always";
}

TEST(SqliteStore, FullDiskFailsTheCommitAndPoisonsTheReign) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  std::uint64_t acknowledged = 0;
  {
    ChildProcess child({"fill", path, std::to_string(400'000)});
    const std::string lines[3] = {child.ReadLine().value_or(""), child.ReadLine().value_or(""),
                                  child.ReadLine().value_or("")};
    ASSERT_THAT(lines[0], StartsWith("acknowledged "));
    acknowledged = std::stoull(lines[0].substr(13));
    EXPECT_THAT(lines[1], StartsWith("full UNAVAILABLE: ")) << lines[1];
    EXPECT_THAT(lines[1], HasSubstr(path));
    EXPECT_THAT(lines[2], StartsWith("later UNAVAILABLE: ")) << lines[2];
  }
  EXPECT_GT(acknowledged, 0u);
  const std::unique_ptr<SqliteStore> store = OpenNow(path);
  const policy::Snapshot snapshot = LoadNow(*store);
  EXPECT_GE(snapshot.keys.size(), acknowledged);
  EXPECT_TRUE(CommitNow(*store, snapshot.epoch, {KeyOf(1'000'000)}).ok()) << "a new reign works";
}

TEST(SqliteStore, DirectoryWithoutWriteRightsIsUnavailableAndNamed) {
  const fakes::TempDir dir;
  const std::string directory = dir.File("sealed");
  ASSERT_EQ(mkdir(directory.c_str(), 0555), 0);
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  ChildProcess child({"open-unprivileged", directory + "/keyd.db"});
  const std::string line = child.ReadLine().value_or("");
  EXPECT_THAT(line, StartsWith("open UNAVAILABLE: "));
  EXPECT_THAT(line, HasSubstr(directory));
  EXPECT_THAT(line, HasSubstr("DATA_DIR"));
}

TEST(SqliteStore, SecretOfARemovedKeyIsNotLeftInTheFile) {
  const fakes::TempDir dir;
  const std::string path = dir.File("keyd.db");
  const std::string secret = "AIza-a-secret-that-was-removed";
  {
    const std::unique_ptr<SqliteStore> store = OpenNow(path);
    const Epoch epoch = LoadNow(*store).epoch;
    ASSERT_TRUE(CommitNow(*store, epoch, {KeyOf(1, secret), KeyOf(2)}).ok());
    ASSERT_TRUE(CommitNow(*store, epoch, {policy::DeleteKey{KeyId{1}}}).ok());
  }
  std::ifstream file(path, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(content.find(secret), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
}

}  // namespace
}  // namespace keypool::store
