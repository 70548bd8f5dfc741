#include "keyd/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/store/mem_store.h"
#include "tests/fakes/keyd/fake_clock.h"
#include "tests/fakes/keyd/temp_dir.h"

namespace keypool {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kFirst[] = "AIzaSy-first-key-0001";
constexpr char kSecond[] = "AIzaSy-second-key-0002";

TEST(ParseKeys, CommasAndLinesSeparateAndProjectsFollowTheAt) {
  const auto list = ParseKeys(absl::StrCat(" ", kFirst, "@my-project ,\r\n", kSecond), "");
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->keys.size(), 2u);
  EXPECT_EQ(*list->keys[0].secret, Secret(kFirst));
  EXPECT_EQ(list->keys[0].project, ProjectId("my-project"));
  EXPECT_EQ(*list->keys[1].secret, Secret(kSecond));
  EXPECT_EQ(list->keys[1].project, std::nullopt);
  EXPECT_THAT(list->notes, ElementsAre("GEMINI_API_KEYS entry 2 is empty"));
}

TEST(ParseKeys, NothingAtAllIsALegalList) {
  const auto list = ParseKeys("", " \n# only a comment\n\n");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->keys, IsEmpty());
  EXPECT_THAT(list->notes, IsEmpty());
}

TEST(ParseKeys, CommentsOfTheFileEndWithTheLine) {
  const auto list =
      ParseKeys("", absl::StrCat("# team a\n", kFirst, " # ours, really\n\n", kSecond, "@p#x\n"));
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->keys.size(), 2u);
  EXPECT_EQ(list->keys[1].project, ProjectId("p"));
  EXPECT_EQ(list->keys[1].where, "GEMINI_API_KEYS_FILE line 4 entry 1");
}

TEST(ParseKeys, EmptyAndRepeatedEntriesAreToldWithTheirPositions) {
  const auto list = ParseKeys(absl::StrCat(kFirst, ",,", kFirst), absl::StrCat(kFirst, "\n"));
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->keys.size(), 1u);
  EXPECT_THAT(list->notes,
              ElementsAre("GEMINI_API_KEYS entry 2 is empty",
                          "GEMINI_API_KEYS entry 3 repeats GEMINI_API_KEYS entry 1",
                          "GEMINI_API_KEYS_FILE line 1 entry 1 repeats GEMINI_API_KEYS entry 1"));
}

TEST(ParseKeys, EveryMistakeIsToldAtOnceWithItsPositionAndWithoutTheSecret) {
  const auto list = ParseKeys(absl::StrCat("short,", kFirst, "@-bad,", kSecond),
                              absl::StrCat("two words\n", kSecond, "@elsewhere\n", kSecond, "@\n"));
  ASSERT_EQ(list.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(list.status().message());
  for (const char* part :
       {"GEMINI_API_KEYS entry 1: ", "GEMINI_API_KEYS entry 2: ",
        "GEMINI_API_KEYS_FILE line 1 entry 1: ", "GEMINI_API_KEYS_FILE line 2 entry 1: ",
        "GEMINI_API_KEYS_FILE line 3 entry 1: "}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
  for (const char* secret : {"short", kFirst, kSecond, "two words"}) {
    EXPECT_THAT(message, Not(HasSubstr(secret)));
  }
}

TEST(ReadKeysFile, OddFilesAreToldOrRefusedWithTheSetting) {
  fakes::TempDir dir;
  std::vector<std::string> notes;
  EXPECT_EQ(*ReadKeysFile("", &notes), "");
  EXPECT_THAT(std::string(ReadKeysFile(dir.File("none"), &notes).status().message()),
              HasSubstr("GEMINI_API_KEYS_FILE"));
  EXPECT_FALSE(ReadKeysFile(dir.path(), &notes).ok());
  const std::string path = dir.File("keys");
  std::ofstream(path) << kFirst;
  chmod(path.c_str(), 0600);
  EXPECT_EQ(*ReadKeysFile(path, &notes), kFirst);
  EXPECT_THAT(notes, IsEmpty());
  chmod(path.c_str(), 0644);
  EXPECT_EQ(*ReadKeysFile(path, &notes), kFirst);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("chmod 600")));
}

class ImportTest : public ::testing::Test {
 protected:
  void StartEngine() {
    engine::Options options;
    options.seed = 1;
    options.pool.pacific = absl::UTCTimeZone();
    auto engine = engine::Engine::Start(options, clock_, store_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }

  std::vector<std::string> Keys() {
    std::promise<std::vector<std::string>> answer;
    engine_->Status({}, [&](absl::StatusOr<PoolStatus> status) {
      std::vector<std::string> keys;
      for (const KeyStatus& key : status.value().keys) {
        keys.push_back(absl::StrCat(ToString(key.id), " ", key.project.value()));
      }
      answer.set_value(std::move(keys));
    });
    return answer.get_future().get();
  }

  void ImportText(const std::string& text) {
    const auto list = ParseKeys(text, "");
    ASSERT_TRUE(list.ok()) << list.status();
    const absl::Status status = Import(*list, engine_.get());
    ASSERT_TRUE(status.ok()) << status;
  }

  fakes::FakeClock clock_;
  store::MemStore store_;
  std::unique_ptr<engine::Engine> engine_;
};

TEST_F(ImportTest, KeysOfThePoolAreLeftAsTheyAre) {
  StartEngine();
  ImportText(absl::StrCat(kFirst, "@a"));
  ImportText(absl::StrCat(kFirst, "@b,", kSecond));
  EXPECT_THAT(Keys(), ElementsAre("key_1 a", "key_2 ~key_2"));
}

TEST_F(ImportTest, RemovedKeyStaysRemovedOverARestartUntilItIsAddedByHand) {
  StartEngine();
  ImportText(absl::StrCat(kFirst, "@a,", kSecond, "@b"));
  std::promise<absl::Status> removed;
  engine_->RemoveKey({KeyId(1)}, [&](absl::Status s) { removed.set_value(std::move(s)); });
  ASSERT_TRUE(removed.get_future().get().ok());
  engine_ = nullptr;
  StartEngine();
  ImportText(absl::StrCat(kFirst, "@a,", kSecond, "@b"));
  EXPECT_THAT(Keys(), ElementsAre("key_2 b"));

  std::promise<absl::StatusOr<KeyStatus>> added;
  AddKeyCommand by_hand;
  by_hand.secret = std::make_shared<const Secret>(kFirst);
  engine_->AddKey(by_hand, [&](absl::StatusOr<KeyStatus> key) { added.set_value(std::move(key)); });
  ASSERT_TRUE(added.get_future().get().ok());
  engine_ = nullptr;
  StartEngine();
  ImportText(absl::StrCat(kFirst, "@a"));
  EXPECT_THAT(Keys(), ElementsAre("key_2 b", "key_3 ~key_3"));
}

TEST_F(ImportTest, MoreKeysThanTheMailboxHoldsAreImported) {
  StartEngine();
  std::string text;
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&text, "AIzaSy-key-", i, "-of-many\n");
  ImportText(text);
  std::promise<std::int64_t> total;
  engine_->Status(
      {}, [&](absl::StatusOr<PoolStatus> s) { total.set_value(s.value().summary.keys_total); });
  EXPECT_EQ(total.get_future().get(), 5000);
}

}  // namespace
}  // namespace keypool
