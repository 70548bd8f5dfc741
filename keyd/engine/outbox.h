// Holds answers back until the commits they depend on are done, and lets them go in order.
//
// An answer waits for the commit of its own batch and of every one before. While commits are under
// way their answers are given on the store's thread, which is there anyway: handing them back to
// the engine's would cost a wake for each commit.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "keyd/base/mutex.h"
#include "keyd/engine/batch.h"
#include "keyd/store/store.h"

namespace keypool::engine {

// Batches whose commit is under way. More would only lengthen the queue of the store, which groups
// what waits; fewer would leave it without work.
inline constexpr std::size_t kCommitsInFlightMax = 8;

// Send, WaitForRoom and WaitUntilEmpty are the engine's thread's; the rest is thread-safe.
class Outbox {
 public:
  // `on_failure` runs once, on the store's thread, when a commit fails; it must not block. `store`
  // must outlive it.
  Outbox(store::Store& store, Epoch epoch, std::function<void()> on_failure);
  // Nothing may be under way.
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Commits the mutations and answers after it. Without mutations: answers at once when nothing is
  // under way, else together with the last batch that is.
  void Send(Batch batch);
  // Blocks while kCommitsInFlightMax commits are under way.
  void WaitForRoom();
  // Blocks until every commit is done and every answer given.
  void WaitUntilEmpty();

  // OK, or why nothing can be committed any more: UNAVAILABLE, with the cause and the fix.
  absl::Status Failure() const;

 private:
  using Answers = std::vector<Answer>;

  void OnCommitted(const absl::Status& status);

  store::Store& store_;
  const Epoch epoch_;
  const std::function<void()> on_failure_;

  mutable Mutex mutex_;
  CondVar changed_;
  // One element for each commit under way, the oldest first. It stays until its answers are given.
  std::deque<Answers> in_flight_ ABSL_GUARDED_BY(mutex_);
  bool waited_for_ ABSL_GUARDED_BY(mutex_) = false;  // the engine's thread waits for `changed_`
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keypool::engine
