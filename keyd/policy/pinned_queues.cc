#include "keyd/policy/pinned_queues.h"

namespace keypool::policy {

HeldQueue* PinnedQueues::Find(const Model& model, const ProjectId& project) const {
  if (queues_.empty()) return nullptr;
  const auto found = queues_.find(Name(model.serial, project));
  return found == queues_.end() ? nullptr : found->second.get();
}

HeldQueue* PinnedQueues::GetOrMake(Model* model, const ProjectId& project, MonoTime due) {
  std::unique_ptr<HeldQueue>& queue = queues_[Name(model->serial, project)];
  if (!queue) {
    queue = std::make_unique<HeldQueue>();
    queue->model = model;
    queue->pin = project;
    queue->due = due;
    by_due_.insert({due, NameOf(*queue)});
    ++model->pinned_queues;
  }
  return queue.get();
}

void PinnedQueues::DropIfEmpty(HeldQueue* queue) {
  if (!queue->waiting.empty()) return;
  const Name name = NameOf(*queue);
  --queue->model->pinned_queues;
  by_due_.erase({queue->due, name});
  queues_.erase(name);
}

void PinnedQueues::SetDue(HeldQueue* queue, MonoTime due) {
  if (queue->due == due) return;
  by_due_.erase({queue->due, NameOf(*queue)});
  queue->due = due;
  by_due_.insert({due, NameOf(*queue)});
}

HeldQueue* PinnedQueues::NextInTurn() {
  auto next = queues_.upper_bound(turn_);
  if (next == queues_.end()) next = queues_.begin();
  turn_ = next->first;
  return next->second.get();
}

}  // namespace keypool::policy
