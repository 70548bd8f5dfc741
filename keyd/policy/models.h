// The models that requests named, each with its buckets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "keyd/policy/breaker.h"
#include "keyd/policy/bucket.h"
#include "keyd/policy/calibration.h"
#include "keyd/policy/moment.h"
#include "keyd/policy/selector.h"
#include "keyd/policy/types.h"
#include "keyd/policy/usage_place.h"
#include "keyd/policy/wait_queue.h"

namespace keypool::policy {

// One model. A project has a bucket here once it was used for the model; until then it counts as
// fresh and costs nothing: a new model is O(1) however many projects there are.
struct Model {
  std::string name;  // as requested; empty for the one that stands for unmetered calls
  std::uint32_t serial = 0;
  bool metered = true;
  bool evicted = false;

  Selector selector;
  std::vector<std::unique_ptr<Bucket>> buckets;
  std::size_t fresh_at = 0;  // cursor into Roster::order(): those before it have a bucket

  // What tells an idle model without looking at its buckets.
  std::int64_t day = 0;
  std::int64_t used_today = 0;     // over all buckets
  std::int64_t used_tomorrow = 0;  // of it: carried over midnight
  std::int64_t spent_day = -1;     // Google said of some bucket that this day is spent
  MonoTime busy_until;             // every minute is empty and every cooldown over from then on
  std::uint32_t leases = 0;        // open or late
  Breaker overload;                // Google has no room for it
  HeldQueue held;                  // Acquires that are held back and can go to any project
  std::size_t pinned_queues = 0;   // of those that can go to one
  Cause overload_cause;            // of its present pause
  std::uint64_t last_used = 0;     // number of the pool's grant
  UsagePlace usage;
  std::optional<LearnedAlias> alias;  // its buckets are another model's
  Calibration calibration;            // of estimates of its tokens
  // No project may take a larger request, by the operator's word; 0: not asked for yet.
  std::int64_t largest_configured = 0;

  // The sweep that follows a turn of the day or a step of the clock, from the last bucket down, so
  // that taking a bucket out (the last one takes its place) skips nobody.
  std::uint32_t clock = 0;
  std::size_t sweep_left = 0;
  bool sweep_again = false;  // something could not be cleaned up yet
  MonoTime sweep_at = MonoTime::Max();

  // Begins a sweep when the day turned, the clock stepped, or one is due. O(1).
  void Follow(const Moment& m);
  bool IsIdle(const Moment& m) const;
  void Busy(MonoTime until) { busy_until = std::max(busy_until, until); }

  Bucket* Add(std::unique_ptr<Bucket> bucket);
  // Out of the selector, the project and the memory. The store is not told.
  void Remove(Bucket* bucket);
};

// At most `max` models at a time, so that names which clients make up cost a bounded amount.
class Models {
 public:
  explicit Models(std::size_t max);

  Model* Find(std::string_view name) const;
  // The model that stands for unmetered calls: no limits, never evicted.
  Model* unmetered() const { return unmetered_.get(); }
  // Beyond the bound, the least recently used idle model is evicted first; nullptr when none is
  // idle.
  Model* Make(std::string_view name, const Moment& m, Mutations* mutations);
  // Whether Make would find room for a new one.
  bool HasRoom(const Moment& m) const;
  // As Make, but beyond the bound: what the store holds must be counted.
  Model* MakeRestored(std::string_view name, const Moment& m);

  // Requires IsIdle. Its records leave the store now, its memory in steps of FreeEvicted.
  void Evict(Model* model, Mutations* mutations);
  // Frees at most `max_buckets`. True when more are left.
  bool FreeEvicted(std::size_t max_buckets);

  // All, the unmetered one first.
  const std::vector<Model*>& all() const { return all_; }
  std::vector<std::size_t*> FreshCursors();

 private:
  Model* Insert(std::string_view name, const Moment& m);

  std::size_t max_;
  std::uint32_t last_serial_ = 0;
  std::unique_ptr<Model> unmetered_;
  absl::flat_hash_map<std::string, std::unique_ptr<Model>> by_name_;
  std::vector<Model*> all_;
  std::vector<std::unique_ptr<Model>> evicted_;
};

}  // namespace keypool::policy
