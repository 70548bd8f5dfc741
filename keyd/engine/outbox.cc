#include "keyd/engine/outbox.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"

namespace keypool::engine {
namespace {

absl::Status FailureFrom(const absl::Status& cause) {
  if (cause.code() == absl::StatusCode::kFailedPrecondition) {
    return absl::UnavailableError(absl::StrCat(
        "another keyd took over the store (", cause.message(),
        "), so this one grants nothing more; stop one of the two, or give each its own DATA_DIR, "
        "then restart this one"));
  }
  return absl::UnavailableError(absl::StrCat(
      "keyd cannot write its store (", cause.message(),
      "), so it grants nothing more; mend the cause (space and rights in DATA_DIR), then restart "
      "keyd"));
}

void GiveAll(std::vector<Answer> answers, const absl::Status& status) {
  for (Answer& answer : answers) answer(status);
}

}  // namespace

Outbox::Outbox(store::Store& store, Epoch epoch, std::function<void()> on_failure)
    : store_(store), epoch_(epoch), on_failure_(std::move(on_failure)) {}

Outbox::~Outbox() {
  MutexLock lock(&mutex_);
  KP_ASSERT(in_flight_.empty());
}

void Outbox::Send(Batch batch) {
  const bool commits = !batch.mutations.empty();
  absl::Status failure;
  {
    MutexLock lock(&mutex_);
    failure = failure_;
    if (failure.ok() && commits) {
      in_flight_.push_back(std::move(batch.answers));
    } else if (!in_flight_.empty()) {
      Answers& last = in_flight_.back();
      std::move(batch.answers.begin(), batch.answers.end(), std::back_inserter(last));
      return;
    }
  }
  if (!failure.ok() || !commits) {
    GiveAll(std::move(batch.answers), failure);
    return;
  }
  store_.Commit(epoch_, std::move(batch.mutations), batch.durability,
                [this](absl::Status status) { OnCommitted(status); });
}

void Outbox::OnCommitted(const absl::Status& status) {
  bool failed_now = false;
  absl::Status verdict;
  {
    MutexLock lock(&mutex_);
    if (!status.ok() && failure_.ok()) {
      failure_ = FailureFrom(status);
      failed_now = true;
    }
    // After a failure no later commit counts, whatever the store says of it.
    verdict = failure_;
  }
  if (failed_now) on_failure_();
  while (true) {
    Answers answers;
    {
      MutexLock lock(&mutex_);
      answers.swap(in_flight_.front());
      if (answers.empty()) {
        in_flight_.pop_front();
        if (waited_for_) changed_.NotifyOne();
        return;
      }
    }
    // Batches without mutations may add to the element meanwhile.
    GiveAll(std::move(answers), verdict);
  }
}

void Outbox::WaitForRoom() {
  MutexLock lock(&mutex_);
  waited_for_ = true;
  while (in_flight_.size() >= kCommitsInFlightMax) changed_.Wait(&mutex_);
  waited_for_ = false;
}

void Outbox::WaitUntilEmpty() {
  MutexLock lock(&mutex_);
  waited_for_ = true;
  while (!in_flight_.empty()) changed_.Wait(&mutex_);
  waited_for_ = false;
}

absl::Status Outbox::Failure() const {
  MutexLock lock(&mutex_);
  return failure_;
}

}  // namespace keypool::engine
