// A store around another one that goes wrong on command.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <thread>

#include "keyd/base/mutex.h"
#include "keyd/store/store.h"

namespace keypool::fakes {

// Thread-safe. Without a command it behaves as the store inside. Commits go to the store inside one
// at a time; each waits for a hold or a delay before it gets there.
class FaultyStore final : public store::Store {
 public:
  // `inner` must outlive it.
  explicit FaultyStore(store::Store& inner);
  // Releases what is held, and waits for it.
  ~FaultyStore() override;

  absl::StatusOr<policy::Snapshot> Load() override;
  void Commit(Epoch epoch, policy::Mutations batch, store::Durability durability,
              Done done) override;
  void ReadAudit(store::AuditRange range,
                 std::function<void(absl::StatusOr<store::AuditRead>)> done) override {
    inner_.ReadAudit(range, std::move(done));
  }
  absl::StatusOr<std::int64_t> Reseal(std::shared_ptr<const store::Sealer> sealer) override {
    return inner_.Reseal(std::move(sealer));
  }

  // Commits that have not yet reached the store inside wait, until Release.
  void Hold();
  void Release();
  // Every commit waits this long first.
  void SetDelay(std::chrono::microseconds delay);
  // `commits` more succeed; all after them fail with `error` and are not written.
  void FailAfter(int commits, absl::Status error);
  // As FailAfter, as a killed process leaves it: nothing after `commits` more is acknowledged, and
  // the first of those is written all the same when `last_lands`.
  struct CrashOptions {
    int commits = 0;
    bool last_lands = false;
  };
  void CrashAfter(CrashOptions options);
  // Ends delays, failures and the crash, as a restart of keyd would. A hold stays.
  void Heal();
  // Every Load fails with `error`, until Heal.
  void FailLoads(absl::Status error);

  // Commits that wait or are under way.
  int Pending() const;
  // Since the beginning: asked for, and done without an error.
  int CommitsAsked() const;
  int CommitsDone() const;
  // What the commits asked for so far wanted, the latest last.
  std::vector<store::Durability> DurabilitiesAsked() const;

 private:
  struct Job {
    Epoch epoch;
    policy::Mutations batch;
    store::Durability durability;
    Done done;
  };
  struct Failure {
    int after = 0;  // commits that still succeed
    absl::Status error;
    bool first_lands = false;
  };

  void Loop();
  void Run(Job job);
  absl::Status CommitInside(Job* job);

  store::Store& inner_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::chrono::microseconds delay_ ABSL_GUARDED_BY(mutex_){0};
  std::optional<Failure> failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status load_error_ ABSL_GUARDED_BY(mutex_);
  std::vector<store::Durability> asked_ ABSL_GUARDED_BY(mutex_);
  int done_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;  // last: everything above exists when it starts
};

}  // namespace keypool::fakes
