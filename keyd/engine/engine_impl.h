// The engine as engine.h promises it: engine.cc has its thread, engine_admin.cc the commands and
// questions of operators. Private to this room.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "keyd/base/mutex.h"
#include "keyd/engine/audit_log.h"
#include "keyd/engine/batch.h"
#include "keyd/engine/engine.h"
#include "keyd/engine/mailbox.h"
#include "keyd/engine/outbox.h"

namespace keypool::engine {

class EngineImpl final : public Engine {
 public:
  EngineImpl(const Options& options, const Clock& clock, store::Store& store, Epoch epoch,
             std::unique_ptr<policy::Pool> pool, policy::AuditSnapshot audit);
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
  void Reset(ResetCommand command, Done<std::int64_t> done) override;
  void Status(StatusQuery query, Done<PoolStatus> done) override;
  void Key(KeyId id, std::string model, Done<KeyStatus> done) override;
  void Usage(UsageQuery query, Done<UsagePage> done) override;
  void Explain(ExplainQuery query, Done<Explanation> done) override;
  void Events(EventsQuery query, Done<PoolEvents> done) override;
  void SetLimits(SetLimitsCommand command, Done<ScopeLimits> done) override;
  void UnsetLimits(UnsetLimitsCommand command, Done<ScopeLimits> done) override;
  void ImportLimits(ImportLimitsCommand command, Done<ImportedLimits> done) override;
  void ListLimits(LimitsQuery query, Done<LimitsPage> done) override;
  void ChangeClient(ClientCommand command, Done<ClientStatus> done) override;
  void ListClients(ClientsQuery query, Done<ClientsPage> done) override;
  void ChangeAdminToken(AdminTokenCommand command, Done<AdminTokenStatus> done) override;
  void ListAdminTokens(Done<std::vector<AdminTokenStatus>> done) override;
  void NameOfAdminToken(std::optional<TokenDigest> digest, Done<std::string> done) override;
  void Record(AuditEntry entry, absl::Status result,
              std::function<void(absl::Status)> done) override;
  void ListAudit(AuditQuery query, Done<AuditPage> done) override;
  void VerifyAudit(Done<AuditVerdict> done) override;

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
  // Of one that changes something: recorded in the same batch. `apply(pool, command, now,
  // mutations) → StatusOr<T>`.
  template <class T, class Command, class Apply>
  void EnqueueChange(Command command, Apply apply, Done<T> done);
  // One whose result is what the pool answers.
  template <class T, class Command>
  void ApplyToPool(Command command, Done<T> done);

  // A question: what a member function of the pool says to `about`, and now if it wants to know.
  template <class T, class Ask, class... About>
  void AskPool(Done<T> done, Ask ask, About... about);

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
  store::Store& store_;
  Mailbox mailbox_;
  Outbox outbox_;
  std::atomic<std::uint64_t> changes_{1};
  std::atomic<bool> stopping_{false};

  mutable Mutex mutex_;
  std::function<void(absl::Status)> on_unhealthy_ ABSL_GUARDED_BY(mutex_);

  // --- The engine's thread's own.
  const std::unique_ptr<policy::Pool> pool_;
  AuditLog audit_;
  Holding holding_;
  std::mt19937_64 rng_;
  MonoTime ticked_at_;
  MonoTime read_at_;  // the clock, as the last round read it
  bool tick_again_ = false;

  Mutex stop_mutex_;    // of who joins the thread
  std::thread thread_;  // last: everything above exists when it starts
};

}  // namespace keypool::engine
