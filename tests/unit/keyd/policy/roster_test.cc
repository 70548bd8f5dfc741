#include "keyd/policy/roster.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/keyd/policy/pool_fixture.h"

namespace keypool::policy {
namespace {

KeyEntry* AddTo(Roster& roster, std::uint64_t id, std::string project) {
  KeyRecord record;
  record.id = KeyId{id};
  record.project = ProjectId{std::move(project)};
  record.secret = MakeSecret("secret-" + std::to_string(id));
  return roster.Add(std::move(record));
}

KeyId NextOf(const Project& project, std::vector<KeyId> excluded = {}) {
  const KeyEntry* key = project.active.FirstExcept(excluded);
  return key ? key->record.id : KeyId{};
}

TEST(Rotation, KeysThatWereNeverUsedComeInTheOrderTheyWereAdded) {
  Roster roster;
  Project& project = *AddTo(roster, 1, "p")->project;
  AddTo(roster, 2, "p");
  EXPECT_EQ(NextOf(project), KeyId{1});
  project.active.Used(roster.Find(KeyId{1}), absl::UnixEpoch());
  EXPECT_EQ(NextOf(project), KeyId{2});
  AddTo(roster, 3, "p");
  project.active.Used(roster.Find(KeyId{2}), absl::UnixEpoch());
  EXPECT_EQ(NextOf(project), KeyId{3});
}

TEST(Rotation, ThenTheLeastRecentlyUsedComes) {
  Roster roster;
  Project& project = *AddTo(roster, 1, "p")->project;
  AddTo(roster, 2, "p");
  AddTo(roster, 3, "p");
  for (const std::uint64_t id : {2, 1, 3, 2}) {
    project.active.Used(roster.Find(KeyId{id}), absl::UnixEpoch());
  }
  EXPECT_EQ(NextOf(project), KeyId{1});
  EXPECT_EQ(NextOf(project, {KeyId{1}}), KeyId{3});
  EXPECT_EQ(NextOf(project, {KeyId{1}, KeyId{2}, KeyId{3}}), KeyId{});
}

TEST(Roster, FindsAKeyByIdAndBySecret) {
  Roster roster;
  KeyEntry* key = AddTo(roster, 1, "p");
  EXPECT_EQ(roster.Find(KeyId{1}), key);
  EXPECT_EQ(roster.Find(Secret("secret-1")), key);
  EXPECT_EQ(roster.Find(Secret("secret-2")), nullptr);
  roster.Remove(key);
  EXPECT_EQ(roster.Find(KeyId{1}), nullptr);
  EXPECT_EQ(roster.Find(Secret("secret-1")), nullptr);
}

TEST(Roster, ProjectIsUsableWhileAKeyIsActive) {
  Roster roster;
  KeyEntry* one = AddTo(roster, 1, "p");
  KeyEntry* two = AddTo(roster, 2, "p");
  EXPECT_FALSE(roster.SetActive(one, false));
  EXPECT_TRUE(one->project->usable());
  EXPECT_TRUE(roster.SetActive(two, false));
  EXPECT_FALSE(one->project->usable());
  EXPECT_EQ(roster.usable_projects(), 0u);
  EXPECT_TRUE(roster.SetActive(one, true));
  EXPECT_EQ(roster.usable_projects(), 1u);
  EXPECT_EQ(roster.active_keys(), 1u);
}

TEST(Roster, UsableProjectsAreInTheOrderOfTheirIdsToo) {
  Roster roster;
  AddTo(roster, 1, "b");
  KeyEntry* key = AddTo(roster, 2, "a10");
  AddTo(roster, 3, "a9");
  const auto all = [&roster] {
    std::vector<std::string> ids;
    for (Project* p = roster.UsableAfter(""); p != nullptr; p = roster.UsableAfter(p->id.value())) {
      ids.push_back(p->id.value());
    }
    return ids;
  };
  EXPECT_EQ(all(), (std::vector<std::string>{"a10", "a9", "b"}));
  roster.SetActive(key, false);
  EXPECT_EQ(all(), (std::vector<std::string>{"a9", "b"}));
  roster.SetActive(key, true);
  EXPECT_EQ(roster.UsableAfter("a1")->id, ProjectId{"a10"});
  roster.Remove(key);
  EXPECT_EQ(all(), (std::vector<std::string>{"a9", "b"}));
  EXPECT_EQ(roster.UsableAfter("b"), nullptr);
}

TEST(Roster, ProjectThatBecomesUsableAgainComesAtTheEndOfTheOrder) {
  Roster roster;
  KeyEntry* one = AddTo(roster, 1, "a");
  KeyEntry* two = AddTo(roster, 2, "b");
  roster.SetActive(one, false);
  roster.SetActive(one, true);
  const std::vector<Project*> expected = {nullptr, two->project, one->project};
  EXPECT_EQ(roster.order(), expected);
}

TEST(Roster, ClosingGapsMovesCursorsWithWhatTheyPointAt) {
  Roster roster;
  for (std::uint64_t id = 1; id <= 3000; ++id) AddTo(roster, id, "p" + std::to_string(id));
  EXPECT_FALSE(roster.HasManyGaps());
  for (std::uint64_t id = 1; id <= 3000; ++id) {
    if (id % 3 != 0) roster.SetActive(roster.Find(KeyId{id}), false);
  }
  ASSERT_TRUE(roster.HasManyGaps());
  std::size_t at_kept = 1499, at_gap = 1500, at_end = 3000;  // 1499 is key_1500
  const Project* kept = roster.order()[at_kept];
  ASSERT_NE(kept, nullptr);
  std::vector<std::size_t*> cursors = {&at_kept, &at_gap, &at_end};
  roster.CloseGaps(cursors);
  EXPECT_EQ(roster.order().size(), 1000u);
  EXPECT_EQ(roster.order()[at_kept], kept);
  EXPECT_EQ(roster.order()[at_gap], roster.Find(KeyId{1503})->project);
  EXPECT_EQ(at_end, 1000u);
  roster.SetActive(roster.Find(KeyId{1500}), false);
  EXPECT_EQ(roster.order()[at_kept], nullptr);
}

TEST(Roster, ProjectWithoutKeysStaysUntilItIsDropped) {
  Roster roster;
  Project* project = AddTo(roster, 1, "p")->project;
  AddTo(roster, 2, "q");
  roster.Remove(roster.Find(KeyId{1}));
  EXPECT_EQ(roster.projects_with_keys(), 1u);
  EXPECT_EQ(roster.keyless(), std::vector<Project*>{project});
  EXPECT_EQ(roster.GetOrMake(ProjectId{"p"}), project);
  roster.Drop(project);
  EXPECT_TRUE(roster.keyless().empty());
  EXPECT_EQ(roster.Find(ProjectId{"p"}), nullptr);
}

}  // namespace
}  // namespace keypool::policy
