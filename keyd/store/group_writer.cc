#include "keyd/store/group_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"

namespace keypool::store {

absl::Status FencedError(Epoch epoch, Epoch present) {
  return absl::FailedPreconditionError(
      absl::StrCat("reign ", epoch.value(), " of keyd has ended: the store belongs to reign ",
                   present.value(), " now"));
}

GroupWriter::GroupWriter(WriteGroup write) : write_(std::move(write)) {
  thread_ = std::thread([this] { Loop(); });
}

GroupWriter::~GroupWriter() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyOne();
  }
  thread_.join();
}

void GroupWriter::Enqueue(QueuedCommit commit) { Push(std::move(commit)); }

void GroupWriter::RunInOrder(const std::function<void()>& task) {
  KP_ASSERT(std::this_thread::get_id() != thread_.get_id());
  Mutex mutex;
  CondVar changed;
  bool finished = false;
  const std::function<void()> and_tell = [&] {
    task();
    MutexLock lock(&mutex);
    finished = true;
    changed.NotifyOne();
  };
  Push(&and_tell);
  MutexLock lock(&mutex);
  while (!finished) changed.Wait(&mutex);
}

void GroupWriter::Push(Entry entry) {
  MutexLock lock(&mutex_);
  queue_.push_back(std::move(entry));
  // A busy thread looks at the queue again by itself: one wake for many commits.
  if (idle_) {
    idle_ = false;
    changed_.NotifyOne();
  }
}

void GroupWriter::Loop() {
  while (true) {
    std::vector<Entry> entries;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) {
        idle_ = true;
        changed_.Wait(&mutex_);
      }
      idle_ = false;
      if (queue_.empty()) return;
      entries.swap(queue_);
    }
    Process(std::move(entries));
  }
}

void GroupWriter::Process(std::vector<Entry> entries) {
  std::vector<QueuedCommit> group;
  std::size_t mutations = 0;
  for (Entry& entry : entries) {
    if (!std::holds_alternative<QueuedCommit>(entry)) {
      Flush(&group);
      mutations = 0;
      RunTask(entry);
      continue;
    }
    QueuedCommit& commit = std::get<QueuedCommit>(entry);
    if (mutations + commit.batch.size() > kGroupMutationsMax) {
      Flush(&group);
      mutations = 0;
    }
    mutations += commit.batch.size();
    group.push_back(std::move(commit));
  }
  Flush(&group);
}

void GroupWriter::RunTask(const Entry& entry) {
  if (const auto* waited_for = std::get_if<const Task*>(&entry)) {
    (**waited_for)();
  } else {
    std::get<Task>(entry)();
  }
}

void GroupWriter::Flush(std::vector<QueuedCommit>* group) {
  if (group->empty()) return;
  std::vector<absl::Status> results = write_(*group);
  KP_ASSERT(results.size() == group->size());
  for (std::size_t i = 0; i < group->size(); ++i) (*group)[i].done(std::move(results[i]));
  group->clear();
}

}  // namespace keypool::store
