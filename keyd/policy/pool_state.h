// What a Pool consists of, and the steps that its commands share. Only pool*.cc include this.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "keyd/policy/admin_token_book.h"
#include "keyd/policy/blame.h"
#include "keyd/policy/breaker.h"
#include "keyd/policy/bucket.h"
#include "keyd/policy/client_book.h"
#include "keyd/policy/event_log.h"
#include "keyd/policy/lease_table.h"
#include "keyd/policy/limit_book.h"
#include "keyd/policy/models.h"
#include "keyd/policy/moment.h"
#include "keyd/policy/pacific_day.h"
#include "keyd/policy/pinned_queues.h"
#include "keyd/policy/pool.h"
#include "keyd/policy/resource_table.h"
#include "keyd/policy/resting_keys.h"
#include "keyd/policy/roster.h"
#include "keyd/policy/usage_ledger.h"

namespace keypool::policy {

// Buckets without room for a request's tokens that are looked at in one order before another way is
// tried.
inline constexpr int kRoomLooks = 16;

// What one Acquire must not be given again.
class Exclusions {
 public:
  Exclusions(const AcquireCommand& command, const Roster& roster);
  // The key to use of `project`: least recently used, active, not excluded; nullptr when none is.
  KeyEntry* KeyOf(const Project& project) const;

 private:
  absl::Span<const KeyId> keys_;
  absl::InlinedVector<const Project*, 8> projects_;
};

// The source address: Google's ban pages, or 429 without a reason on several projects at once.
inline constexpr Breaker::Options kSourceBreaker = {.failures = 1,
                                                    .first = absl::Seconds(10),
                                                    .max = absl::Minutes(10),
                                                    .probe_every = absl::Seconds(5)};
// A model. One 503 says little: Google sheds single requests all the time.
inline constexpr Breaker::Options kOverloadBreaker = {.failures = 3,
                                                      .first = absl::Seconds(1),
                                                      .max = absl::Seconds(30),
                                                      .probe_every = absl::Seconds(1)};

struct Pool::State {
  State(const PoolConfig& config, Epoch epoch, const Now& now);

  // Begins a command: follows the clocks.
  Moment Observe(const Now& now);
  // The same without following them, for questions.
  Moment Peek(const Now& now) const;

  // By the operator's word. Nothing: the model is not metered. No project: of any.
  std::optional<ConfiguredLimits> LimitsOf(const Project* project, const Model& model) const;

  // (Re)ranks a bucket as it stands; takes it out when its project has no active key.
  void Put(Bucket* bucket, const Moment& m);
  Bucket* MakeBucket(Model& model, Project* project, const Moment& m);
  // Whether it went from usable to unusable or back decides where all its buckets are.
  void PutAll(Project* project, const Moment& m);
  // After a change of what a bucket counts: the others of its project too, when the limits over all
  // models hold them back, or did.
  void PutCounted(Bucket* bucket, const Moment& m);
  // How full the limits over all models are when its buckets are ranked.
  void NoteTogether(Project* project, const Moment& m);

  // --- pool_acquire.cc
  AcquireReply Acquire(const AcquireCommand& command, const Moment& m, Mutations* mutations);
  AcquireReply AcquireAnywhere(const AcquireCommand& command, const Moment& m,
                               Mutations* mutations);
  Model* ModelOf(const AcquireCommand& command, const Moment& m, Mutations* mutations);
  // The best bucket that can take a request of so many tokens now; nullptr when none can. Those
  // with too little room are passed by, kRoomLooks of them at most.
  Bucket* Choose(Model& model, const Exclusions& exclusions, std::int64_t tokens, const Moment& m);
  // `has_fresh`: there is a project without a bucket to choose instead.
  Bucket* ChooseReady(Model& model, const Exclusions& exclusions, std::int64_t tokens,
                      bool has_fresh, const Moment& m);
  Bucket* FindReady(Model& model, const Exclusions& exclusions, std::int64_t tokens,
                    bool spare_awaited, const Moment& m);
  // No project may ever take a request of so many tokens.
  bool IsTooLarge(Model& model, std::int64_t tokens) const;
  // What it is charged before its report tells better.
  static std::int64_t TokensOf(const Model& model, const AcquireCommand& command);
  // At most `steps` buckets that wait no more. Returns the steps left.
  int WakeWaiting(Model& model, const Moment& m, int steps);
  // The same for ready ones whose minute has given something back, so that they rank better.
  int Improve(Model& model, const Moment& m, int steps);
  Project* NextFresh(Model& model, const Exclusions& exclusions, const Moment& m);
  // Why nothing is granted for this model at present, whatever the quota says.
  std::optional<Refusal> HeldBack(const Model& model, const Moment& m) const;
  Grant GrantFrom(Bucket* bucket, KeyEntry* key, const AcquireCommand& command, const Moment& m,
                  Mutations* mutations);
  bool MakeLeaseRoom(const Moment& m, Mutations* mutations);

