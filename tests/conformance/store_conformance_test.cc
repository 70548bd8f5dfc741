// What a store promises (keyd/store/store.h), held against every store.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "tests/conformance/store_fixture.h"

namespace keypool::store {
namespace {

using policy::DeleteBucket;
using policy::DeleteKey;
using policy::DeleteRemovedKey;
using policy::KeyRecord;
using policy::Mutations;
using policy::PoolRecord;
using policy::RemovedKeyRecord;
using policy::Snapshot;

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance, ::testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

TEST_P(StoreConformance, EmptyStoreLoadsAsANewPool) {
  const Snapshot snapshot = LoadNow(store());
  EXPECT_EQ(snapshot.epoch, Epoch{1});
  EXPECT_EQ(snapshot.pool.next_key, KeyId{1});
  EXPECT_TRUE(snapshot.keys.empty());
  EXPECT_TRUE(snapshot.buckets.empty());
  EXPECT_TRUE(snapshot.resources.empty());
  EXPECT_TRUE(snapshot.removed.empty());
  EXPECT_TRUE(snapshot.usage.empty());
  EXPECT_TRUE(snapshot.limits.empty());
  EXPECT_TRUE(snapshot.clients.empty());
  EXPECT_TRUE(snapshot.client_use.empty());
}

TEST_P(StoreConformance, EveryLoadBeginsAHigherEpoch) {
  for (std::uint64_t reign = 1; reign <= 5; ++reign) {
    EXPECT_EQ(LoadNow(store()).epoch, Epoch{reign});
  }
}

TEST_P(StoreConformance, EveryFieldComesBack) {
  Snapshot written;
  written.pool.next_key = KeyId{INT64_MAX};
  KeyRecord disabled = KeyOf(2, std::string(512, '\x00') + "\xff");
  disabled.active = false;
  disabled.disabled_reason = std::string(512, 'r');
  disabled.disabled_at = absl::InfiniteFuture();
  disabled.added_at = absl::FromUnixNanos(1'700'000'000'000'000'001);
  KeyRecord bare = KeyOf(INT64_MAX, "");
  bare.project = ProjectId{""};
  bare.added_at = absl::InfinitePast();
  written.keys = {KeyOf(1), disabled, bare};
  policy::BucketRecord bucket = BucketOf("проект-日本-🔑", "模型 'quoted' \"x\"; --", INT64_MAX);
  bucket.day = -1;
  bucket.ahead = INT64_MIN;
  bucket.minute = {{absl::InfinitePast(), 1}, {absl::UnixEpoch(), 0}, {absl::InfiniteFuture(), -5}};
  bucket.cooling_until = absl::InfiniteFuture();
  bucket.cooling_reason = "per-day \xE2\x80\xA6";
  policy::BucketRecord many = BucketOf(std::string(128, 'p'), std::string(512, 'm'));
  for (int i = 0; i < 5'000; ++i) many.minute.push_back({absl::FromUnixMillis(i), i});
  written.buckets = {bucket,
                     many,
                     BucketOf("", ""),
                     BucketOf("a", ""),
                     BucketOf("", "a"),
                     BucketOf("a", std::string("b\0c", 3)),
                     BucketOf(std::string("a\0b", 3), "c")};
  written.removed = {{KeyId{3}, std::string(32, '\x00')}, {KeyId{4}, ""}};

  Mutations batch{written.pool};
  for (const auto& record : written.keys) batch.push_back(record);
  for (const auto& record : written.buckets) batch.push_back(record);
  for (const auto& record : written.removed) batch.push_back(record);
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch, batch).ok());
  EXPECT_EQ(Describe(LoadNow(store())), Describe(written));
}

TEST_P(StoreConformance, LastRecordWins) {
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch,
                        {KeyOf(1, "first"), KeyOf(1, "second"), BucketOf("p", "m", 1),
                         BucketOf("p", "m", 2), PoolRecord{KeyId{5}}, PoolRecord{KeyId{6}}})
                  .ok());
  ASSERT_TRUE(CommitNow(store(), epoch, {KeyOf(1, "third"), BucketOf("p", "m", 3)}).ok());
  const Snapshot snapshot = LoadNow(store());
  ASSERT_EQ(snapshot.keys.size(), 1u);
  EXPECT_EQ(snapshot.keys[0].secret->Reveal(), "third");
  ASSERT_EQ(snapshot.buckets.size(), 1u);
  EXPECT_EQ(snapshot.buckets[0].day_used, 3);
  EXPECT_EQ(snapshot.pool.next_key, KeyId{6});
}

