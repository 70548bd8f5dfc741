// Who is there: keys, the projects that own them, and whose turn it is inside a project.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "keyd/base/clock.h"
#include "keyd/base/ids.h"
#include "keyd/base/secret.h"
#include "keyd/policy/blame.h"
#include "keyd/policy/meter.h"
#include "keyd/policy/secret_index.h"
#include "keyd/policy/types.h"
#include "keyd/policy/usage_place.h"

namespace keypool::policy {

class Bucket;
struct Project;

struct KeyEntry {
  KeyRecord record;
  Project* project = nullptr;
  std::optional<absl::Time> last_used_at;
  MonoTime rests_until;    // while record.retry_at is set
  int rests = 0;           // in a row, without a success since
  MonoTime checked_until;  // somebody checks it
  Cause rest_cause;        // of the present rest
  // Neighbours in the project's rotation.
  KeyEntry* previous = nullptr;
  KeyEntry* next = nullptr;
};

// The active keys of a project: those never used first, in the order they came, then least recently
// used first. All O(1).
class Rotation {
 public:
  bool empty() const { return !unused_.front && !used_.front; }
  void Add(KeyEntry* key);
  void Remove(KeyEntry* key);
  void Used(KeyEntry* key, absl::Time at);
  // The first that is not excluded; nullptr when there is none.
  KeyEntry* FirstExcept(absl::Span<const KeyId> excluded) const;

 private:
  struct List {
    KeyEntry* front = nullptr;
    KeyEntry* back = nullptr;
    void Append(KeyEntry* key);
    void Prepend(KeyEntry* key);
    void Unlink(KeyEntry* key);
    KeyEntry* FirstExcept(absl::Span<const KeyId> excluded) const;
  };
  List unused_, used_;
};

struct Project {
  static constexpr std::size_t kNotInOrder = SIZE_MAX;
  ProjectId id;
  std::uint32_t serial = 0;  // in order of creation
  Rotation active;
  std::size_t keys = 0;          // disabled ones included
  std::vector<Bucket*> buckets;  // by serial of the model
  std::size_t order_at = kNotInOrder;
  std::size_t keyless_at = 0;  // while it has no key
  UsagePlace usage;
  // What it used over all models; only with limits of that. What the buckets' records say together
  // restores it, so it needs none of its own.
  std::unique_ptr<Meters> together;
  bool together_was_full = false;  // when its buckets were ranked last

  bool usable() const { return !active.empty(); }
  // Its bucket for a model; nullptr when there is none.
  Bucket* Find(std::uint32_t model_serial) const;
  void Insert(Bucket* bucket);
  void Erase(const Bucket* bucket);
};

// All keys and projects. A project without a key stays until Drop: Google still remembers what it
// used today. Not thread-safe.
class Roster {
 public:
  // The project with this id, made when it is not there.
  Project* GetOrMake(const ProjectId& id);
  Project* Find(const ProjectId& id) const;
  // Requires no key and no bucket in it.
  void Drop(Project* project);

  // Requires an id and a secret that are not there yet.
  KeyEntry* Add(KeyRecord record);
  void Remove(KeyEntry* key);
  // Returns whether the project became usable, or stopped to be.
  bool SetActive(KeyEntry* key, bool active);
  KeyEntry* Find(KeyId id) const;
  KeyEntry* Find(const Secret& secret) const;

  using Keys = absl::btree_map<KeyId, std::unique_ptr<KeyEntry>>;
  const Keys& keys() const { return keys_; }
  std::size_t active_keys() const { return active_keys_; }
  std::size_t projects_with_keys() const { return projects_with_keys_; }
  std::size_t usable_projects() const { return usable_projects_; }
  // Projects without a key, in no order that means anything, but always the same.
  const std::vector<Project*>& keyless() const { return keyless_; }

  // The usable projects in the order in which they became usable, with gaps (nullptr). A project
  // that stops to be usable leaves a gap and comes again at the end, so a cursor into it that only
  // moves on misses nobody: it finds the projects that a model has no bucket for without a list per
  // model.
  const std::vector<Project*>& order() const { return order_; }
  // The first usable project behind `id` in the order of ids; nullptr when there is none.
  Project* UsableAfter(std::string_view id) const;
  // True when the gaps are worth closing. CloseGaps moves the cursors along.
  bool HasManyGaps() const;
  void CloseGaps(absl::Span<std::size_t* const> cursors);

 private:
  void SetKeyless(Project* project);
  void ClearKeyless(Project* project);
  void SetUsable(Project* project);
  void ClearUsable(Project* project);

  struct ById {
    using is_transparent = void;
    static std::string_view Of(std::string_view id) { return id; }
    static std::string_view Of(const Project* project) { return project->id.value(); }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return Of(a) < Of(b);
    }
  };

  Keys keys_;
  absl::flat_hash_map<SecretDigest, KeyEntry*> by_secret_;
  absl::flat_hash_map<std::string, std::unique_ptr<Project>> projects_;
  std::vector<Project*> keyless_;
  std::vector<Project*> order_;
  absl::btree_set<Project*, ById> usable_by_id_;
  std::size_t gaps_ = 0;
  std::size_t active_keys_ = 0;
  std::size_t projects_with_keys_ = 0;
  std::size_t usable_projects_ = 0;
  std::uint32_t last_serial_ = 0;
};

}  // namespace keypool::policy
