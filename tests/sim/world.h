// A pool, the store it commits to, the requests it lets out, and Google at the other end: all in
// one thread, on virtual time, from one seed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "keyd/policy/pool.h"
#include "tests/sim/committed.h"
#include "tests/sim/true_quota.h"

namespace keypool::sim {

// Every step checks what must always hold; the first breach stops the world and is told by
// broken().
class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();
  void Run(int steps);
  // Empty while all is well.
  const std::string& broken() const { return broken_; }
  // Of every reply, in order: equal for equal seeds.
  std::uint64_t transcript() const { return transcript_; }
  std::int64_t grants() const { return grants_; }
  std::int64_t refusals_checked() const { return refusals_checked_; }
  std::int64_t crashes() const { return crashes_; }

 private:
  struct HeldLease {
    LeaseId id;
    Epoch epoch;
    KeyId key;
    std::string project;
    std::string model;
    bool metered = true;
    bool sent = true;
    MonoTime granted_at;
    std::int64_t serial = 0;  // of the grant
    std::int64_t tokens = 0;  // in truth
    bool reported = false;
  };
  struct Arrival {
    std::string project, model;
    std::int64_t tokens = 0;
  };
  // A grant that was not given back. `tokens`: that must be counted, as far as the pool can know.
  struct Charged {
    std::int64_t serial = 0;
    absl::Time at;
    std::int64_t tokens = 0;
  };

  void Step();
  void AcquireOne();
  void LookAtKeys();
  void CheckWindows(const KeyStatus& key);
  void OnGrant(const AcquireCommand& command, std::int64_t tokens, const Grant& grant);
  void CheckRefusal(const AcquireCommand& command, std::int64_t tokens, const Refusal& refusal);
  // Of that project alone; empty: of any.
  void CheckTooLarge(const std::string& project, std::int64_t tokens, const Refusal& refusal);
  // --- world_resources.cc
  // Where it has to be served.
  struct Place {
    std::string project;  // empty: anywhere
    bool apart = false;
  };
  Place PlaceOf(const AcquireCommand& command) const;
  void PickPlace(AcquireCommand* command);
  void CheckPlace(const AcquireCommand& command, const Grant& grant);
  void CheckPlaceRefusal(const AcquireCommand& command, const Refusal& refusal);
  bool HasActiveKey(const std::string& project) const;
  std::string RandomResource();
  void NoteSomething(ReportCommand* report);
  void LearnNotes(const HeldLease& lease, const ReportCommand& report, Settled settled);
  void CheckResources(policy::Pool* replayed);

  void ReportOne();
  Settled Expected(const HeldLease& lease) const;
  AnswerFacts RandomFacts();
  void SetRandomLimits();
  std::int64_t RandomTokens();
  std::int64_t Estimate(std::int64_t tokens);
  // A report settled the lease: what is counted of it from now on.
  void OnSettled(const HeldLease& lease, const ReportCommand& report);
  void ChangeKeys();
  void AddRandomKey();
  void ResetAll();
  void CrashNow();
  // Loads what is committed into a second pool and compares.
  void CheckReplay();
  void CheckReplayOf(const std::string& project, const BucketStatus& live,
                     const BucketStatus* restored);
  // Grants that were not given back, and tokens: of a span before now, and of the Pacific day
  // (those that may arrive on it, if granted shortly before).
  struct Sums {
    std::int64_t minute = 0, day = 0, minute_tokens = 0, day_tokens = 0;
  };
  Sums Granted(const std::string& project, const std::string& model) const;
  void Advance(absl::Duration d);
  void TickAll();
  // Commits, or crashes instead: then false, and nothing that the call answered was handed out.
  bool Commit();
  void Restore();
  void Break(std::string what);
  void Note(std::uint64_t value) { transcript_ = transcript_ * 1099511628211u + value + 1; }

  std::int64_t Random(std::int64_t below) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
  }
  bool Chance(int percent) { return Random(100) < percent; }
  std::string RandomModel();
  Now now() const { return {wall_, mono_}; }

  std::mt19937_64 random_;
  policy::PoolConfig config_;
  bool exact_ = true;  // estimates are right
  std::int64_t largest_charge_ = 0;
  TrueQuota google_;
  Committed store_;
  policy::Mutations pending_;
  std::unique_ptr<policy::Pool> pool_;
  Epoch epoch_{0};
  absl::Time wall_;
  MonoTime mono_;
  std::map<KeyId, std::pair<std::string, bool>> keys_;  // project, active
  struct Known {
    std::string project;
    absl::Time expires;
  };
  std::map<std::string, Known> known_;  // by confirmed reports
  std::map<KeyId, MonoTime> resting_;   // until when, at least
  std::vector<HeldLease> leases_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> granted_;
  std::multimap<absl::Time, Arrival> under_way_;
  std::map<std::pair<std::string, std::string>, std::vector<Charged>> charged_;
  std::uint64_t secrets_ = 0, names_ = 0;
  std::uint64_t transcript_ = 14695981039346656037u;
  std::int64_t grants_ = 0, refusals_checked_ = 0, crashes_ = 0;
  std::string broken_;
};

}  // namespace keypool::sim
