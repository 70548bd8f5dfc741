// What a Pool consists of, and the steps that its commands share. Only pool*.cc include this.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "keyd/policy/blame.h"
#include "keyd/policy/bucket.h"
#include "keyd/policy/lease_table.h"
#include "keyd/policy/models.h"
#include "keyd/policy/moment.h"
#include "keyd/policy/pacific_day.h"
#include "keyd/policy/pool.h"
#include "keyd/policy/roster.h"

namespace keypool::policy {

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

struct Pool::State {
  State(const PoolConfig& config, Epoch epoch, const Now& now);

  // Begins a command: follows the clocks.
  Moment Observe(const Now& now);
  // The same without following them, for questions.
  Moment Peek(const Now& now) const;

  // The limits of a bucket. The seam for limits per project and model.
  std::optional<Limits> LimitsOf(const Model& model) const;

  // (Re)ranks a bucket as it stands; takes it out when its project has no active key.
  void Put(Bucket* bucket, const Moment& m);
  Bucket* MakeBucket(Model& model, Project* project, const Moment& m);
  // Whether it went from usable to unusable or back decides where all its buckets are.
  void PutAll(Project* project, const Moment& m);

  // --- pool_acquire.cc
  AcquireReply Acquire(const AcquireCommand& command, const Moment& m, Mutations* mutations);
  Model* ModelOf(const AcquireCommand& command, const Moment& m, Mutations* mutations);
  // The best bucket that can take a request now; nullptr when none can.
  Bucket* Choose(Model& model, const Exclusions& exclusions, const Moment& m);
  // At most `steps` buckets that wait no more. Returns the steps left.
  int WakeWaiting(Model& model, const Moment& m, int steps);
  // The same for ready ones whose minute has given something back, so that they rank better.
  int Improve(Model& model, const Moment& m, int steps);
  Project* NextFresh(Model& model, const Exclusions& exclusions, const Moment& m);
  Grant GrantFrom(Bucket* bucket, KeyEntry* key, const Moment& m, Mutations* mutations);
  bool MakeLeaseRoom(const Moment& m, Mutations* mutations);

  // --- pool_refuse.cc
  Refusal RefuseWithoutKeys() const;
  Refusal RefuseForLeases(const Moment& m) const;
  Refusal RefuseForModels() const;
  Refusal RefuseForQuota(const Model& model, const Moment& m) const;

  // --- pool_report.cc
  void ApplyVerdict(const Verdict& verdict, Bucket* bucket, const Lease* lease, const Moment& m,
                    Mutations* mutations);
  void ApplyElsewhere(const Verdict& verdict, const ReportCommand& command, const Moment& m,
                      Mutations* mutations);
  // The lease has left the table.
  void LeaseIsGone(const Lease& lease, const Moment& m, Mutations* mutations);

  // --- pool_admin.cc
  void CloseGapsIfMany();
  // Drops a project without keys once forgetting it gives no quota back.
  bool DropIfForgettable(Project* project, const Moment& m, Mutations* mutations);

  // --- pool_restore.cc
  absl::Status RestoreKeys(std::vector<KeyRecord> records);
  absl::Status RestoreBuckets(const std::vector<BucketRecord>& records, const Moment& m,
                              Mutations* mutations);

  // --- pool_tick.cc
  void TickLeases(const Moment& m, int* budget, Mutations* mutations);
  void TickModel(Model& model, const Moment& m, int* budget, Mutations* mutations);
  void Sweep(Model& model, const Moment& m, int* budget, Mutations* mutations);
  void TickKeyless(const Moment& m, int* budget, Mutations* mutations);

  // --- pool_status.cc
  KeyStatus Describe(const KeyEntry& key, std::string_view model, const Moment& m) const;

  PoolConfig config;
  absl::Duration span;  // how long a grant weighs on its minute
  Epoch epoch;
  PacificDay day;
  absl::Time wall_at_mono_zero;  // moves only when the wall clock is set
  std::uint32_t clock = 0;       // Moment::clock
  KeyId next_key{1};
  std::uint64_t grants = 0;

  Roster roster;
  RemovedKeys removed;
  Models models;
  LeaseTable leases;

  std::size_t tick_model = 0;    // where the next Tick goes on
  std::size_t keyless_left = 0;  // of the round over Roster::keyless that is under way
  MonoTime keyless_at;           // when the next round begins
};

}  // namespace keypool::policy
