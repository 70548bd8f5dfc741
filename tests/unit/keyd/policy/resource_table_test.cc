#include "keyd/policy/resource_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"

namespace keypool::policy {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'780'000'000);
const ProjectId kA{"a"}, kB{"b"};

// What a store keeps.
class Kept {
 public:
  void Write(const Mutations& mutations) {
    for (const Mutation& mutation : mutations) {
      if (const auto* r = std::get_if<ResourceRecord>(&mutation)) records[r->name] = *r;
      if (const auto* d = std::get_if<DeleteResource>(&mutation)) records.erase(d->name);
    }
  }
  std::map<std::string, ResourceRecord> records;
};

class ResourceTableTest : public testing::Test {
 protected:
  void Learn(std::string_view name, const ProjectId& project, absl::Duration time_to_live) {
    table.Learn(name, {project, kNow + time_to_live}, kNow, &mutations);
  }
  // "": not known.
  std::string Owner(std::string_view name, absl::Duration later = absl::ZeroDuration()) const {
    const ProjectId* owner = table.OwnerOf(name, kNow + later);
    return owner == nullptr ? "" : owner->value();
  }

  ResourceTable table{3};
  Mutations mutations;
};

TEST_F(ResourceTableTest, KnowsANameUntilItExpires) {
  EXPECT_EQ(Owner("files/x"), "");
  Learn("files/x", kA, absl::Minutes(1));
  EXPECT_EQ(Owner("files/x"), "a");
  EXPECT_EQ(Owner("files/x", absl::Minutes(1) - absl::Nanoseconds(1)), "a");
  EXPECT_EQ(Owner("files/x", absl::Minutes(1)), "");
  EXPECT_EQ(Owner("files/X"), "");
}

TEST_F(ResourceTableTest, EveryChangeIsWrittenWhole) {
  Learn("files/x", kA, absl::Minutes(1));
  ASSERT_THAT(mutations, SizeIs(1));
  const auto& record = std::get<ResourceRecord>(mutations[0]);
  EXPECT_EQ(record.name, "files/x");
  EXPECT_EQ(record.project, kA);
  EXPECT_EQ(record.expires, kNow + absl::Minutes(1));
  mutations.clear();
  table.Forget("files/x", kA, &mutations);
  ASSERT_THAT(mutations, SizeIs(1));
  EXPECT_EQ(std::get<DeleteResource>(mutations[0]).name, "files/x");
  EXPECT_TRUE(table.empty());
}

TEST_F(ResourceTableTest, TheLaterExpiryHolds) {
  Learn("files/x", kA, absl::Minutes(2));
  mutations.clear();
  Learn("files/x", kA, absl::Minutes(1));
  Learn("files/x", kA, absl::Minutes(2) + ResourceTable::kSameExpiry - absl::Nanoseconds(1));
  EXPECT_THAT(mutations, IsEmpty());
  Learn("files/x", kA, absl::Minutes(3));
  EXPECT_THAT(mutations, SizeIs(1));
  EXPECT_EQ(Owner("files/x", absl::Minutes(3) - absl::Nanoseconds(1)), "a");
  EXPECT_EQ(Owner("files/x", absl::Minutes(3)), "");
}

TEST_F(ResourceTableTest, OfTwoProjectsTheNewestWordWins) {
  Learn("cachedContents/x", kA, absl::Hours(2));
  Learn("cachedContents/x", kB, absl::Hours(1));
  EXPECT_EQ(Owner("cachedContents/x"), "b");
  EXPECT_EQ(Owner("cachedContents/x", absl::Hours(1)), "");
  mutations.clear();
  table.Forget("cachedContents/x", kA, &mutations);
  EXPECT_EQ(Owner("cachedContents/x"), "b");
  table.Forget("cachedContents/y", kB, &mutations);
  EXPECT_THAT(mutations, IsEmpty());
}

TEST_F(ResourceTableTest, BeyondItsBoundTheOneThatExpiresFirstIsForgotten) {
  Learn("files/2", kA, absl::Minutes(20));
  Learn("files/1", kA, absl::Minutes(10));
  Learn("files/3", kA, absl::Minutes(30));
  mutations.clear();
  Learn("files/new", kB, absl::Minutes(5));  // what was told last is known, however short it lives
  ASSERT_THAT(mutations, SizeIs(2));
  EXPECT_EQ(std::get<DeleteResource>(mutations[0]).name, "files/1");
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(Owner("files/new"), "b");
  EXPECT_EQ(Owner("files/1"), "");
  Learn("files/2", kA, absl::Minutes(40));  // known already: costs nobody a place
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(Owner("files/new"), "b");
}

TEST_F(ResourceTableTest, WhatIsAClientsStaysItsUntilItGoes) {
  const absl::Time later = kNow + absl::Hours(1);
  table.Learn("files/x", {kA, later, "team-a"}, kNow, &mutations);
  EXPECT_EQ(table.Find("files/x", kNow)->client, "team-a");
  // Another's of the same name in another project, and another's word on the same one.
  table.Learn("files/x", {kB, later, "team-b"}, kNow, &mutations);
  EXPECT_EQ(Owner("files/x"), "a");
  table.Learn("files/x", {kA, later + absl::Hours(1), "team-b"}, kNow, &mutations);
  EXPECT_EQ(table.Find("files/x", kNow)->client, "team-a");
  EXPECT_EQ(std::get<ResourceRecord>(mutations.back()).client, "team-a");
  table.Learn("files/x", {kB, later + absl::Hours(9), "team-b"}, later + absl::Hours(1),
              &mutations);
  EXPECT_EQ(table.Find("files/x", later + absl::Hours(2))->client, "team-b");
  // What was made without clients stays nobody's.
  table.Learn("files/y", {kA, later}, kNow, &mutations);
  table.Learn("files/y", {kA, later + absl::Hours(1), "team-b"}, kNow, &mutations);
  EXPECT_EQ(table.Find("files/y", kNow)->client, "");
}

TEST_F(ResourceTableTest, NoRoomAtAllLearnsNothing) {
  ResourceTable none(0);
  none.Learn("files/x", {kA, kNow + absl::Hours(1)}, kNow, &mutations);
  EXPECT_TRUE(none.empty());
  EXPECT_THAT(mutations, IsEmpty());
}

TEST_F(ResourceTableTest, ForgetsWhatHasExpiredInBoundedSteps) {
  for (const char* name : {"files/1", "files/2", "files/3"}) Learn(name, kA, absl::Minutes(1));
  int budget = 2;
  table.Expire(kNow + absl::Seconds(59), &budget, &mutations);
  EXPECT_EQ(budget, 2);
  table.Expire(kNow + absl::Minutes(1), &budget, &mutations);
  EXPECT_EQ(budget, 0);
  EXPECT_EQ(table.size(), 1u);
  budget = 2;
  table.Expire(kNow + absl::Minutes(1), &budget, &mutations);
  EXPECT_EQ(budget, 1);
  EXPECT_TRUE(table.empty());
}

TEST_F(ResourceTableTest, RestoreDropsWhatHasExpiredAndWhatIsTooMuch) {
  for (int minutes : {3, 0, 5, 2, 4}) {
    table.Restore({absl::StrCat("files/", minutes), kA, kNow + absl::Minutes(minutes)}, kNow,
                  &mutations);
  }
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(Owner("files/5"), "a");
  EXPECT_EQ(Owner("files/3"), "a");
  ASSERT_THAT(mutations, SizeIs(2));
  EXPECT_EQ(std::get<DeleteResource>(mutations[0]).name, "files/0");
  EXPECT_EQ(std::get<DeleteResource>(mutations[1]).name, "files/2");
}

// Against a model of it that is simply a map; and what was written restores to the same.
TEST(ResourceTable, RandomWordsAreKeptAndRestored) {
  constexpr std::uint32_t kSeed = 20'261'126;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  ResourceTable table(1'000);
  std::map<std::string, std::pair<ProjectId, absl::Time>> expected;
  Kept kept;
  absl::Time now = kNow;
  for (int step = 0; step < 20'000; ++step) {
    Mutations mutations;
    const std::string name = absl::StrCat("files/", random() % 200);
    const ProjectId project{absl::StrCat("p", random() % 3)};
    now += absl::Milliseconds(random() % 200);
    if (random() % 4 == 0) {
      table.Forget(name, project, &mutations);
      const auto at = expected.find(name);
      if (at != expected.end() && at->second.first == project) expected.erase(at);
    } else {
      // Whole seconds apart, so that every later one counts.
      const absl::Time expires = absl::FromUnixSeconds(absl::ToUnixSeconds(now) + random() % 60);
      table.Learn(name, {project, expires}, now, &mutations);
      const auto [at, is_new] = expected.try_emplace(name, project, expires);
      if (!is_new && (at->second.first != project || at->second.second < expires)) {
        at->second = {project, expires};
      }
    }
    int budget = 3;
    if (step % 16 == 0) table.Expire(now, &budget, &mutations);
    kept.Write(mutations);
    const auto at = expected.find(name);
    const ProjectId* owner = table.OwnerOf(name, now);
    const bool known = at != expected.end() && at->second.second > now;
    ASSERT_EQ(owner != nullptr, known) << name << " at step " << step;
    if (known) {
      ASSERT_EQ(*owner, at->second.first);
    }
  }
  ResourceTable restored(1'000);
  Mutations dropped;
  for (const auto& [name, record] : kept.records) restored.Restore(record, now, &dropped);
  for (const auto& [name, place] : expected) {
    const ProjectId* owner = restored.OwnerOf(name, now);
    ASSERT_EQ(owner != nullptr, place.second > now) << name;
    if (owner != nullptr) {
      EXPECT_EQ(*owner, place.first);
    }
  }
}

}  // namespace
}  // namespace keypool::policy
