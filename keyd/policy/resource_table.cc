#include "keyd/policy/resource_table.h"

#include <utility>

#include "keyd/base/status.h"

namespace keypool::policy {

void ResourceTable::Restore(ResourceRecord record, absl::Time now, Mutations* mutations) {
  if (record.expires <= now) {
    mutations->push_back(DeleteResource{std::move(record.name)});
    return;
  }
  Insert(std::move(record));
  if (by_name_.size() > max_) EraseFirst(mutations);
}

void ResourceTable::Learn(std::string_view name, Place place, absl::Time now,
                          Mutations* mutations) {
  if (max_ == 0) return;
  const auto known = by_name_.find(ToAbsl(name));
  if (known != by_name_.end()) {
    Place& was = known->second;
    if (was.expires > now) {
      if (was.client != place.client && was.project != place.project && !was.client.empty()) return;
      place.client = was.client;
    }
    if (was.project == place.project && was.client == place.client &&
        place.expires < was.expires + kSameExpiry) {
      return;
    }
    by_expiry_.erase({was.expires, known->first});
    was = std::move(place);
    by_expiry_.insert({was.expires, known->first});
    mutations->push_back(ResourceRecord{known->first, was.project, was.expires, was.client});
    return;
  }
  if (by_name_.size() >= max_) EraseFirst(mutations);
  ResourceRecord record = {std::string(name), std::move(place.project), place.expires,
                           std::move(place.client)};
  mutations->push_back(record);
  Insert(std::move(record));
}

void ResourceTable::Forget(std::string_view name, const ProjectId& project, Mutations* mutations) {
  const auto known = by_name_.find(ToAbsl(name));
  if (known != by_name_.end() && known->second.project == project) Erase(known, mutations);
}

void ResourceTable::Expire(absl::Time now, int* budget, Mutations* mutations) {
  for (; *budget > 0 && !by_expiry_.empty() && by_expiry_.begin()->first <= now; --*budget) {
    EraseFirst(mutations);
  }
}

const ResourceTable::Place* ResourceTable::Find(std::string_view name, absl::Time now) const {
  const auto known = by_name_.find(ToAbsl(name));
  if (known == by_name_.end() || known->second.expires <= now) return nullptr;
  return &known->second;
}

void ResourceTable::Insert(ResourceRecord record) {
  const auto [at, inserted] = by_name_.try_emplace(
      std::move(record.name),
      Place{std::move(record.project), record.expires, std::move(record.client)});
  if (inserted) by_expiry_.insert({record.expires, at->first});
}

void ResourceTable::Erase(ByName::iterator at, Mutations* mutations) {
  by_expiry_.erase({at->second.expires, at->first});
  mutations->push_back(DeleteResource{at->first});
  by_name_.erase(at);
}

void ResourceTable::EraseFirst(Mutations* mutations) {
  Erase(by_name_.find(ToAbsl(by_expiry_.begin()->second)), mutations);
}

}  // namespace keypool::policy
