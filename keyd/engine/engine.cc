#include "keyd/engine/engine.h"

#include <algorithm>
#include <random>
#include <utility>

#include "keyd/base/mutex.h"
#include "keyd/base/status.h"
#include "keyd/engine/engine_impl.h"

namespace keypool::engine {
namespace {

// The pool is told of the passing of time at least this often.
constexpr absl::Duration kTickEvery = absl::Milliseconds(100);
// A round ends after this many commands, so that the first answers do not wait for the last command
// of a full mailbox.
constexpr std::size_t kRoundCommandsMax = 4'096;

absl::Status CommitAndWait(store::Store& store, Epoch epoch, policy::Mutations mutations) {
  Mutex mutex;
  CondVar changed;
  bool finished = false;
  absl::Status result;
  store.Commit(epoch, std::move(mutations), store::Durability::kPower, [&](absl::Status status) {
    MutexLock lock(&mutex);
    result = std::move(status);
    finished = true;
    changed.NotifyOne();
  });
  MutexLock lock(&mutex);
  while (!finished) changed.Wait(&mutex);
  return result;
}

std::uint64_t SeedFrom(const Options& options) {
  if (options.seed != 0) return options.seed;
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

EngineImpl::EngineImpl(const Options& options, const Clock& clock, store::Store& store, Epoch epoch,
                       std::unique_ptr<policy::Pool> pool, policy::AuditSnapshot audit)
    : durability_(options.durability),
      clock_(clock),
      store_(store),
      mailbox_(options.mailbox_max),
      outbox_(store, epoch, [this] { mailbox_.Wake(); }),
      pool_(std::move(pool)),
      audit_(std::move(audit), options.audit_records_max),
      rng_(SeedFrom(options)),
      thread_([this] { Run(); }) {}

void EngineImpl::Enqueue(Call call) {
  const absl::Status status = mailbox_.Push(&call);
  if (!status.ok()) RefuseCall(std::move(call), status);
}

void EngineImpl::Run() {
  std::vector<Call> calls;
  while (mailbox_.Take(&calls, UntilNextRound())) {
    Serve(&calls);
    calls.clear();
  }
  SendLast();
  outbox_.WaitUntilEmpty();
  holding_.RefuseAll(absl::UnavailableError("keyd is stopping; ask again when it is back"));
  // A commit that failed last of all.
  if (const absl::Status failure = outbox_.Failure(); !failure.ok()) TellUnhealthy(failure);
}

void EngineImpl::SendLast() {
  outbox_.WaitForRoom();
  Batch batch;
  batch.durability = durability_;
  pool_->FlushUsage(&batch.mutations);
  outbox_.Send(std::move(batch));
}

void EngineImpl::Serve(std::vector<Call>* calls) {
  if (calls->empty()) return Round(calls->begin(), calls->end(), /*idle=*/true);
  for (auto begin = calls->begin(); begin != calls->end();) {
    std::size_t commands = 0;
    auto end = begin;
    while (end != calls->end() && commands < kRoundCommandsMax) commands += WeightOf(*end++);
    Round(begin, end, /*idle=*/false);
    begin = end;
  }
}

void EngineImpl::Round(std::vector<Call>::iterator begin, std::vector<Call>::iterator end,
                       bool idle) {
  outbox_.WaitForRoom();
  if (const absl::Status failure = outbox_.Failure(); !failure.ok()) {
    outbox_.WaitUntilEmpty();  // in order, here too
    TellUnhealthy(failure);
    holding_.RefuseAll(failure);
    for (; begin != end; ++begin) RefuseCall(std::move(*begin), failure);
    return;
  }
  const Now now = clock_.Read();
  read_at_ = now.mono;
  Batch batch;
  batch.durability = durability_;
  ServeWaiting(now, &batch);
  for (; begin != end; ++begin) ApplyOne(std::move(*begin), now, &batch);
  if (TickIsDue(now, idle)) {
    tick_again_ = pool_->Tick(now, &batch.mutations);
    ticked_at_ = now.mono;
  }
  ServeWaiting(now, &batch);
  audit_.Finish(&batch.mutations);
  if (batch.changed || !batch.mutations.empty()) changes_.fetch_add(1, std::memory_order_relaxed);
  outbox_.Send(std::move(batch));
}

void EngineImpl::ApplyOne(Call call, const Now& now, Batch* batch) {
  if (auto* lease = std::get_if<LeaseCall>(&call)) {
    ApplyCall(std::move(*lease), *pool_, &holding_, now, rng_, batch);
  } else if (auto* admin = std::get_if<AdminCall>(&call)) {
    ApplyCall(std::move(*admin), *pool_, now, batch);
  } else {
    holding_.Withdraw(std::get<WithdrawCall>(call), *pool_);
  }
}

// Before the commands of a round, so that those who come do not take what others wait for, and
// after them, for what they have changed.
void EngineImpl::ServeWaiting(const Now& now, Batch* batch) {
  for (policy::Pool::Answered& answered : pool_->ServeWaiting(now, rng_, &batch->mutations)) {
    holding_.Answer(std::move(answered), batch);
  }
}

// An idle round has waited for it, whatever the clock says: a test's clock stands still.
bool EngineImpl::TickIsDue(const Now& now, bool idle) const {
  return idle || tick_again_ || now.mono - ticked_at_ >= kTickEvery;
}

std::chrono::nanoseconds EngineImpl::UntilNextRound() const {
  if (tick_again_) return std::chrono::nanoseconds::zero();
  absl::Duration left = kTickEvery - (read_at_ - ticked_at_);
  if (!holding_.empty()) left = std::min(left, pool_->NextWaitingDue() - read_at_);
  return absl::ToChronoNanoseconds(std::clamp(left, absl::ZeroDuration(), kTickEvery));
}

// Once: the function is gone after its call.
void EngineImpl::TellUnhealthy(const absl::Status& failure) {
  tick_again_ = false;
  ticked_at_ = read_at_;  // the pool is not used any more, so its time stands still
  std::function<void(absl::Status)> tell;
  {
    MutexLock lock(&mutex_);
    tell.swap(on_unhealthy_);
  }
  if (tell) tell(failure);
}

absl::Status EngineImpl::Health() const {
  if (absl::Status failure = outbox_.Failure(); !failure.ok()) return failure;
  if (stopping_) return absl::UnavailableError("keyd is stopping; ask again when it is back");
  return absl::OkStatus();
}

void EngineImpl::OnUnhealthy(std::function<void(absl::Status)> on_change) {
  {
    MutexLock lock(&mutex_);
    on_unhealthy_ = std::move(on_change);
  }
  mailbox_.Wake();  // a commit may have failed before
}

void EngineImpl::Stop() {
  stopping_ = true;
  mailbox_.Close();
  MutexLock lock(&stop_mutex_);
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(const Options& options, const Clock& clock,
                                                      store::Store& store) {
  absl::StatusOr<policy::Snapshot> snapshot = store.Load();
  if (!snapshot.ok()) return snapshot.status();
  const Epoch epoch = snapshot->epoch;
  policy::AuditSnapshot audit = std::move(snapshot->audit);
  policy::Mutations mutations;
  absl::StatusOr<std::unique_ptr<policy::Pool>> pool =
      policy::Pool::Restore(options.pool, *std::move(snapshot), clock.Read(), &mutations);
  if (!pool.ok()) return pool.status();
  if (!mutations.empty()) KP_RETURN_IF_ERROR(CommitAndWait(store, epoch, std::move(mutations)));
  return std::unique_ptr<Engine>(
      new EngineImpl(options, clock, store, epoch, *std::move(pool), std::move(audit)));
}

}  // namespace keypool::engine
