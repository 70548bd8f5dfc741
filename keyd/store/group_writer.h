// A store's own thread: takes everything that is queued at once, so that many commits share the
// cost of one write.
#pragma once

#include <functional>
#include <span>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "keyd/base/mutex.h"
#include "keyd/store/store.h"

namespace keypool::store {

struct QueuedCommit {
  Epoch epoch;
  policy::Mutations batch;
  Durability durability;
  Store::Done done;
};

// A group ends before it would grow beyond this many mutations (a single larger batch stays whole).
inline constexpr std::size_t kGroupMutationsMax = 65'536;

// The answer to a commit of `epoch` while the reign is `present`: FAILED_PRECONDITION.
absl::Status FencedError(Epoch epoch, Epoch present);

// Thread-safe. The queue is as long as its callers make it: the engine bounds its commits in
// flight.
class GroupWriter {
 public:
  // Writes a group in order and says for each commit how it went. Runs on the writer's thread.
  using WriteGroup = std::function<std::vector<absl::Status>(std::span<const QueuedCommit>)>;

  explicit GroupWriter(WriteGroup write);
  // Writes what is queued, runs every `done`, then ends the thread.
  ~GroupWriter();
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;

  // `done` runs on the writer's thread, in the order of the calls.
  void Enqueue(QueuedCommit commit);
  // Runs `task` on the writer's thread after everything enqueued before.
  void RunLater(std::function<void()> task) { Push(std::move(task)); }
  // The same, and waits for it. Not from the writer's own thread.
  void RunInOrder(const std::function<void()>& task);

 private:
  using Task = std::function<void()>;
  // A task of RunInOrder lives on its caller's stack.
  using Entry = std::variant<QueuedCommit, const Task*, Task>;

  void Loop();
  void Push(Entry entry);
  void Process(std::vector<Entry> entries);
  static void RunTask(const Entry& entry);
  void Flush(std::vector<QueuedCommit>* group);

  const WriteGroup write_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Entry> queue_ ABSL_GUARDED_BY(mutex_);
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;  // the thread waits for `changed_`
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: everything above exists when it starts
};

}  // namespace keypool::store
