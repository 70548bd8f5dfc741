// Which project the things live in that requests name: files, caches, batches and the like.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/time/time.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

// At most `max` names. Every change is O(log n) and written whole. A name can exist in two
// projects, because callers choose some names themselves: then the newest word wins. Not
// thread-safe.
class ResourceTable {
 public:
  // What is told again expires a little later each time, by the way it took; less than this is not
  // worth a record.
  static constexpr absl::Duration kSameExpiry = absl::Seconds(1);

  explicit ResourceTable(std::size_t max) : max_(max) {}

  // From the store, in any order: what has expired is dropped, and beyond the bound what expires
  // first.
  void Restore(ResourceRecord record, absl::Time now, Mutations* mutations);

  // Told again by the same project, the later expiry holds; whose it is stays, and what is another
  // client's cannot be taken from it by a project that has one of that name too. Beyond the bound,
  // the one of those there that expires first is forgotten.
  struct Place {
    ProjectId project;
    absl::Time expires;
    std::string client = {};
  };
  // As Place says. `now`: what has expired is nobody's any more.
  void Learn(std::string_view name, Place place, absl::Time now, Mutations* mutations);
  // Unless it lives in another project.
  void Forget(std::string_view name, const ProjectId& project, Mutations* mutations);
  // Forgets what has expired, at most `*budget`, which it takes from it.
  void Expire(absl::Time now, int* budget, Mutations* mutations);

  // nullptr when it is not known. Valid until the next change.
  const Place* Find(std::string_view name, absl::Time now) const;
  const ProjectId* OwnerOf(std::string_view name, absl::Time now) const {
    const Place* const place = Find(name, now);
    return place == nullptr ? nullptr : &place->project;
  }
  bool empty() const { return by_name_.empty(); }
  std::size_t size() const { return by_name_.size(); }

 private:
  using ByName = absl::node_hash_map<std::string, Place>;  // its keys do not move

  void Insert(ResourceRecord record);
  void Erase(ByName::iterator at, Mutations* mutations);
  void EraseFirst(Mutations* mutations);

  std::size_t max_;
  ByName by_name_;
  absl::btree_set<std::pair<absl::Time, std::string_view>> by_expiry_;  // names of by_name_
};

}  // namespace keypool::policy
