// The keys that rest, by the end of their rest: of all, and of one project.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/container/btree_set.h"
#include "keyd/base/clock.h"
#include "keyd/policy/roster.h"

namespace keypool::policy {

// By KeyEntry::rests_until, which must not change while a key is here. Not thread-safe.
class RestingKeys {
 public:
  using All = absl::btree_set<std::pair<MonoTime, KeyId>>;

  void Add(const KeyEntry& key) {
    all_.insert({key.rests_until, key.record.id});
    by_project_.insert({key.project->serial, key.rests_until, key.record.id});
  }
  void Remove(const KeyEntry& key) {
    all_.erase({key.rests_until, key.record.id});
    by_project_.erase({key.project->serial, key.rests_until, key.record.id});
  }

  // The first to come back first.
  const All& all() const { return all_; }
  // When the first one comes back; nothing when none rests.
  std::optional<MonoTime> First() const {
    if (all_.empty()) return std::nullopt;
    return all_.begin()->first;
  }
  std::optional<MonoTime> FirstOf(const Project& project) const {
    const auto first =
        by_project_.lower_bound({project.serial, MonoTime::FromNanoseconds(INT64_MIN), KeyId{}});
    if (first == by_project_.end() || std::get<0>(*first) != project.serial) return std::nullopt;
    return std::get<1>(*first);
  }

 private:
  All all_;
  absl::btree_set<std::tuple<std::uint32_t, MonoTime, KeyId>> by_project_;  // by its serial
};

}  // namespace keypool::policy