  // --- pool_clients.cc
  // Whose token the request shows; nullptr: nobody's.
  Client* CallerOf(const AcquireCommand& command, const Moment& m);
  // A request without a good token is not served.
  bool OnlyClients(const AcquireCommand& command) const {
    return command.token_required || config.require_client_token || !clients.empty();
  }
  // Why whoever asks may not have it, whatever the pool has; nothing: it may.
  std::optional<Refusal> RefuseCaller(const AcquireCommand& command, const Moment& m);
  std::optional<Refusal> RefuseForOwnQuota(Client& client, const AcquireCommand& command,
                                           const Moment& m);
  // Of a client that names what is not its own, or asks what is (Kind::kOwnership).
  std::optional<Refusal> RefuseForeign(const std::string& client, const AcquireCommand& command,
                                       const Moment& m) const;
  // Whose upload a request without a token goes on with; nullptr: nobody's that may.
  Client* BeginnerOf(const AcquireCommand& command, const Moment& m);
  // The part of a grant that is the caller's.
  void ChargeCaller(const AcquireCommand& command, Lease* lease, const Moment& m,
                    Mutations* mutations, Grant* grant);
  // The request had so many tokens in truth; nothing: it does not count for its caller.
  void SettleCaller(const Lease& lease, std::optional<std::int64_t> tokens, const Moment& m,
                    Mutations* mutations);

  // --- pool_pin.cc
  // The only project that may serve a request, by the caller's word or because `name` lives there.
  // Points into the command and the table of resources.
  struct Pin {
    const ProjectId* project = nullptr;  // none: any may
    const std::string* name = nullptr;
    // The request names something of another project too.
    const ProjectId* other_project = nullptr;
    const std::string* other_name = nullptr;
    bool IsApart() const { return other_project != nullptr; }
  };
  Pin PinOf(const AcquireCommand& command, const Moment& m) const;
  AcquireReply AcquirePinned(const AcquireCommand& command, const Moment& m, Mutations* mutations);
  AcquireReply AcquireOf(const ProjectId& id, const AcquireCommand& command, const Moment& m,
                         Mutations* mutations);
  AcquireReply AcquireInOrder(const AcquireCommand& command, const Moment& m, Mutations* mutations);
  bool OwnsNamed(const ProjectId& project, const AcquireCommand& command, const Moment& m) const;
  // In what project, and for which client (empty: nobody's), something was done.
  struct Maker {
    const ProjectId& project;
    std::string client;
  };
  void LearnResources(const ReportCommand& command, const Maker& maker, const Moment& m,
                      Mutations* mutations);
  void LearnElsewhere(const ReportCommand& command, const Moment& m, Mutations* mutations);

  // --- pool_alias.cc
  // Whose buckets count requests for `asked`.
  Model* Counted(Model* asked, const Moment& m, Mutations* mutations);
  // Of which a 429 tells: not `bucket`, which the lease was charged to, when Google names another
  // model. Remembers that.
  Bucket* BucketToBlame(const ReportCommand& command, Bucket* bucket, const Moment& m,
                        Mutations* mutations);
  // An answer names the model that has served.
  void LearnServedModel(const ReportCommand& command, Project* project, const Moment& m,
                        Mutations* mutations);
  void LearnAlias(Model* asked, LearnedAlias alias, Project* project, const Moment& m,
                  Mutations* mutations);
  void CountsForItself(Model* model, Project* project, const Moment& m, Mutations* mutations);
  Bucket* BucketOf(Model& model, Project* project, const Moment& m);
  void ForgetAlias(Model* model, const Moment& m, Mutations* mutations);
  void NoteAlias(const Bucket& bucket, const Moment& m);

