#include "keyd/policy/roster.h"

#include <algorithm>
#include <utility>

#include "keyd/base/assert.h"
#include "keyd/policy/bucket.h"
#include "keyd/policy/models.h"

namespace keypool::policy {
namespace {
constexpr std::size_t kGapsMin = 1024;

auto LowerBound(const std::vector<Bucket*>& buckets, std::uint32_t model_serial) {
  return std::lower_bound(
      buckets.begin(), buckets.end(), model_serial,
      [](const Bucket* b, std::uint32_t serial) { return b->model()->serial < serial; });
}
}  // namespace

void Rotation::List::Append(KeyEntry* key) {
  key->previous = back;
  key->next = nullptr;
  (back ? back->next : front) = key;
  back = key;
}

void Rotation::List::Prepend(KeyEntry* key) {
  key->previous = nullptr;
  key->next = front;
  (front ? front->previous : back) = key;
  front = key;
}

void Rotation::List::Unlink(KeyEntry* key) {
  (key->previous ? key->previous->next : front) = key->next;
  (key->next ? key->next->previous : back) = key->previous;
  key->previous = key->next = nullptr;
}

KeyEntry* Rotation::List::FirstExcept(absl::Span<const KeyId> excluded) const {
  KeyEntry* key = front;
  while (key && std::find(excluded.begin(), excluded.end(), key->record.id) != excluded.end()) {
    key = key->next;
  }
  return key;
}

// A key that was disabled for a while was used longer ago than those that were not.
void Rotation::Add(KeyEntry* key) { key->last_used_at ? used_.Prepend(key) : unused_.Append(key); }

void Rotation::Remove(KeyEntry* key) { (key->last_used_at ? used_ : unused_).Unlink(key); }

void Rotation::Used(KeyEntry* key, absl::Time at) {
  Remove(key);
  key->last_used_at = at;
  used_.Append(key);
}

KeyEntry* Rotation::FirstExcept(absl::Span<const KeyId> excluded) const {
  KeyEntry* unused = unused_.FirstExcept(excluded);
  return unused ? unused : used_.FirstExcept(excluded);
}

Bucket* Project::Find(std::uint32_t model_serial) const {
  const auto found = LowerBound(buckets, model_serial);
  return found != buckets.end() && (*found)->model()->serial == model_serial ? *found : nullptr;
}

void Project::Insert(Bucket* bucket) {
  buckets.insert(LowerBound(buckets, bucket->model()->serial), bucket);
}

void Project::Erase(const Bucket* bucket) {
  const auto found = LowerBound(buckets, bucket->model()->serial);
  KP_ASSERT(found != buckets.end() && *found == bucket);
  buckets.erase(found);
}

Project* Roster::GetOrMake(const ProjectId& id) {
  std::unique_ptr<Project>& project = projects_[id.value()];
  if (!project) {
    project = std::make_unique<Project>();
    project->id = id;
    project->serial = ++last_serial_;
    SetKeyless(project.get());
  }
  return project.get();
}

Project* Roster::Find(const ProjectId& id) const {
  const auto found = projects_.find(id.value());
  return found == projects_.end() ? nullptr : found->second.get();
}

void Roster::Drop(Project* project) {
  KP_ASSERT(project->keys == 0 && project->buckets.empty());
  ClearKeyless(project);
  projects_.erase(std::string(project->id.value()));
}

KeyEntry* Roster::Add(KeyRecord record) {
  auto key = std::make_unique<KeyEntry>();
  KeyEntry* raw = key.get();
  raw->record = std::move(record);
  raw->project = GetOrMake(raw->record.project);
  const bool inserted = by_secret_.emplace(policy::DigestOf(*raw->record.secret), raw).second &&
                        keys_.emplace(raw->record.id, std::move(key)).second;
  KP_ASSERT(inserted);
  if (raw->project->keys++ == 0) {
    ClearKeyless(raw->project);
    ++projects_with_keys_;
  }
  if (raw->record.active) {
    ++active_keys_;
    if (!raw->project->usable()) SetUsable(raw->project);
    raw->project->active.Add(raw);
  }
  return raw;
}

void Roster::Remove(KeyEntry* key) {
  if (key->record.active) SetActive(key, false);
  if (--key->project->keys == 0) {
    SetKeyless(key->project);
    --projects_with_keys_;
  }
  by_secret_.erase(policy::DigestOf(*key->record.secret));
  keys_.erase(key->record.id);
}

bool Roster::SetActive(KeyEntry* key, bool active) {
  if (key->record.active == active) return false;
  key->record.active = active;
  Project* project = key->project;
  const bool was_usable = project->usable();
  if (active) {
    ++active_keys_;
    project->active.Add(key);
    if (!was_usable) SetUsable(project);
  } else {
    --active_keys_;
    project->active.Remove(key);
    if (!project->usable()) ClearUsable(project);
  }
  return was_usable != project->usable();
}

KeyEntry* Roster::Find(KeyId id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : found->second.get();
}

KeyEntry* Roster::Find(const Secret& secret) const {
  const auto found = by_secret_.find(policy::DigestOf(secret));
  if (found == by_secret_.end()) return nullptr;
  return *found->second->record.secret == secret ? found->second : nullptr;
}

bool Roster::HasManyGaps() const { return gaps_ >= kGapsMin && gaps_ * 2 > order_.size(); }

void Roster::CloseGaps(absl::Span<std::size_t* const> cursors) {
  std::vector<std::size_t> kept_before(order_.size() + 1, 0);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    kept_before[i] = kept;
    if (Project* project = order_[i]) {
      project->order_at = kept;
      order_[kept++] = project;
    }
  }
  kept_before[order_.size()] = kept;
  for (std::size_t* cursor : cursors) *cursor = kept_before[*cursor];
  order_.resize(kept);
  gaps_ = 0;
}

Project* Roster::UsableAfter(std::string_view id) const {
  const auto next = usable_by_id_.upper_bound(id);
  return next == usable_by_id_.end() ? nullptr : *next;
}

void Roster::SetKeyless(Project* project) {
  project->keyless_at = keyless_.size();
  keyless_.push_back(project);
}

void Roster::ClearKeyless(Project* project) {
  keyless_.back()->keyless_at = project->keyless_at;
  std::swap(keyless_[project->keyless_at], keyless_.back());
  keyless_.pop_back();
}

void Roster::SetUsable(Project* project) {
  ++usable_projects_;
  project->order_at = order_.size();
  order_.push_back(project);
  usable_by_id_.insert(project);
}

void Roster::ClearUsable(Project* project) {
  --usable_projects_;
  usable_by_id_.erase(project);
  order_[project->order_at] = nullptr;
  project->order_at = Project::kNotInOrder;
  ++gaps_;
}

}  // namespace keypool::policy
