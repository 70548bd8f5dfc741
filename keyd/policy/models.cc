#include "keyd/policy/models.h"

#include <algorithm>
#include <utility>

#include "keyd/base/assert.h"
#include "keyd/base/status.h"
#include "keyd/policy/roster.h"

namespace keypool::policy {

void Model::Follow(const Moment& m) {
  if (day == m.today && clock == m.clock && m.mono < sweep_at) return;
  if (day != m.today) {
    if (day < m.today) used_today = day + 1 == m.today ? used_tomorrow : 0;
    used_tomorrow = 0;
    day = m.today;
    selector.BeginDay();
  }
  clock = m.clock;
  sweep_left = buckets.size();
  sweep_again = false;
  sweep_at = MonoTime::Max();
}

bool Model::IsIdle(const Moment& m) const {
  const bool used = used_today > 0 && day >= m.today;
  return metered && leases == 0 && held.waiting.empty() && pinned_queues == 0 && !used &&
         spent_day < m.today && busy_until <= m.mono;
}

Bucket* Model::Add(std::unique_ptr<Bucket> bucket) {
  Bucket* raw = bucket.get();
  raw->index = buckets.size();
  raw->project()->Insert(raw);
  buckets.push_back(std::move(bucket));
  return raw;
}

void Model::Remove(Bucket* bucket) {
  selector.Remove(bucket);
  bucket->project()->Erase(bucket);
  const std::size_t index = bucket->index;
  buckets.back()->index = index;
  std::swap(buckets[index], buckets.back());
  buckets.pop_back();
  sweep_left = std::min(sweep_left, buckets.size());
}

Models::Models(std::size_t max) : max_(max), unmetered_(std::make_unique<Model>()) {
  unmetered_->metered = false;
  unmetered_->serial = ++last_serial_;
  unmetered_->held.model = unmetered_.get();
  all_.push_back(unmetered_.get());
}

Model* Models::Find(std::string_view name) const {
  const auto found = by_name_.find(ToAbsl(name));
  return found == by_name_.end() ? nullptr : found->second.get();
}

Model* Models::Make(std::string_view name, const Moment& m, Mutations* mutations) {
  if (by_name_.size() >= max_) {
    Model* oldest = nullptr;
    for (Model* model : all_) {
      if (model->IsIdle(m) && (!oldest || model->last_used < oldest->last_used)) oldest = model;
    }
    if (!oldest) return nullptr;
    Evict(oldest, mutations);
  }
  return Insert(name, m);
}

bool Models::HasRoom(const Moment& m) const {
  return by_name_.size() < max_ || std::any_of(all_.begin(), all_.end(), [&m](const Model* model) {
           return model->IsIdle(m);
         });
}

Model* Models::MakeRestored(std::string_view name, const Moment& m) {
  return name.empty() ? unmetered() : Insert(name, m);
}

Model* Models::Insert(std::string_view name, const Moment& m) {
  auto model = std::make_unique<Model>();
  model->name = name;
  model->serial = ++last_serial_;
  model->day = m.today;
  model->clock = m.clock;
  Model* raw = model.get();
  raw->held.model = raw;
  by_name_.emplace(raw->name, std::move(model));
  all_.push_back(raw);
  return raw;
}

void Models::Evict(Model* model, Mutations* mutations) {
  model->evicted = true;
  for (const std::unique_ptr<Bucket>& bucket : model->buckets) bucket->Erase(mutations);
  std::erase(all_, model);
  auto node = by_name_.extract(model->name);
  evicted_.push_back(std::move(node.mapped()));
}

bool Models::FreeEvicted(std::size_t max_buckets) {
  while (!evicted_.empty()) {
    Model& model = *evicted_.back();
    while (!model.buckets.empty()) {
      if (max_buckets == 0) return true;
      --max_buckets;
      model.Remove(model.buckets.back().get());
    }
    evicted_.pop_back();
  }
  return false;
}

std::vector<std::size_t*> Models::FreshCursors() {
  std::vector<std::size_t*> cursors;
  cursors.reserve(all_.size());
  for (Model* model : all_) cursors.push_back(&model->fresh_at);
  return cursors;
}

}  // namespace keypool::policy
