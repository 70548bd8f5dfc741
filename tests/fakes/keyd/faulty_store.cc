#include "tests/fakes/keyd/faulty_store.h"

#include <utility>

namespace keypool::fakes {

FaultyStore::FaultyStore(store::Store& inner) : inner_(inner) {
  thread_ = std::thread([this] { Loop(); });
}

FaultyStore::~FaultyStore() {
  {
    MutexLock lock(&mutex_);
    held_ = false;
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::StatusOr<policy::Snapshot> FaultyStore::Load() {
  {
    MutexLock lock(&mutex_);
    if (!load_error_.ok()) return load_error_;
    // Commits that were asked for before take effect before.
    while (!jobs_.empty() || running_) changed_.Wait(&mutex_);
  }
  return inner_.Load();
}

void FaultyStore::Commit(Epoch epoch, policy::Mutations batch, store::Durability durability,
                         Done done) {
  MutexLock lock(&mutex_);
  asked_.push_back(durability);
  jobs_.push_back({epoch, std::move(batch), durability, std::move(done)});
  changed_.NotifyAll();
}

void FaultyStore::Loop() {
  while (true) {
    std::optional<Job> job;
    {
      MutexLock lock(&mutex_);
      while (held_ || (jobs_.empty() && !stopping_)) changed_.Wait(&mutex_);
      if (jobs_.empty()) return;
      if (delay_.count() > 0 && !stopping_) changed_.WaitFor(&mutex_, delay_);
      if (held_) continue;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      running_ = true;
    }
    Run(*std::move(job));
  }
}

void FaultyStore::Run(Job job) {
  absl::Status error;
  bool lands = true;
  {
    MutexLock lock(&mutex_);
    if (failure_ && failure_->after > 0) {
      --failure_->after;
    } else if (failure_) {
      error = failure_->error;
      lands = std::exchange(failure_->first_lands, false);
    }
  }
  absl::Status result = lands ? CommitInside(&job) : error;
  if (!error.ok()) result = error;
  {
    MutexLock lock(&mutex_);
    if (result.ok()) ++done_;
    // Before `done`: who is told of the end finds nothing pending.
    running_ = false;
    changed_.NotifyAll();
  }
  job.done(std::move(result));
}

absl::Status FaultyStore::CommitInside(Job* job) {
  struct Answer {
    Mutex mutex;
    CondVar changed;
    std::optional<absl::Status> status ABSL_GUARDED_BY(mutex);
  } answer;
  inner_.Commit(job->epoch, std::move(job->batch), job->durability, [&answer](absl::Status status) {
    MutexLock lock(&answer.mutex);
    answer.status = std::move(status);
    answer.changed.NotifyOne();
  });
  MutexLock lock(&answer.mutex);
  while (!answer.status) answer.changed.Wait(&answer.mutex);
  return *answer.status;
}

void FaultyStore::Hold() {
  MutexLock lock(&mutex_);
  held_ = true;
}

void FaultyStore::Release() {
  MutexLock lock(&mutex_);
  held_ = false;
  changed_.NotifyAll();
}

void FaultyStore::SetDelay(std::chrono::microseconds delay) {
  MutexLock lock(&mutex_);
  delay_ = delay;
}

void FaultyStore::FailAfter(int commits, absl::Status error) {
  MutexLock lock(&mutex_);
  failure_ = Failure{.after = commits, .error = std::move(error)};
}

void FaultyStore::CrashAfter(CrashOptions options) {
  MutexLock lock(&mutex_);
  failure_ = Failure{.after = options.commits,
                     .error = absl::UnavailableError("the store crashed on command"),
                     .first_lands = options.last_lands};
}

void FaultyStore::Heal() {
  MutexLock lock(&mutex_);
  failure_.reset();
  load_error_ = absl::OkStatus();
  delay_ = std::chrono::microseconds(0);
}

void FaultyStore::FailLoads(absl::Status error) {
  MutexLock lock(&mutex_);
  load_error_ = std::move(error);
}

int FaultyStore::Pending() const {
  MutexLock lock(&mutex_);
  return static_cast<int>(jobs_.size()) + (running_ ? 1 : 0);
}

int FaultyStore::CommitsAsked() const {
  MutexLock lock(&mutex_);
  return static_cast<int>(asked_.size());
}

int FaultyStore::CommitsDone() const {
  MutexLock lock(&mutex_);
  return done_;
}

std::vector<store::Durability> FaultyStore::DurabilitiesAsked() const {
  MutexLock lock(&mutex_);
  return asked_;
}

}  // namespace keypool::fakes
