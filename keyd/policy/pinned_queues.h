// Who waits for one project of a model: a queue for each such pair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "keyd/base/clock.h"
#include "keyd/base/ids.h"
#include "keyd/policy/models.h"

namespace keypool::policy {

// The queues with somebody in them, by the time at which they are due, and in turn. O(log n). Not
// thread-safe.
class PinnedQueues {
 public:
  // nullptr when nobody waits there.
  HeldQueue* Find(const Model& model, const ProjectId& project) const;
  // Its model is not idle until the queue is dropped.
  HeldQueue* GetOrMake(Model* model, const ProjectId& project, MonoTime due);
  void DropIfEmpty(HeldQueue* queue);
  void SetDue(HeldQueue* queue, MonoTime due);

  std::size_t size() const { return queues_.size(); }
  // When the first of them is due; Max when there is none.
  MonoTime NextDue() const { return by_due_.empty() ? MonoTime::Max() : by_due_.begin()->first; }
  // The one that is due first. Requires that there is one.
  HeldQueue* FirstDue() const { return queues_.at(by_due_.begin()->second).get(); }
  // Each of them in turn, whenever it is due. Requires that there is one.
  HeldQueue* NextInTurn();

 private:
  using Name = std::pair<std::uint32_t, ProjectId>;  // of a model by its serial

  static Name NameOf(const HeldQueue& queue) { return {queue.model->serial, queue.pin}; }

  absl::btree_map<Name, std::unique_ptr<HeldQueue>> queues_;
  absl::btree_set<std::pair<MonoTime, Name>> by_due_;
  Name turn_;  // the last that had one
};

}  // namespace keypool::policy
