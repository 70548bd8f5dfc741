// The key pool: every rule of keys, projects, buckets and leases, with time as an argument.
//
//   AcquireReply reply = pool.Apply(AcquireCommand{…}, now, rng, &mutations);
//   // commit `mutations`, then hand out `reply`
//
// Pure: no clock, I/O, log, lock or global. The same commands, times and rng give the same replies
// and mutations. Not thread-safe: the engine is the only caller. Times handed in must not go back
// on the monotonic clock; the wall clock may jump.
//
// What Apply promises: a reply may be handed out only after the mutations of this and of all
// earlier calls are committed. Restoring from what was committed never counts less than what was
// granted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

class Pool {
 public:
  // Takes up where the store left off. Appends what must be written before the first grant. Errors:
  // DATA_LOSS when records contradict each other (the record is named).
  static absl::StatusOr<std::unique_ptr<Pool>> Restore(const PoolConfig& config, Snapshot snapshot,
                                                       const Now& now, Mutations* mutations);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Picks the project with most requests left today, then most left this minute, then least
  // recently used; inside it the least recently used active key. O(log n) in keys; at most a
  // bounded number of due changes are caught up with. What is bound to one project (by what it
  // names or by its caller's word) goes there or nowhere.
  AcquireReply Apply(const AcquireCommand& command, const Now& now, absl::BitGenRef rng,
                     Mutations* mutations);
  // As Apply, but an Acquire that is refused for a reason that passes within its wait_up_to is held
  // back, and nothing is returned: ServeWaiting answers it, as `ticket`, which must not be in use.
  // Those who wait exclude nothing, and are served before those who come later.
  std::optional<AcquireReply> ApplyOrHold(const AcquireCommand& command, std::uint64_t ticket,
                                          const Now& now, absl::BitGenRef rng,
                                          Mutations* mutations);
  // It will not be answered; nothing was charged for it. One that is not held back is left alone.
  void Withdraw(std::uint64_t ticket);
  struct Answered {
    std::uint64_t ticket;
    AcquireReply reply;
  };
  // Grants to those who wait what can be granted, round-robin over clients and in order of coming
  // within one, and refuses those who cannot be served within their time any more. Those who can go
  // to one project only wait in a line of it, which takes turns with those who can go to any. To be
  // called after commands, and at NextWaitingDue.
  std::vector<Answered> ServeWaiting(const Now& now, absl::BitGenRef rng, Mutations* mutations);
  // When the first of them can be answered, unless a command changes that; Max when nobody waits.
  MonoTime NextWaitingDue() const;
  // How many wait.
  std::size_t Held() const;
  // The answer to an Acquire whose previous attempt failed in a way that no other key would mend.
  static Refusal NotRetryable();
  // Ends a lease at most once, unless it goes on; cools what the facts blame; learns where the
  // things live that the answer tells of.
  ReportReply Apply(const ReportCommand& command, const Now& now, absl::BitGenRef rng,
                    Mutations* mutations);

  // Errors: see admin.proto.
  absl::StatusOr<KeyId> Apply(const AddKeyCommand& command, const Now& now, Mutations* mutations);
  absl::Status Apply(const RemoveKeyCommand& command, const Now& now, Mutations* mutations);
  absl::Status Apply(const DisableKeyCommand& command, const Now& now, Mutations* mutations);
  absl::Status Apply(const EnableKeyCommand& command, const Now& now, Mutations* mutations);
  // The number of buckets that were reset.
  absl::StatusOr<std::int64_t> Apply(const ResetCommand& command, const Now& now,
                                     Mutations* mutations);

  // Changes what is configured, at once for all buckets. O(buckets). Errors: see admin.proto.
  absl::StatusOr<ScopeLimits> Apply(const SetLimitsCommand& command, const Now& now,
                                    Mutations* mutations);
  absl::StatusOr<ScopeLimits> Apply(const UnsetLimitsCommand& command, const Now& now,
                                    Mutations* mutations);
  absl::StatusOr<ImportedLimits> Apply(const ImportLimitsCommand& command, const Now& now,
                                       Mutations* mutations);

  // A token comes as its digest: whoever made it shows it. Errors: see base/clients.h.
  absl::StatusOr<ClientStatus> Apply(const ClientCommand& command, const Now& now,
                                     Mutations* mutations);

  // As with clients. Errors: see base/admin_tokens.h.
  absl::StatusOr<AdminTokenStatus> Apply(const AdminTokenCommand& command, const Now& now,
                                         Mutations* mutations);

  // Expires leases, turns the day, catches up with due changes, in bounded steps. True: call again
  // soon, more is due.
  bool Tick(const Now& now, Mutations* mutations);

  PoolStatus Status(const StatusQuery& query, const Now& now) const;
  // Errors: NOT_FOUND.
  absl::StatusOr<KeyStatus> Key(KeyId id, std::string_view model, const Now& now) const;
  // What went through the pool, for people; O(page). Counted at the report, and written by Tick
  // once a second: unlike the counts that limit requests, a kill loses the last second of it.
  UsagePage Usage(const UsageQuery& query, const Now& now) const;
  // Writes what Tick has not written yet, for an orderly stop.
  void FlushUsage(Mutations* mutations);
  // What an Acquire would be answered, and for each key why. Takes nothing, follows nothing.
  // Errors: NOT_FOUND (the project has no key here).
  absl::StatusOr<Explanation> Explain(const ExplainQuery& query, const Now& now) const;
  // What has happened in this reign; the last kEventsMax of it are kept.
  PoolEvents Events(const EventsQuery& query) const;
  // What is configured: the defaults, by the file, and at run time.
  LimitsPage ListLimits(const LimitsQuery& query) const;
  // Errors: NOT_FOUND (the one that is asked for).
  absl::StatusOr<ClientsPage> ListClients(const ClientsQuery& query, const Now& now) const;
  // In the order of their names.
  std::vector<AdminTokenStatus> ListAdminTokens(const Now& now) const;
  // Of the admin token with this digest; nothing: none was shown, or what was shown is no token.
  // Errors: UNAUTHENTICATED, in the same words for none, one that is not known, has expired or was
  // revoked.
  absl::StatusOr<std::string> NameOfAdminToken(const std::optional<TokenDigest>& digest,
                                               const Now& now) const;
  // The id of the key with this secret.
  std::optional<KeyId> Find(const Secret& secret) const;

 private:
  struct State;
  explicit Pool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keypool::policy