TEST_P(StoreConformance, DeletedRecordsAreGoneAndOthersStay) {
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch,
                        {KeyOf(1), KeyOf(2), BucketOf("p", "m"), BucketOf("p", "n"),
                         RemovedKeyRecord{KeyId{8}, "f"}, RemovedKeyRecord{KeyId{9}, "g"}})
                  .ok());
  ASSERT_TRUE(CommitNow(store(), epoch,
                        {DeleteKey{KeyId{1}}, DeleteBucket{{ProjectId{"p"}, "m"}},
                         DeleteRemovedKey{KeyId{8}}, DeleteKey{KeyId{77}},
                         DeleteBucket{{ProjectId{"no"}, "such"}}, DeleteRemovedKey{KeyId{77}}})
                  .ok());
  Snapshot expected;
  expected.keys = {KeyOf(2)};
  expected.buckets = {BucketOf("p", "n")};
  expected.removed = {{KeyId{9}, "g"}};
  EXPECT_EQ(Describe(LoadNow(store())), Describe(expected));
}

TEST_P(StoreConformance, UsageComesBackIsReplacedAndDeletedRowByRow) {
  using enum UsageDimension;
  policy::UsageRecord full = UsageOf(kClient, "客户 'x'; --", 1);
  full.counts = {1, 2, 3, INT64_MAX, 5, 6, 7};
  policy::UsageRecord day = full;
  day.name.place.hour = -1;
  policy::UsageRecord other_day = full;
  other_day.name.place.day = -5;
  Snapshot expected;
  expected.usage = {full, day, other_day, UsageOf(kKey, "", 9), UsageOf(kModel, "n", 4)};
  Mutations batch = {UsageOf(kModel, "n", 3), UsageOf(kProject, "n", 8)};
  for (const policy::UsageRecord& record : expected.usage) batch.push_back(record);
  batch.push_back(policy::DeleteUsage{UsageOf(kProject, "n").name});
  batch.push_back(policy::DeleteUsage{UsageOf(kProject, "never there").name});
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch, batch).ok());
  EXPECT_EQ(Describe(LoadNow(store())), Describe(expected));
}

TEST_P(StoreConformance, ResourcesComeBackAreReplacedAndDeletedOneByOne) {
  policy::ResourceRecord odd = ResourceOf("files/客户 'x'; --", std::string("a\0b", 3));
  odd.expires = absl::InfiniteFuture();
  policy::ResourceRecord past = ResourceOf(std::string(256, 'n'), "");
  past.expires = absl::InfinitePast();
  Snapshot expected;
  expected.resources = {odd, past, ResourceOf("", "p"), ResourceOf("files/a", "new")};
  Mutations batch = {ResourceOf("files/a", "old"), ResourceOf("files/b")};
  for (const policy::ResourceRecord& record : expected.resources) batch.push_back(record);
  batch.push_back(policy::DeleteResource{"files/b"});
  batch.push_back(policy::DeleteResource{"files/never-there"});
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch, batch).ok());
  EXPECT_EQ(Describe(LoadNow(store())), Describe(expected));
}

TEST_P(StoreConformance, LimitsComeBackAreReplacedAndDeletedScopeByScope) {
  const LimitScopeName everywhere;
  const LimitScopeName model{LimitLevel::kEverywhere, "", LimitModels::kOne, "模型 'x'; --"};
  const LimitScopeName tier{LimitLevel::kTier, "t", LimitModels::kTogether, ""};
  const LimitScopeName project{LimitLevel::kProject, "t", LimitModels::kEach, ""};
  Snapshot expected;
  expected.limits = {{everywhere, {.requests_per_minute = 1, .requests_per_day = 0}, ""},
                     {model, {.input_tokens_per_day = kUnlimited}, ""},
                     {project, {}, "t"}};
  Mutations batch = {policy::LimitRecord{model, {.requests_per_day = 9}, ""},
                     policy::LimitRecord{tier, {.requests_per_minute = 5}, ""}};
  for (const policy::LimitRecord& record : expected.limits) batch.push_back(record);
  batch.push_back(policy::DeleteLimit{tier});
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch, batch).ok());
  EXPECT_EQ(Describe(LoadNow(store())), Describe(expected));
}

