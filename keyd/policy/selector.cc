#include "keyd/policy/selector.h"

#include <utility>

#include "keyd/policy/bucket.h"

namespace keypool::policy {

void Selector::Put(Bucket* bucket, const Standing& standing, std::uint64_t last_used,
                   std::uint32_t serial) {
  using Where = Place::Where;
  const Rank rank = Rank::Of(standing.left_today, standing.left_this_minute, last_used, serial);
  Place& place = bucket->place;
  const bool counted = place.where != Where::kNowhere && place.capacity == standing.capacity;
  if (!counted && place.where != Where::kNowhere) Remove(bucket);
  if (!counted) ++capacities_[standing.capacity];
  if (standing.kind == Standing::Kind::kReady) {
    if (place.where != Where::kReady) {
      Unlink(bucket);
      ready_.insert({rank, bucket});
      by_room_.insert({standing.room, serial, bucket});
      if (standing.at != MonoTime::Max()) improving_.insert({standing.at, serial, bucket});
    } else {
      if (place.rank != rank) {
        ready_.erase({place.rank, bucket});
        ready_.insert({rank, bucket});
      }
      if (place.room != standing.room) {
        by_room_.erase({place.room, serial, bucket});
        by_room_.insert({standing.room, serial, bucket});
      }
      if (place.at != standing.at) {
        if (place.at != MonoTime::Max()) improving_.erase({place.at, serial, bucket});
        if (standing.at != MonoTime::Max()) improving_.insert({standing.at, serial, bucket});
      }
    }
    place = {Where::kReady, rank, standing.at, standing.room, standing.capacity};
    return;
  }
  Unlink(bucket);
  const bool waiting = standing.kind == Standing::Kind::kWaiting;
  (waiting ? waiting_ : spent_).insert({standing.at, serial, bucket});
  place = {waiting ? Where::kWaiting : Where::kSpent, rank, standing.at, standing.room,
           standing.capacity};
}

void Selector::Remove(Bucket* bucket) {
  if (bucket->place.where == Place::Where::kNowhere) return;
  const auto counted = capacities_.find(bucket->place.capacity);
  if (--counted->second == 0) capacities_.erase(counted);
  Unlink(bucket);
}

void Selector::Unlink(Bucket* bucket) {
  Place& place = bucket->place;
  const TimeEntry entry{place.at, place.rank.serial, bucket};
  switch (std::exchange(place.where, Place::Where::kNowhere)) {
    case Place::Where::kNowhere:
      break;
    case Place::Where::kReady:
      ready_.erase({place.rank, bucket});
      by_room_.erase({place.room, place.rank.serial, bucket});
      if (place.at != MonoTime::Max()) improving_.erase(entry);
      break;
    case Place::Where::kWaiting:
      waiting_.erase(entry);
      break;
    case Place::Where::kSpent:
      if (spent_.erase(entry) == 0) spent_before_.erase(entry);
      break;
  }
}

Bucket* Selector::DueWaiting(MonoTime now) const {
  if (!waiting_.empty() && waiting_.begin()->at <= now) return waiting_.begin()->bucket;
  if (!spent_before_.empty()) return spent_before_.begin()->bucket;
  return nullptr;
}

Bucket* Selector::DueReady(MonoTime now) const {
  if (improving_.empty() || improving_.begin()->at > now) return nullptr;
  return improving_.begin()->bucket;
}

void Selector::BeginDay() {
  if (spent_before_.empty()) {
    spent_before_.swap(spent_);
    return;
  }
  spent_before_.insert(spent_.begin(),
                       spent_.end());  // a day turned before the last was worked off
  spent_.clear();
}

}  // namespace keypool::policy