  // --- pool_wait.cc
  Model* ExistingModelOf(const AcquireCommand& command, const Moment& m, Mutations* mutations);
  bool OthersWait(const Model& model, const AcquireCommand& command, const Pin& pin) const;
  Refusal RefuseForNow(Model& model, const AcquireCommand& command, const Pin& pin,
                       const Moment& m);
  void Hold(Model* model, const Pin& pin, const AcquireCommand& command, std::uint64_t ticket,
            const Moment& m);
  // No project: anywhere.
  void Enqueue(Model* model, const ProjectId* project, Waiting waiting, const Moment& m);
  void SetDue(HeldQueue* queue, MonoTime due);
  std::optional<Waiting> TakeHeld(std::uint64_t ticket);
  Answered AnswerHeld(const Waiting& waiting, const Moment& m, Mutations* mutations);
  bool MoveIfElsewhere(HeldQueue* queue, WaitQueue::Lines::iterator line, const Moment& m);
  void ServeQueue(HeldQueue* queue, std::size_t answers_max, const Moment& m, Mutations* mutations,
                  std::vector<Answered>* answers);
  void ServePinned(HeldQueue* queue, const Moment& m, Mutations* mutations,
                   std::vector<Answered>* answers);

  // --- pool_refuse.cc
  Refusal RefuseWithoutKeys(const Moment& m) const;
  Refusal RefuseForSource(const Moment& m) const;
  Refusal RefuseForOverload(const Model& model, const Moment& m) const;
  Refusal RefuseForLeases(const Moment& m) const;
  Refusal RefuseForModels() const;
  Refusal RefuseForValidation(const Moment& m) const;
  Refusal RefuseForQuota(const Model& model, std::int64_t tokens, const Moment& m) const;
  Refusal RefuseAsTooLarge(const Model& model, std::int64_t tokens) const;
  static Refusal RefuseAsExcluded(const Model& model);
  static Refusal RefuseAsApart(const Pin& pin);
  // `project` may be nullptr: it is not in the pool.
  Refusal RefuseForOwner(const ProjectId& id, const Project* project, const Moment& m) const;
  // Why the bucket of the only project that may serve it does not; nothing: it does.
  std::optional<Refusal> RefuseOf(const Bucket& bucket, std::int64_t tokens, const Moment& m) const;
  static Refusal RefuseForOrder(int passed);
  static Refusal RefuseAfterTheLast();

  // --- pool_report.cc
  // What an answer was about. `lease` is nullptr when it is not known any more.
  struct Subject {
    KeyId key;
    Bucket* bucket;
    const Lease* lease;
  };
  void ApplyVerdict(const Verdict& verdict, const Subject& subject, const Moment& m,
                    Mutations* mutations);
  void ApplyToBucket(const Verdict& verdict, const Subject& subject, const Moment& m,
                     Mutations* mutations);
  // A 429 without a reason: several projects at once, and it is the source address.
  void NoteBare(const Project& project, std::optional<MonoTime> granted_at, const Moment& m);
  // What the answer says about the tokens that were charged by estimate.
  void SettleTokens(const ReportCommand& command, const Verdict& verdict, const Lease& lease,
                    const Moment& m, Mutations* mutations);
  void ApplyElsewhere(const Verdict& verdict, const ReportCommand& command, const Moment& m,
                      Mutations* mutations);
  // The lease has left the table.
  void LeaseIsGone(const Lease& lease, const Moment& m, Mutations* mutations);

  // --- pool_validate.cc
  AcquireReply AcquireValidation(const Moment& m, Mutations* mutations);
  KeyEntry* NextToValidate(const Moment& m);
  // When real requests try a key whose rest ends at `rests_until`.
  MonoTime RestEnds(MonoTime rests_until) const;
  void ApplyValidation(const Verdict& verdict, const Lease& lease, const Moment& m,
                       Mutations* mutations);

  // --- pool_rest.cc
  void RestAgain(KeyEntry* key, const Verdict& verdict, const Moment& m, Mutations* mutations);
  void ComeBack(KeyEntry* key, const Moment& m, Mutations* mutations);
  void RestKey(KeyEntry* key, const Verdict& verdict, const Moment& m, Mutations* mutations);
  void RestProject(Project* project, const Verdict& verdict, const Moment& m, Mutations* mutations);
  // Before an operator's word takes its place, or the key goes.
  void EndRest(KeyEntry* key);
  void KeyWorks(KeyId id, const Moment& m);

  // --- pool_admin.cc
  void CloseGapsIfMany();
  // Drops a project without keys once forgetting it gives no quota back.
  bool DropIfForgettable(Project* project, const Moment& m, Mutations* mutations);

  // --- pool_limits.cc
  // What is configured has changed.
  void FollowLimits(const Moment& m, Mutations* mutations);
  void LimitTogether(Project* project, const Moment& m);