TEST_P(StoreConformance, ClientsComeBackWithWhatTheyUsedAndGoTogether) {
  policy::ClientRecord full;
  full.name = "team-a";
  full.terms = {.requests_per_minute = 5,
                .requests_per_day = 50,
                .input_tokens_per_day = 500,
                .models = {"gemini-2.5-*", "x"},
                .expires = absl::FromUnixSeconds(2'000'000'000),
                .weight = 3};
  full.added_at = absl::FromUnixNanos(1'700'000'000'000'000'001);
  full.tokens = {{.digest = {1, 2, 3}, .made_at = full.added_at},
                 {.digest = {0, 255}, .made_at = full.added_at, .valid_until = full.terms.expires}};
  policy::ClientRecord plain;
  plain.name = "b";
  plain.revoked_at = full.terms.expires;
  const policy::ClientUseRecord use{"team-a", 20'000, 7, {{full.added_at, 2}}, 1, 99};
  Snapshot expected;
  expected.clients = {full, plain};
  expected.client_use = {use};
  policy::ClientRecord gone = plain;
  gone.name = "gone";
  const Mutations batch = {full,
                           plain,
                           gone,
                           policy::ClientUseRecord{"team-a", 1, 1, {}, 0, 0},
                           use,
                           policy::ClientUseRecord{"gone", 1, 1, {}, 0, 0},
                           policy::DeleteClient{"gone"}};
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch, batch).ok());
  EXPECT_EQ(Describe(LoadNow(store())), Describe(expected));
}

TEST_P(StoreConformance, AdminTokensComeBackUntilTheyAreDeleted) {
  policy::AdminTokenRecord ops;
  ops.name = "ops";
  ops.added_at = absl::FromUnixSeconds(1'700'000'000);
  ops.expires = absl::FromUnixSeconds(2'000'000'000);
  ops.tokens = {{.digest = {1, 2, 3}, .made_at = ops.added_at},
                {.digest = {4}, .made_at = ops.added_at, .valid_until = ops.expires}};
  policy::AdminTokenRecord gone = ops;
  gone.name = "gone";
  policy::AdminTokenRecord plain;
  plain.name = "plain";
  Snapshot expected;
  expected.admin_tokens = {ops, plain};
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), epoch, {gone, plain, ops}).ok());
  ASSERT_TRUE(CommitNow(store(), epoch, {policy::DeleteAdminToken{"gone"}}).ok());
  EXPECT_EQ(Describe(LoadNow(store())), Describe(expected));
}

TEST_P(StoreConformance, OrderInsideABatchDecides) {
  const Epoch epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(
      CommitNow(store(), epoch, {KeyOf(1), DeleteKey{KeyId{1}}, DeleteKey{KeyId{2}}, KeyOf(2)})
          .ok());
  const Snapshot snapshot = LoadNow(store());
  ASSERT_EQ(snapshot.keys.size(), 1u);
  EXPECT_EQ(snapshot.keys[0].id, KeyId{2});
}

TEST_P(StoreConformance, RepeatingABatchChangesNothing) {
  const Epoch epoch = LoadNow(store()).epoch;
  const Mutations batch{PoolRecord{KeyId{3}}, KeyOf(1), DeleteKey{KeyId{2}}, BucketOf("p", "m", 7)};
  ASSERT_TRUE(CommitNow(store(), epoch, batch).ok());
  const Snapshot once = LoadNow(store());
  ASSERT_TRUE(CommitNow(store(), once.epoch, batch).ok());
  EXPECT_EQ(Describe(LoadNow(store())), Describe(once));
}

TEST_P(StoreConformance, EmptyBatchSucceeds) {
  const Epoch epoch = LoadNow(store()).epoch;
  EXPECT_TRUE(CommitNow(store(), epoch, {}).ok());
}

TEST_P(StoreConformance, CommitOfAnEarlierReignIsFencedAndWritesNothing) {
  const Epoch old_epoch = LoadNow(store()).epoch;
  ASSERT_TRUE(CommitNow(store(), old_epoch, {KeyOf(1, "kept")}).ok());
  const Epoch epoch = LoadNow(store()).epoch;
  for (const Epoch wrong : {old_epoch, Epoch{0}, Epoch{epoch.value() + 1}}) {
    const absl::Status status =
        CommitNow(store(), wrong, {KeyOf(1, "changed"), KeyOf(2), DeleteKey{KeyId{1}}});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  }
  ASSERT_TRUE(CommitNow(store(), epoch, {KeyOf(3)}).ok()) << "a fenced commit hurts no other";
  Snapshot expected;
  expected.keys = {KeyOf(1, "kept"), KeyOf(3)};
  EXPECT_EQ(Describe(LoadNow(store())), Describe(expected));
}

