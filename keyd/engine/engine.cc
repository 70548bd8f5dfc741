#include "keyd/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <random>
#include <thread>
#include <type_traits>
#include <utility>

#include "keyd/base/mutex.h"
#include "keyd/base/status.h"
#include "keyd/engine/batch.h"
#include "keyd/engine/mailbox.h"
#include "keyd/engine/outbox.h"

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

class EngineImpl final : public Engine {
 public:
  EngineImpl(const Options& options, const Clock& clock, store::Store& store, Epoch epoch,
             std::unique_ptr<policy::Pool> pool)
      : durability_(options.durability),
        clock_(clock),
        mailbox_(options.mailbox_max),
        outbox_(store, epoch, [this] { mailbox_.Wake(); }),
        pool_(std::move(pool)),
        rng_(SeedFrom(options)),
        thread_([this] { Run(); }) {}
  ~EngineImpl() override { Stop(); }

  void Post(std::vector<LeaseCommand> commands, LeaseDone done) override {
    Enqueue(LeaseCall{std::move(commands), std::move(done)});
  }
  void Withdraw(std::shared_ptr<Waiter> waiter, std::optional<std::uint64_t> tag) override {
    Enqueue(WithdrawCall{std::move(waiter), tag});
  }
  void AddKey(AddKeyCommand command, Done<KeyStatus> done) override;
  void RemoveKey(RemoveKeyCommand command, std::function<void(absl::Status)> done) override;
  void DisableKey(DisableKeyCommand command, Done<KeyStatus> done) override;
  void EnableKey(EnableKeyCommand command, Done<KeyStatus> done) override;
  void Reset(ResetCommand command, Done<std::int64_t> done) override {
    ApplyToPool<std::int64_t>(command, std::move(done));
  }
  void Status(StatusQuery query, Done<PoolStatus> done) override {
    AskPool(std::move(done), &policy::Pool::Status, std::move(query));
  }
  void Key(KeyId id, std::string model, Done<KeyStatus> done) override {
    AskPool(std::move(done), &policy::Pool::Key, id, std::move(model));
  }
  void Usage(UsageQuery query, Done<UsagePage> done) override {
    AskPool(std::move(done), &policy::Pool::Usage, std::move(query));
  }
  void Explain(ExplainQuery query, Done<Explanation> done) override {
    AskPool(std::move(done), &policy::Pool::Explain, std::move(query));
  }
  void Events(EventsQuery query, Done<PoolEvents> done) override {
    AskPool(std::move(done), &policy::Pool::Events, std::move(query));
  }
  void SetLimits(SetLimitsCommand command, Done<ScopeLimits> done) override {
    ApplyToPool<ScopeLimits>(std::move(command), std::move(done));
  }
  void UnsetLimits(UnsetLimitsCommand command, Done<ScopeLimits> done) override {
    ApplyToPool<ScopeLimits>(std::move(command), std::move(done));
  }
  void ImportLimits(ImportLimitsCommand command, Done<ImportedLimits> done) override {
    ApplyToPool<ImportedLimits>(std::move(command), std::move(done));
  }
  void ListLimits(LimitsQuery query, Done<LimitsPage> done) override {
    AskPool(std::move(done), &policy::Pool::ListLimits, std::move(query));
  }
  void ChangeClient(ClientCommand command, Done<ClientStatus> done) override {
    ApplyToPool<ClientStatus>(std::move(command), std::move(done));
  }
  void ListClients(ClientsQuery query, Done<ClientsPage> done) override {
    AskPool(std::move(done), &policy::Pool::ListClients, std::move(query));
  }
  void ChangeAdminToken(AdminTokenCommand command, Done<AdminTokenStatus> done) override {
    ApplyToPool<AdminTokenStatus>(std::move(command), std::move(done));
  }
  void ListAdminTokens(Done<std::vector<AdminTokenStatus>> done) override {
    AskPool(std::move(done), &policy::Pool::ListAdminTokens);
  }
  void NameOfAdminToken(std::optional<TokenDigest> digest, Done<std::string> done) override {
    AskPool(std::move(done), &policy::Pool::NameOfAdminToken, digest);
  }

  absl::Status Health() const override;
  void OnUnhealthy(std::function<void(absl::Status)> on_change) override;
  std::uint64_t ChangeCount() const override { return changes_.load(std::memory_order_relaxed); }
  void Stop() override;

 private:
  void Enqueue(Call call);
  // The mailbox's form of a command whose result is a T. `apply(pool, now, mutations) →
  // StatusOr<T>`.
  template <class T, class Apply>
  void EnqueueAdmin(bool changes, Apply apply, Done<T> done);
  // A change whose result is what the pool answers.
  template <class T, class Command>
  void ApplyToPool(Command command, Done<T> done) {
    auto apply = [command = std::move(command)](policy::Pool& pool, const Now& now,
                                                policy::Mutations* mutations) {
      return pool.Apply(command, now, mutations);
    };
    EnqueueAdmin<T>(true, std::move(apply), std::move(done));
  }