  // --- pool_restore.cc
  absl::Status RestoreKeys(std::vector<KeyRecord> records, const Moment& m);
  absl::Status RestoreBuckets(const std::vector<BucketRecord>& records, const Moment& m,
                              Mutations* mutations);

  // --- pool_tick.cc
  void TickResting(const Moment& m, int* budget, Mutations* mutations);
  void TickLeases(const Moment& m, int* budget, Mutations* mutations);
  void TickModel(Model& model, const Moment& m, int* budget, Mutations* mutations);
  void Sweep(Model& model, const Moment& m, int* budget, Mutations* mutations);
  void TickKeyless(const Moment& m, int* budget, Mutations* mutations);

  // --- pool_usage.cc
  void CountUsage(const ReportCommand& command, const Lease& lease, const Moment& m);
  void CountUsageElsewhere(const ReportCommand& command, const Moment& m);

  // --- pool_explain.cc
  // What Choose would choose of a request that excludes nothing; no project: nothing.
  struct Chosen {
    Project* project = nullptr;
    Rank rank;
  };
  Chosen WouldChoose(const Model& model, const Moment& m) const;
  Refusal WouldRefuse(const Model& model, const Moment& m) const;
  void ExplainBucket(const Bucket& bucket, const Moment& m, KeyExplanation* said) const;
  void ExplainOrder(const KeyEntry& key, const Model& model, const Chosen& chosen, const Moment& m,
                    KeyExplanation* said) const;
  KeyExplanation ExplainKey(const KeyEntry& key, const Model& model, const Chosen& chosen,
                            const Moment& m) const;

  // --- pool_events.cc
  // What a bucket was before an answer was applied to it.
  struct BucketBefore {
    explicit BucketBefore(const Bucket& bucket, const Moment& m)
        : limits(bucket.limits()), cooling(bucket.CoolingUntil(m).has_value()) {}
    Limits limits;
    bool cooling;
  };
  void NoteCooldown(const Verdict& verdict, const Subject& subject, const BucketBefore& before,
                    const Moment& m);
  void NoteRest(KeyEntry* key, const Verdict& verdict, const Moment& m);
  void NoteOverload(Model* model, const Verdict& verdict, const Moment& m);
  void NoteThrottled(std::string_view row, const Moment& m);
  void NoteModel(EventKind kind, const Model& model, const Moment& m);
  void NoteLimits(const LimitScopeName& scope, std::string text, const Moment& m);
  void NoteBucket(EventKind kind, const Bucket& bucket, const Moment& m);
  // `key` may be nullptr: it is not about one.
  void NoteKey(EventKind kind, const KeyEntry* key, std::string_view text, const Moment& m);

  // --- pool_status.cc
  KeyStatus Describe(const KeyEntry& key, std::string_view model, const Moment& m) const;

  PoolConfig config;
  LimitBook limits;
  absl::Duration span;  // how long a grant weighs on its minute
  Epoch epoch;
  PacificDay day;
  absl::Time wall_at_mono_zero;  // moves only when the wall clock is set
  std::uint32_t clock = 0;       // Moment::clock
  KeyId next_key{1};
  std::uint64_t grants = 0;

  Roster roster;
  RemovedKeys removed;
  ResourceTable resources;
  ClientBook clients;
  AdminTokenBook admin_tokens;
  Models models;
  LeaseTable leases;

  RestingKeys resting;
  std::deque<KeyId> to_validate;                                            // at an operator's wish
  MonoTime validation_asked_at = MonoTime::FromNanoseconds(INT64_MIN / 2);  // by a proxy, last
  std::size_t keys_on_trial = 0;  // that rested and have not worked since
  Breaker source;                 // the address that requests come from
  struct Bare {
    MonoTime at;
    std::uint32_t project;
  };
  std::vector<Bare> bare;  // the last ones, of different projects, oldest first
  Cause source_cause;      // of its present pause
  EventLog events;

  // Acquires that are held back, by ticket and by the end of their time, and where they wait: for
  // any project of a model, or for one of it.
  struct Held {
    HeldQueue* queue;
    std::string client;
    MonoTime until;
  };
  absl::flat_hash_map<std::uint64_t, Held> held;
  absl::btree_set<std::pair<MonoTime, std::uint64_t>> held_until;
  std::vector<Model*> waited_for;
  PinnedQueues pinned;

  std::size_t tick_model = 0;    // where the next Tick goes on
  std::size_t keyless_left = 0;  // of the round over Roster::keyless that is under way
  MonoTime keyless_at;           // when the next round begins

  UsageLedger usage;
};

}  // namespace keypool::policy
