#include "keyd/store/store_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/fakes/keyd/temp_dir.h"

namespace keypool::store {
namespace {

using ::testing::HasSubstr;

int ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST(StoreLock, SecondHolderIsToldWhoHasIt) {
  const fakes::TempDir dir;
  const absl::StatusOr<StoreLock> first = StoreLock::Take(dir.File("keyd.db"));
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status second = StoreLock::Take(dir.File("keyd.db")).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr("process id " + std::to_string(getpid())));
  EXPECT_THAT(std::string(second.message()), HasSubstr("DATA_DIR"));
}

TEST(StoreLock, IsFreeAgainAfterItsHolder) {
  const fakes::TempDir dir;
  for (int round = 0; round < 3; ++round) {
    const absl::StatusOr<StoreLock> lock = StoreLock::Take(dir.File("keyd.db"));
    EXPECT_TRUE(lock.ok()) << lock.status();
  }
}

TEST(StoreFile, DirectoriesThatAreMissingAreMadeForTheOwnerOnly) {
  const fakes::TempDir dir;
  ASSERT_TRUE(MakeStoreDirectory(dir.File("a/b/keyd.db")).ok());
  EXPECT_EQ(ModeOf(dir.File("a")), 0700);
  EXPECT_EQ(ModeOf(dir.File("a/b")), 0700);
}

TEST(StoreFile, DirectoryThatExistsKeepsItsMode) {
  const fakes::TempDir dir;
  ASSERT_EQ(mkdir(dir.File("a").c_str(), 0755), 0);
  ASSERT_EQ(chmod(dir.File("a").c_str(), 0755), 0);
  ASSERT_TRUE(MakeStoreDirectory(dir.File("a/keyd.db")).ok());
  EXPECT_EQ(ModeOf(dir.File("a")), 0755);
}

TEST(StoreFile, FileInPlaceOfADirectoryIsToldWithTheSetting) {
  const fakes::TempDir dir;
  std::ofstream(dir.File("a")) << "not a directory";
  const absl::Status status = MakeStoreDirectory(dir.File("a/keyd.db"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir.File("a")));
  EXPECT_THAT(std::string(status.message()), HasSubstr("DATA_DIR"));
}

TEST(StoreFile, FilesThatOthersCouldReadAreTightened) {
  const fakes::TempDir dir;
  for (const char* name : {"keyd.db", "keyd.db-wal"}) {
    std::ofstream(dir.File(name)) << "x";
    ASSERT_EQ(chmod(dir.File(name).c_str(), 0644), 0);
  }
  ASSERT_TRUE(MakeStoreFile(dir.File("keyd.db")).ok());
  EXPECT_EQ(ModeOf(dir.File("keyd.db")), 0600);
  EXPECT_EQ(ModeOf(dir.File("keyd.db-wal")), 0600);
  EXPECT_FALSE(std::filesystem::exists(dir.File("keyd.db-shm")));
}

}  // namespace
}  // namespace keypool::store
