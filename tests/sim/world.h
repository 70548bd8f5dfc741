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
    absl::Time granted_wall;
    bool reported = false;
  };
  struct Arrival {
    std::string project, model;
  };

  void Step();
  void AcquireOne();
  void LookAtKeys();
  void OnGrant(const AcquireCommand& command, const Grant& grant);
  void CheckRefusal(const AcquireCommand& command, const Refusal& refusal);
  void ReportOne();
  Settled Expected(const HeldLease& lease) const;
  AnswerFacts RandomFacts();
  void ChangeKeys();
  void AddRandomKey();
  void ResetAll();
  void CrashNow();
  // Loads what is committed into a second pool and compares.
  void CheckReplay();
  void CheckReplayOf(const std::string& project, const BucketStatus& live,
                     const BucketStatus* restored);
  // Grants that were not given back: of a span before now, and of the Pacific day (those that may
  // arrive on it, if granted shortly before).
  std::pair<std::int64_t, std::int64_t> Granted(const std::string& project,
                                                const std::string& model) const;
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
  TrueQuota google_;
  Committed store_;
  policy::Mutations pending_;
  std::unique_ptr<policy::Pool> pool_;
  Epoch epoch_{0};
  absl::Time wall_;
  MonoTime mono_;
  std::map<KeyId, std::pair<std::string, bool>> keys_;  // project, active
  std::map<KeyId, MonoTime> resting_;                   // until when, at least
  std::vector<HeldLease> leases_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> granted_;
  std::multimap<absl::Time, Arrival> under_way_;
  std::map<std::pair<std::string, std::string>, std::vector<absl::Time>> charged_;
  std::uint64_t secrets_ = 0, names_ = 0;
  std::uint64_t transcript_ = 14695981039346656037u;
  std::int64_t grants_ = 0, refusals_checked_ = 0, crashes_ = 0;
  std::string broken_;
};

}  // namespace keypool::sim
