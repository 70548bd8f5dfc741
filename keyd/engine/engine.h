// The one writer: a thread that owns the pool, a mailbox in front, a store behind.
//
// It takes all commands that wait, applies them, commits their mutations as one batch, and hands
// out the replies after the commit: nothing that was answered is lost when keyd is killed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/clock.h"
#include "keyd/policy/types.h"
#include "keyd/store/store.h"

namespace keypool::engine {

struct Options {
  policy::PoolConfig pool;
  store::Durability durability = store::Durability::kProcess;  // admin changes are always kPower
  std::size_t mailbox_max = 65'536;                            // commands that wait
  std::uint64_t seed = 0;                                      // of the policy's rng; 0: random
  std::uint64_t audit_records_max = 100'000;                   // beyond, the oldest are given up
};

// Who is told of an answer that was held back.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // Once for every command that was held back and not withdrawn; on the engine's or the store's
  // thread, like a callback of Engine. Errors: UNAVAILABLE (stopping, or the store failed).
  virtual void OnAnswer(std::uint64_t tag, const absl::StatusOr<AcquireReply>& reply) = 0;
};

// One element of a Session message or one unary call. `tag` is the caller's and comes back with the
// reply.
struct LeaseCommand {
  std::uint64_t tag = 0;
  std::variant<AcquireCommand, ReportCommand> command;
  // The report of the attempt before, applied first (AcquireRequest.previous).
  std::optional<ReportCommand> previous;
  // Of an acquire: it may be held back for AcquireCommand::wait_up_to. Known by `tag`, which must
  // be the only one of this waiter's that is held back. None: it is answered at once.
  std::shared_ptr<Waiter> waiter = nullptr;
};
struct HeldBack {};  // the waiter will be told
struct LeaseReply {
  std::uint64_t tag = 0;
  std::variant<AcquireReply, ReportReply, HeldBack> reply;
};

// Thread-safe. Callbacks run once each, on the engine's or the store's thread, and must not block
// or call Stop or ~Engine. A command that is turned away at the door (mailbox full, stopping) is
// answered on the caller's own thread before the call returns: hold no lock that the callback
// takes. After a failed commit every command is answered UNAVAILABLE and Health says why.
class Engine {
 public:
  // Loads the store, restores the pool and starts the thread. `clock` and `store` must outlive it.
  // Errors: those of Store::Load and Pool::Restore.
  static absl::StatusOr<std::unique_ptr<Engine>> Start(const Options& options, const Clock& clock,
                                                       store::Store& store);
  // Stop, then waits for its thread.
  virtual ~Engine() = default;

  using LeaseDone = std::function<void(absl::Status, std::vector<LeaseReply>)>;
  // All replies of one call come back in one `done`, in the order of the commands. Errors:
  // UNAVAILABLE (stopping, or the store failed), RESOURCE_EXHAUSTED (the mailbox is full); then no
  // reply is given.
  virtual void Post(std::vector<LeaseCommand> commands, LeaseDone done) = 0;

  // Of what `waiter` waits for, nothing (or nothing known by `tag`) is wanted any more. An answer
  // may be on its way all the same.
  virtual void Withdraw(std::shared_ptr<Waiter> waiter, std::optional<std::uint64_t> tag) = 0;

  template <class T>
  using Done = std::function<void(absl::StatusOr<T>)>;
  virtual void AddKey(AddKeyCommand command, Done<KeyStatus> done) = 0;
  virtual void RemoveKey(RemoveKeyCommand command, std::function<void(absl::Status)> done) = 0;
  virtual void DisableKey(DisableKeyCommand command, Done<KeyStatus> done) = 0;
  virtual void EnableKey(EnableKeyCommand command, Done<KeyStatus> done) = 0;
  virtual void Reset(ResetCommand command, Done<std::int64_t> done) = 0;
  virtual void Status(StatusQuery query, Done<PoolStatus> done) = 0;
  virtual void Key(KeyId id, std::string model, Done<KeyStatus> done) = 0;
  virtual void Explain(ExplainQuery query, Done<Explanation> done) = 0;
  virtual void Events(EventsQuery query, Done<PoolEvents> done) = 0;

  virtual void Usage(UsageQuery query, Done<UsagePage> done) = 0;

  virtual void SetLimits(SetLimitsCommand command, Done<ScopeLimits> done) = 0;
  virtual void UnsetLimits(UnsetLimitsCommand command, Done<ScopeLimits> done) = 0;
  virtual void ImportLimits(ImportLimitsCommand command, Done<ImportedLimits> done) = 0;
  virtual void ListLimits(LimitsQuery query, Done<LimitsPage> done) = 0;

  virtual void ChangeClient(ClientCommand command, Done<ClientStatus> done) = 0;
  virtual void ListClients(ClientsQuery query, Done<ClientsPage> done) = 0;

  virtual void ChangeAdminToken(AdminTokenCommand command, Done<AdminTokenStatus> done) = 0;
  virtual void ListAdminTokens(Done<std::vector<AdminTokenStatus>> done) = 0;
  // Pool::NameOfAdminToken.
  virtual void NameOfAdminToken(std::optional<TokenDigest> digest, Done<std::string> done) = 0;

  // Every change above is recorded in the audit, in the commit that its answer waits for; so is one
  // that is refused by a rule of the pool. This records what is done elsewhere. Errors of `done`:
  // UNAVAILABLE (it is not recorded).
  virtual void Record(AuditEntry entry, absl::Status result,
                      std::function<void(absl::Status)> done) = 0;
  // What is committed. Answered even after a failed commit, as far as the store can be read.
  virtual void ListAudit(AuditQuery query, Done<AuditPage> done) = 0;
  virtual void VerifyAudit(Done<AuditVerdict> done) = 0;

  // OK while it can grant; else why not: UNAVAILABLE, with the cause and the fix.
  virtual absl::Status Health() const = 0;
  // Runs `on_change` on the engine's thread, once, when a commit fails. Not when Stop is called.
  virtual void OnUnhealthy(std::function<void(absl::Status)> on_change) = 0;
  // Grows with every change that a status would show. For Watch.
  virtual std::uint64_t ChangeCount() const = 0;

  // Answers what is in the mailbox, commits, and takes no more. Idempotent; blocks until done.
  virtual void Stop() = 0;
};

}  // namespace keypool::engine
