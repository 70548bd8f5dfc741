// Where the master key comes from, and how another one takes over.
#include "keyd/master_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "keyd/store/mem_store.h"
#include "tests/fakes/keyd/temp_dir.h"
#include "tests/fakes/keyd/test_sealer.h"

namespace keypool {
namespace {

using fakes::TestMasterKey;
using fakes::TestSealer;
using store::SqliteStore;
using testing::HasSubstr;
using testing::Not;

class MasterKey : public testing::Test {
 protected:
  std::string Own() const { return dir_.File("master.key"); }
  std::string Database() const { return dir_.File("keyd.db"); }
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  static std::string Read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  MasterKeyPlaces Places() const {
    MasterKeyPlaces places;
    places.data_dir = dir_.File("");
    places.data_dir.pop_back();
    return places;
  }
  // What keyd does at its start.
  absl::StatusOr<std::unique_ptr<SqliteStore>> Start(MasterKeys& keys) const {
    auto store = SqliteStore::Open(Database(), [&](std::string_view id) { return keys.For(id); });
    if (!store.ok()) return store;
    const auto snapshot = (*store)->Load();
    if (!snapshot.ok()) return snapshot.status();
    const absl::Status settled = keys.Settle();
    if (!settled.ok()) return settled;
    return store;
  }
  std::string Refused(MasterKeyPlaces places) const {
    MasterKeys keys(std::move(places));
    const absl::Status status = Start(keys).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    return std::string(status.message());
  }

  fakes::TempDir dir_;
};

TEST_F(MasterKey, IsMadeForTheOwnerAlone) {
  MasterKeys keys(Places());
  ASSERT_TRUE(Start(keys).ok());
  struct stat info {};
  ASSERT_EQ(stat(Own().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(Read(Own()).size(), 65u);
  const std::string made = Read(Own());
  MasterKeys again(Places());
  ASSERT_TRUE(Start(again).ok());
  EXPECT_EQ(Read(Own()), made);
}

TEST_F(MasterKey, MissingOneIsNotMadeAnew) {
  {
    MasterKeys keys(Places());
    ASSERT_TRUE(Start(keys).ok());
  }
  std::filesystem::remove(Own());
  EXPECT_THAT(Refused(Places()), HasSubstr("master.key: it is missing"));
  EXPECT_FALSE(std::filesystem::exists(Own()));
}

TEST_F(MasterKey, WrongOneStopsTheStartAndIsNotTold) {
  {
    MasterKeys keys(Places());
    ASSERT_TRUE(Start(keys).ok());
  }
  MasterKeyPlaces places = Places();
  places.file = dir_.File("other.key");
  Write(places.file, TestMasterKey('7'));
  const std::string why = Refused(places);
  EXPECT_THAT(why, HasSubstr("MASTER_KEY_FILE"));
  EXPECT_THAT(why, HasSubstr("sealed with another master key"));
  EXPECT_THAT(why, Not(HasSubstr("777")));
}

TEST_F(MasterKey, FileIsOverTextOverCredentialOverOurOwn) {
  MasterKeyPlaces places = Places();
  places.credentials_directory = dir_.File("");
  Write(dir_.File("keyd-master-key"), TestMasterKey('1'));
  EXPECT_TRUE(HasMasterKeyCredential(places.credentials_directory));
  EXPECT_EQ((*MasterKeys(places).For(""))->id(), TestSealer('1')->id());
  places.text = std::make_shared<const Secret>(TestMasterKey('2'));
  EXPECT_EQ((*MasterKeys(places).For(""))->id(), TestSealer('2')->id());
  places.file = dir_.File("file.key");
  Write(places.file, TestMasterKey('3') + "\n");
  EXPECT_EQ((*MasterKeys(places).For(""))->id(), TestSealer('3')->id());
  EXPECT_FALSE(std::filesystem::exists(Own()));
}

TEST_F(MasterKey, FilesThatAreWrongAreNamed) {
  MasterKeyPlaces places = Places();
  places.file = dir_.File("file.key");
  EXPECT_THAT(Refused(places), HasSubstr("No such file"));
  Write(places.file, " \n");
  EXPECT_THAT(Refused(places), HasSubstr("no master key in it"));
  Write(places.file, "not hexadecimal");
  EXPECT_THAT(Refused(places), HasSubstr("openssl rand -hex 32"));
  Write(places.file, std::string(100'000, 'a'));
  EXPECT_THAT(Refused(places), HasSubstr("too large"));
}

TEST_F(MasterKey, RotationMakesANewOneAndForgetsTheOld) {
  MasterKeys keys(Places());
  auto store = Start(keys);
  ASSERT_TRUE(store.ok()) << store.status();
  const std::string before = Read(Own());
  const auto rotated = keys.Rotate(store->get());
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(rotated->place, Own());
  EXPECT_NE(Read(Own()), before);
  EXPECT_EQ(Read(Own()).size(), 65u);
  store->reset();
  MasterKeys again(Places());
  EXPECT_TRUE(Start(again).ok());
}

TEST_F(MasterKey, RotationThatWasCutShortIsFinishedAtTheNextStart) {
  {
    MasterKeys keys(Places());
    ASSERT_TRUE(Start(keys).ok());
  }
  Write(Own(), TestMasterKey('5') + "\n" + Read(Own()));
  MasterKeys keys(Places());
  ASSERT_TRUE(Start(keys).ok());
  EXPECT_EQ(Read(Own()), TestMasterKey('5') + "\n");
}

TEST_F(MasterKey, RotationTakesTheNewKeyOfTheOperatorsFile) {
  MasterKeyPlaces places = Places();
  places.file = dir_.File("file.key");
  Write(places.file, TestMasterKey('1'));
  MasterKeys keys(places);
  auto store = Start(keys);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_THAT(std::string(keys.Rotate(store->get()).status().message()),
              HasSubstr("in use already"));
  Write(places.file, TestMasterKey('2'));
  EXPECT_THAT(std::string(keys.Rotate(store->get()).status().message()),
              HasSubstr("the present key must stay"));
  Write(places.file, absl::StrCat(TestMasterKey('2'), "\n", TestMasterKey('1'), "\n"));
  ASSERT_TRUE(keys.Rotate(store->get()).ok());
  store->reset();
  Write(places.file, TestMasterKey('2'));
  MasterKeys again(places);
  EXPECT_TRUE(Start(again).ok());
}

TEST_F(MasterKey, ThatOfTheEnvironmentCannotRotate) {
  MasterKeyPlaces places = Places();
  places.text = std::make_shared<const Secret>(TestMasterKey('1'));
  MasterKeys keys(places);
  auto store = Start(keys);
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Status status = keys.Rotate(store->get()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("MASTER_KEY_FILE"));
}

}  // namespace
}  // namespace keypool