  // A question: what a member function of the pool says to `about`, and now if it wants to know.
  template <class T, class Ask, class... About>
  void AskPool(Done<T> done, Ask ask, About... about) {
    auto apply = [ask, ... about = std::move(about)](policy::Pool& pool, const Now& now,
                                                     policy::Mutations*) -> absl::StatusOr<T> {
      if constexpr (std::is_invocable_v<Ask, policy::Pool&, const About&..., const Now&>) {
        return std::invoke(ask, pool, about..., now);
      } else {
        return std::invoke(ask, pool, about...);
      }
    };
    EnqueueAdmin<T>(false, std::move(apply), std::move(done));
  }

  // --- On the engine's thread only.
  void Run();
  void Serve(std::vector<Call>* calls);
  void Round(std::vector<Call>::iterator begin, std::vector<Call>::iterator end, bool idle);
  void ApplyOne(Call call, const Now& now, Batch* batch);
  void ServeWaiting(const Now& now, Batch* batch);
  bool TickIsDue(const Now& now, bool idle) const;
  std::chrono::nanoseconds UntilNextRound() const;
  void TellUnhealthy(const absl::Status& failure);
  // The last commit of an orderly stop: what Tick would have written within the next second.
  void SendLast();

  const store::Durability durability_;
  const Clock& clock_;
  Mailbox mailbox_;
  Outbox outbox_;
  std::atomic<std::uint64_t> changes_{1};
  std::atomic<bool> stopping_{false};

  mutable Mutex mutex_;
  std::function<void(absl::Status)> on_unhealthy_ ABSL_GUARDED_BY(mutex_);

  // --- The engine's thread's own.
  const std::unique_ptr<policy::Pool> pool_;
  Holding holding_;
  std::mt19937_64 rng_;
  MonoTime ticked_at_;
  MonoTime read_at_;  // the clock, as the last round read it
  bool tick_again_ = false;

  Mutex stop_mutex_;    // of who joins the thread
  std::thread thread_;  // last: everything above exists when it starts
};

void EngineImpl::Enqueue(Call call) {
  const absl::Status status = mailbox_.Push(&call);
  if (!status.ok()) RefuseCall(std::move(call), status);
}

template <class T, class Apply>
void EngineImpl::EnqueueAdmin(bool changes, Apply apply, Done<T> done) {
  AdminCall call;
  call.changes = changes;
  call.refuse = done;
  call.apply = [apply = std::move(apply), done = std::move(done)](
                   policy::Pool& pool, const Now& now, policy::Mutations* mutations) -> Answer {
    return [done, result = absl::StatusOr<T>(apply(pool, now, mutations))](
               const absl::Status& committed) mutable {
      if (committed.ok()) {
        done(std::move(result));
      } else {
        done(committed);
      }
    };
  };
  Enqueue(std::move(call));
}

void EngineImpl::AddKey(AddKeyCommand command, Done<KeyStatus> done) {
  auto apply = [command = std::move(command)](policy::Pool& pool, const Now& now,
                                              policy::Mutations* mutations) {
    const absl::StatusOr<KeyId> id = pool.Apply(command, now, mutations);
    return id.ok() ? pool.Key(*id, "", now) : id.status();
  };
  EnqueueAdmin<KeyStatus>(true, std::move(apply), std::move(done));
}

void EngineImpl::RemoveKey(RemoveKeyCommand command, std::function<void(absl::Status)> done) {
  struct Nothing {};
  auto apply = [command](policy::Pool& pool, const Now& now,
                         policy::Mutations* mutations) -> absl::StatusOr<Nothing> {
    if (absl::Status status = pool.Apply(command, now, mutations); !status.ok()) return status;
    return Nothing{};
  };
  EnqueueAdmin<Nothing>(
      true, std::move(apply),
      [done = std::move(done)](absl::StatusOr<Nothing> result) { done(result.status()); });
}

void EngineImpl::DisableKey(DisableKeyCommand command, Done<KeyStatus> done) {
  auto apply = [command = std::move(command)](
                   policy::Pool& pool, const Now& now,
                   policy::Mutations* mutations) -> absl::StatusOr<KeyStatus> {
    if (absl::Status status = pool.Apply(command, now, mutations); !status.ok()) return status;
    return pool.Key(command.key, "", now);
  };
  EnqueueAdmin<KeyStatus>(true, std::move(apply), std::move(done));
}

void EngineImpl::EnableKey(EnableKeyCommand command, Done<KeyStatus> done) {
  auto apply = [command](policy::Pool& pool, const Now& now,
                         policy::Mutations* mutations) -> absl::StatusOr<KeyStatus> {
    if (absl::Status status = pool.Apply(command, now, mutations); !status.ok()) return status;
    return pool.Key(command.key, "", now);
  };
  EnqueueAdmin<KeyStatus>(true, std::move(apply), std::move(done));
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

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(const Options& options, const Clock& clock,
                                                      store::Store& store) {
  absl::StatusOr<policy::Snapshot> snapshot = store.Load();
  if (!snapshot.ok()) return snapshot.status();
  const Epoch epoch = snapshot->epoch;
  policy::Mutations mutations;
  absl::StatusOr<std::unique_ptr<policy::Pool>> pool =
      policy::Pool::Restore(options.pool, *std::move(snapshot), clock.Read(), &mutations);
  if (!pool.ok()) return pool.status();
  if (!mutations.empty()) KP_RETURN_IF_ERROR(CommitAndWait(store, epoch, std::move(mutations)));
  return std::unique_ptr<Engine>(new EngineImpl(options, clock, store, epoch, *std::move(pool)));
}

}  // namespace keypool::engine