TEST_P(StoreConformance, CommitBeforeTheFirstLoadIsFenced) {
  for (const Epoch epoch : {Epoch{0}, Epoch{1}}) {
    EXPECT_EQ(CommitNow(store(), epoch, {KeyOf(1)}).code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(LoadNow(store()).keys.empty());
}

TEST_P(StoreConformance, DoneRunsOnceForEachCommitInTheirOrder) {
  constexpr int kCommits = 500;
  const Epoch epoch = LoadNow(store()).epoch;
  std::vector<int> order;  // the store's thread only, read after its end
  for (int i = 0; i < kCommits; ++i) {
    const Epoch of = i % 7 == 3 ? Epoch{999} : epoch;  // fenced ones keep their place too
    const Durability durability = i % 50 == 0 ? Durability::kPower : Durability::kProcess;
    store().Commit(of, {PoolRecord{KeyId{static_cast<std::uint64_t>(i + 1)}}}, durability,
                   [&order, i, of, epoch](absl::Status status) {
                     EXPECT_EQ(status.ok(), of == epoch) << status;
                     order.push_back(i);
                   });
  }
  Destroy();
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kCommits));
  for (int i = 0; i < kCommits; ++i) EXPECT_EQ(order[i], i);
}

TEST_P(StoreConformance, DestructorWaitsForCommitsUnderWay) {
  const Epoch epoch = LoadNow(store()).epoch;
  std::atomic<int> done = 0;
  for (int i = 1; i <= 200; ++i) {
    store().Commit(epoch, {KeyOf(i)}, Durability::kProcess, [&done](absl::Status status) {
      EXPECT_TRUE(status.ok()) << status;
      ++done;
    });
  }
  Destroy();
  EXPECT_EQ(done, 200);
}

TEST_P(StoreConformance, BigBatchIsWrittenWhole) {
  constexpr int kRows = 10'000;
  const Epoch epoch = LoadNow(store()).epoch;
  Mutations batch;
  for (int i = 1; i <= kRows; ++i) {
    batch.push_back(KeyOf(i));
    batch.push_back(BucketOf("project-" + std::to_string(i), "gemini-2.5-flash", i));
  }
  ASSERT_TRUE(CommitNow(store(), epoch, std::move(batch), Durability::kPower).ok());
  const Snapshot snapshot = LoadNow(store());
  EXPECT_EQ(snapshot.keys.size(), static_cast<std::size_t>(kRows));
  EXPECT_EQ(snapshot.buckets.size(), static_cast<std::size_t>(kRows));
}

TEST_P(StoreConformance, ConcurrentCommittersAllGetTheirOwnWrittenInTheirOwnOrder) {
  constexpr int kThreads = 4, kCommits = 200;
  const Epoch epoch = LoadNow(store()).epoch;
  std::latch answers(kThreads * kCommits);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 1; i <= kCommits; ++i) {
        store().Commit(epoch, {BucketOf("project-" + std::to_string(t), "m", i)},
                       Durability::kProcess, [&answers](absl::Status status) {
                         EXPECT_TRUE(status.ok()) << status;
                         answers.count_down();
                       });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Snapshot snapshot = LoadNow(store());  // after all commits asked for before it
  answers.wait();                              // Load does not wait for them
  ASSERT_EQ(snapshot.buckets.size(), static_cast<std::size_t>(kThreads));
  for (const auto& bucket : snapshot.buckets) EXPECT_EQ(bucket.day_used, kCommits);
}

// Half of a batch is never seen: two records of one batch always agree.
TEST_P(StoreConformance, LoadBetweenCommitsSeesWholeBatchesOnly) {
  const Epoch first = LoadNow(store()).epoch;
  std::atomic<int> refused = 0;
  std::latch answers(300);
  const auto commit = [&](int i) {
    store().Commit(first, {PoolRecord{KeyId{static_cast<std::uint64_t>(i)}}, BucketOf("p", "m", i)},
                   Durability::kProcess, [&](absl::Status status) {
                     if (!status.ok()) ++refused;
                     answers.count_down();
                   });
  };
  for (int i = 1; i <= 150; ++i) commit(i);
  std::thread late([&] {
    for (int i = 151; i <= 300; ++i) commit(i);
  });
  const Snapshot snapshot = LoadNow(store());
  late.join();
  ASSERT_EQ(snapshot.buckets.size(), 1u);
  EXPECT_EQ(static_cast<std::int64_t>(snapshot.pool.next_key.value()),
            snapshot.buckets[0].day_used);
  EXPECT_GE(snapshot.buckets[0].day_used, 150);
  const Snapshot after = LoadNow(store());
  EXPECT_EQ(Describe(after), Describe(snapshot)) << "a later commit of the ended reign got through";
  answers.wait();  // Load does not wait for them
  EXPECT_EQ(refused, 300 - snapshot.buckets[0].day_used);
}

}  // namespace
}  // namespace keypool::store
