#include "keyd/store/group_writer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace keypool::store {
namespace {

std::vector<absl::Status> AllFine(std::span<const QueuedCommit> group) {
  return std::vector<absl::Status>(group.size());
}

QueuedCommit CommitOf(std::size_t mutations, Store::Done done) {
  return {Epoch{1}, policy::Mutations(mutations, policy::PoolRecord{}), Durability::kProcess,
          std::move(done)};
}

TEST(GroupWriter, WhatIsQueuedWhileItWritesBecomesOneGroup) {
  std::promise<void> first_begun, go_on;
  std::vector<std::size_t> groups;
  {
    GroupWriter writer([&](std::span<const QueuedCommit> group) {
      groups.push_back(group.size());
      if (groups.size() == 1) {
        first_begun.set_value();
        go_on.get_future().wait();
      }
      return AllFine(group);
    });
    writer.Enqueue(CommitOf(1, [](absl::Status) {}));
    first_begun.get_future().wait();
    for (int i = 0; i < 20; ++i) writer.Enqueue(CommitOf(1, [](absl::Status) {}));
    go_on.set_value();
  }
  EXPECT_EQ(groups, (std::vector<std::size_t>{1, 20}));
}

TEST(GroupWriter, GroupEndsBeforeItsLimitButALargerBatchStaysWhole) {
  std::promise<void> first_begun, go_on;
  std::vector<std::size_t> groups;
  {
    GroupWriter writer([&](std::span<const QueuedCommit> group) {
      groups.push_back(group.size());
      if (groups.size() == 1) {
        first_begun.set_value();
        go_on.get_future().wait();
      }
      return AllFine(group);
    });
    writer.Enqueue(CommitOf(1, [](absl::Status) {}));
    first_begun.get_future().wait();
    for (const std::size_t size : {kGroupMutationsMax / 2, kGroupMutationsMax / 2, std::size_t{1},
                                   kGroupMutationsMax + 1, std::size_t{1}}) {
      writer.Enqueue(CommitOf(size, [](absl::Status) {}));
    }
    go_on.set_value();
  }
  EXPECT_EQ(groups, (std::vector<std::size_t>{1, 2, 1, 1, 1}));
}

TEST(GroupWriter, TaskRunsAfterWhatWasEnqueuedBefore) {
  std::atomic<int> written = 0;
  GroupWriter writer([&](std::span<const QueuedCommit> group) {
    written += static_cast<int>(group.size());
    return AllFine(group);
  });
  for (int round = 1; round <= 50; ++round) {
    writer.Enqueue(CommitOf(1, [](absl::Status) {}));
    int seen = 0;
    writer.RunInOrder([&] { seen = written; });
    EXPECT_EQ(seen, round);
  }
}

TEST(GroupWriter, TaskThatNobodyWaitsForRunsInItsTurnAndMayAskForAnother) {
  std::vector<int> seen;
  int written = 0;
  {
    GroupWriter writer([&](std::span<const QueuedCommit> group) {
      written += static_cast<int>(group.size());
      return AllFine(group);
    });
    writer.Enqueue(CommitOf(1, [](absl::Status) {}));
    writer.RunLater([&] {
      seen.push_back(written);
      writer.RunLater([&] { seen.push_back(written); });
    });
  }
  EXPECT_EQ(seen, (std::vector<int>{1, 1}));
}

}  // namespace
}  // namespace keypool::store
