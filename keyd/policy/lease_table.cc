#include "keyd/policy/lease_table.h"

#include <utility>

#include "keyd/base/assert.h"

namespace keypool::policy {

bool LeaseTable::MakeRoom(std::optional<Lease>* forgotten) {
  if (open_.size + late_.size < options_.max) return true;
  if (late_.size == 0) return false;
  *forgotten = Take(late_.front);
  return true;
}

LeaseId LeaseTable::Grant(Lease lease, MonoTime now) {
  KP_ASSERT(open_.size + late_.size < options_.max);
  lease.id = LeaseId{++last_id_};
  lease.granted_at = now;
  std::uint32_t at = free_;
  if (at == kNone) {
    at = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    free_ = entries_[at].next;
  }
  entries_[at] = {std::move(lease)};
  by_id_.emplace(last_id_, at);
  Append(open_, at);
  return LeaseId{last_id_};
}

std::optional<LeaseTable::Ended> LeaseTable::End(LeaseId id, MonoTime now) {
  const auto found = by_id_.find(id.value());
  if (found == by_id_.end()) return std::nullopt;
  const Entry& entry = entries_[found->second];
  // Judged by time, not by whether ExpireOne has come to it yet.
  const bool late = ExpiresAt(entry) <= now;
  return Ended{Take(found->second), late};
}

LeaseTable::Step LeaseTable::ExpireOne(MonoTime now) {
  if (open_.size > 0 && ExpiresAt(entries_[open_.front]) <= now) {
    const std::uint32_t at = open_.front;
    Unlink(open_, at);
    entries_[at].expired = true;
    Append(late_, at);
    return {.progressed = true, .forgotten = std::nullopt};
  }
  if (late_.size > 0 && ForgottenAt(entries_[late_.front]) <= now) {
    return {.progressed = true, .forgotten = Take(late_.front)};
  }
  return {};
}

MonoTime LeaseTable::NextExpiry() const {
  return open_.size == 0 ? MonoTime::Max() : ExpiresAt(entries_[open_.front]);
}

void LeaseTable::Append(List& list, std::uint32_t at) {
  Entry& entry = entries_[at];
  entry.previous = list.back;
  entry.next = kNone;
  (list.back == kNone ? list.front : entries_[list.back].next) = at;
  list.back = at;
  ++list.size;
}

void LeaseTable::Unlink(List& list, std::uint32_t at) {
  Entry& entry = entries_[at];
  (entry.previous == kNone ? list.front : entries_[entry.previous].next) = entry.next;
  (entry.next == kNone ? list.back : entries_[entry.next].previous) = entry.previous;
  --list.size;
}

Lease LeaseTable::Take(std::uint32_t at) {
  Entry& entry = entries_[at];
  Unlink(entry.expired ? late_ : open_, at);
  by_id_.erase(entry.lease.id.value());
  entry.next = free_;
  free_ = at;
  return std::move(entry.lease);
}

}  // namespace keypool::policy
