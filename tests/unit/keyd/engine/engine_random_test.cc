// Many threads at once, and crashes at any commit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>

#include "keyd/engine/engine.h"
#include "tests/unit/keyd/engine/engine_fixture.h"

namespace keypool::engine {
namespace {

constexpr std::uint32_t kSeed = 20'261'122;

TEST_F(EngineTest, ManyThreadsGetExactlyOneAnswerForEachCall) {
  constexpr int kThreads = 6, kCalls = 300;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  Start();
  for (int i = 0; i < 4; ++i) AddKeyNow("AIza-secret-number-" + std::to_string(i));
  const Epoch epoch = StatusNow(*engine_)->summary.epoch;
  std::atomic<int> answers = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(kSeed + t);
      for (int i = 0; i < kCalls; ++i) {
        const auto kind = random() % 10;
        if (kind == 0) {
          engine_->Status({}, [&](absl::StatusOr<PoolStatus> status) { answers += status.ok(); });
        } else if (kind == 1) {
          engine_->DisableKey({KeyId{1 + random() % 4}, "test"},
                              [&](absl::StatusOr<KeyStatus> key) { answers += key.ok(); });
        } else if (kind == 2) {
          engine_->EnableKey({KeyId{1 + random() % 4}},
                             [&](absl::StatusOr<KeyStatus> key) { answers += key.ok(); });
        } else {
          std::vector<LeaseCommand> commands(1 + random() % 16, AcquireOf());
          const std::size_t size = commands.size();
          engine_->Post(
              std::move(commands), [&, size](absl::Status status, std::vector<LeaseReply> replies) {
                answers += status.ok() && replies.size() == size;
                std::vector<LeaseCommand> reports;
                for (const LeaseReply& reply : replies) {
                  const auto& acquired = std::get<AcquireReply>(reply.reply);
                  if (const auto* grant = std::get_if<Grant>(&acquired)) {
                    LeaseCommand& report = reports.emplace_back();
                    report.command = ReportOf(*grant, epoch, 200);
                  }
                }
                engine_->Post(std::move(reports), [](absl::Status, std::vector<LeaseReply>) {});
              });
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Eventually([&] { return answers == kThreads * kCalls; }));
  EXPECT_TRUE(Eventually([&] { return StatusNow(*engine_)->summary.leases_open == 0; }));
  EXPECT_TRUE(engine_->Health().ok());
}

// What was acknowledged, and what may have happened without being acknowledged.
class Expectations {
 public:
  explicit Expectations(std::mt19937* random) : random_(*random) {}

  // One random command. Its answer is entered on the engine's or the store's thread.
  void PostOne(Engine& engine);
  // Holds what was acknowledged against what a restart finds; then begins a new reign.
  void Check(const policy::Snapshot& snapshot);

 private:
  struct Key {
    bool there = true;
    bool active = true;
    bool in_doubt = false;  // a command on it was not acknowledged
  };

  void PostAdd(Engine& engine);
  void PostAcquires(Engine& engine);
  void PostChange(Engine& engine, KeyId id);
  KeyId SomeKey();
  void Acknowledge(KeyId id, bool ok, bool there, bool active);

  std::mt19937& random_;
  std::uint64_t next_secret_ = 1;
  Mutex mutex_;
  std::map<KeyId, Key> keys_ ABSL_GUARDED_BY(mutex_);
  std::map<ProjectId, std::int64_t> grants_ ABSL_GUARDED_BY(mutex_);
};

void Expectations::PostOne(Engine& engine) {
  const auto kind = random_() % 10;
  const KeyId id = SomeKey();
  if (kind < 2 || id == KeyId{}) return PostAdd(engine);
  if (kind < 7) return PostAcquires(engine);
  PostChange(engine, id);
}

void Expectations::PostAdd(Engine& engine) {
  AddKeyCommand command;
  command.secret =
      std::make_shared<const Secret>("AIza-random-secret-" + std::to_string(next_secret_++));
  command.project = ProjectId{"project-" + std::to_string(random_() % 3)};
  engine.AddKey(command, [this](absl::StatusOr<KeyStatus> key) {
    if (key.ok()) Acknowledge(key->id, true, true, true);
  });
}

void Expectations::PostAcquires(Engine& engine) {
  engine.Post(std::vector<LeaseCommand>(1 + random_() % 40, AcquireOf()),
              [this](absl::Status, std::vector<LeaseReply> replies) {
                MutexLock lock(&mutex_);
                for (const LeaseReply& reply : replies) {
                  const auto& acquired = std::get<AcquireReply>(reply.reply);
                  if (const auto* grant = std::get_if<Grant>(&acquired)) ++grants_[grant->project];
                }
              });
}

void Expectations::PostChange(Engine& engine, KeyId id) {
  switch (random_() % 3) {
    case 0:
      return engine.RemoveKey(
          {id}, [this, id](absl::Status status) { Acknowledge(id, status.ok(), false, false); });
    case 1:
      return engine.DisableKey({id, "test"}, [this, id](absl::StatusOr<KeyStatus> key) {
        Acknowledge(id, key.ok(), true, false);
      });
    default:
      return engine.EnableKey({id}, [this, id](absl::StatusOr<KeyStatus> key) {
        Acknowledge(id, key.ok(), true, true);
      });
  }
}

KeyId Expectations::SomeKey() {
  MutexLock lock(&mutex_);
  std::vector<KeyId> there;
  for (const auto& [id, key] : keys_) {
    if (key.there) there.push_back(id);
  }
  return there.empty() ? KeyId{} : there[random_() % there.size()];
}

void Expectations::Acknowledge(KeyId id, bool ok, bool there, bool active) {
  MutexLock lock(&mutex_);
  Key& key = keys_[id];
  if (!ok) {
    key.in_doubt = true;  // or it was removed before; then it is not there either way
    return;
  }
  key.there = there;
  key.active = active;
}

void Expectations::Check(const policy::Snapshot& snapshot) {
  MutexLock lock(&mutex_);
  std::map<KeyId, bool> found;  // and whether active
  for (const policy::KeyRecord& record : snapshot.keys) found[record.id] = record.active;
  for (auto& [id, key] : keys_) {
    ASSERT_LT(id, snapshot.pool.next_key) << "an id could be handed out twice";
    const bool there = found.count(id) > 0;
    if (!key.there) {
      EXPECT_FALSE(there) << ToString(id) << " was removed and is back";
    }
    if (key.there && !key.in_doubt) {
      EXPECT_TRUE(there) << ToString(id) << " is lost";
      if (there) {
        EXPECT_EQ(found[id], key.active) << ToString(id);
      }
    }
    key = {.there = there, .active = there && found[id], .in_doubt = false};
  }
  // Added, written, and never acknowledged.
  for (const auto& [id, active] : found) keys_[id] = {.there = true, .active = active};
  std::map<ProjectId, std::int64_t> counted;
  for (const policy::BucketRecord& record : snapshot.buckets) {
    counted[record.project] += record.day_used;
  }
  for (const auto& [project, grants] : grants_) {
    EXPECT_GE(counted[project], grants) << project.value() << " counts less than it granted";
  }
}

TEST(EngineCrash, WhatWasAcknowledgedHoldsWhereverTheStoreStops) {
  constexpr int kRounds = 150;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  fakes::FakeClock clock;
  store::MemStore memory;
  Expectations expected(&random);
  int crashes = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(::testing::Message() << "round " << round);
    fakes::FaultyStore store(memory);
    absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Start(TestOptions(), clock, store);
    ASSERT_TRUE(engine.ok()) << engine.status();
    store.CrashAfter({.commits = static_cast<int>(random() % 20), .last_lands = random() % 2 == 0});
    for (int i = 0; i < 80; ++i) {
      expected.PostOne(**engine);
      // Now and then all that waits is committed, so that the crash finds commits of every size.
      if (random() % 3 == 0) StatusNow(**engine).status().IgnoreError();
    }
    (*engine)->Stop();
    crashes += store.CommitsAsked() > store.CommitsDone() ? 1 : 0;
    const absl::StatusOr<policy::Snapshot> snapshot = memory.Load();
    ASSERT_TRUE(snapshot.ok());
    expected.Check(*snapshot);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(crashes, kRounds / 4) << "the test tests too little";
}

}  // namespace
}  // namespace keypool::engine
