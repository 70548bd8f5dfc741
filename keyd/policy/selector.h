// Which bucket of one model comes next, and which wait for what. O(log n).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "keyd/base/clock.h"
#include "keyd/policy/meter.h"

namespace keypool::policy {

class Bucket;

// How a bucket stands at a moment.
struct Standing {
  enum class Kind : std::uint8_t {
    kReady,    // can take a request now; `at`: when its minute gives something back
    kWaiting,  // can take one at `at`: the minute is full, or it cools
    kSpent     // out of quota today; `at`: when it could, but for the day
  };
  Kind kind = Kind::kReady;
  MonoTime at;
  std::int64_t left_today = 0;  // of requests
  std::int64_t left_this_minute = 0;
  std::int64_t room = 0;  // input tokens that it can take now
  Capacity capacity = {};
};

// The order of choice: most left today, then this minute, then least recently used, then the order
// in which projects came. Smaller is better.
struct Rank {
  std::int64_t used_today = 0;        // negated "left", so that the default order is ours
  std::int64_t used_this_minute = 0;  // likewise
  std::uint64_t last_used = 0;
  std::uint32_t serial = 0;  // of the project: unique within a model

  static Rank Of(std::int64_t left_today, std::int64_t left_this_minute, std::uint64_t last_used,
                 std::uint32_t serial) {
    return {-left_today, -left_this_minute, last_used, serial};
  }
  friend auto operator<=>(const Rank&, const Rank&) = default;
};

// Where the selector keeps a bucket. Only the selector writes it.
struct Place {
  enum class Where : std::uint8_t { kNowhere, kReady, kWaiting, kSpent };
  Where where = Where::kNowhere;
  Rank rank;
  MonoTime at;
  std::int64_t room = 0;
  Capacity capacity = {};
};

// The buckets of one model whose projects have an active key. It holds what it was told last: a
// bucket moves when Put is called again, which Due* says when to do. What is due only ever improves
// a bucket, so one that is still held as ready can take a request. Not thread-safe.
class Selector {
 public:
  struct ReadyEntry {
    Rank rank;
    Bucket* bucket;
    friend bool operator<(const ReadyEntry& a, const ReadyEntry& b) { return a.rank < b.rank; }
  };
  using Ready = absl::btree_set<ReadyEntry>;
  struct RoomEntry {
    std::int64_t room;
    std::uint32_t serial;
    Bucket* bucket;
    friend bool operator<(const RoomEntry& a, const RoomEntry& b) {
      return a.room != b.room ? a.room > b.room : a.serial < b.serial;
    }
  };
  using ByRoom = absl::btree_set<RoomEntry>;

  // `last_used` and `serial` as in Rank.
  void Put(Bucket* bucket, const Standing& standing, std::uint64_t last_used, std::uint32_t serial);
  void Remove(Bucket* bucket);

  // Best first.
  const Ready& ready() const { return ready_; }
  // The same buckets, most room for tokens first.
  const ByRoom& by_room() const { return by_room_; }
  // The largest that a single request may ever be for one of the buckets; 0 tokens when there is
  // none.
  Capacity Largest() const {
    return capacities_.empty() ? Capacity{} : capacities_.rbegin()->first;
  }

  // A bucket that waits no more at `now`, or that was spent on an earlier day; nullptr when none.
  Bucket* DueWaiting(MonoTime now) const;
  // A ready bucket whose minute has given something back by `now`, so that it ranks better now.
  Bucket* DueReady(MonoTime now) const;
  // Hands out what DueWaiting and DueReady would hand out one after the other, at most `max`.
  // `day_turned`: since BeginDay, so those who are spent are due as well.
  template <class F>
  void EachDue(MonoTime now, bool day_turned, int max, F f) const {
    for (const ByTime* due : {&waiting_, &improving_, &spent_before_, &spent_}) {
      const bool by_time = due == &waiting_ || due == &improving_;
      if (due == &spent_ && !day_turned) break;
      for (const TimeEntry& entry : *due) {
        if (max <= 0 || (by_time && entry.at > now)) break;
        --max;
        f(*entry.bucket);
      }
    }
  }
  // The day turned: those who are spent are due.
  void BeginDay();

  std::size_t spent() const { return spent_.size() + spent_before_.size(); }

  struct TimeEntry {
    MonoTime at;
    std::uint32_t serial;
    Bucket* bucket;
    friend bool operator<(const TimeEntry& a, const TimeEntry& b) {
      return a.at != b.at ? a.at < b.at : a.serial < b.serial;
    }
  };
  using ByTime = absl::btree_set<TimeEntry>;
  // By the time at which they can take a request; of the spent ones, but for the day.
  const ByTime& waiting() const { return waiting_; }
  const ByTime& spent_ones() const { return spent_; }

 private:
  // Takes it out, but for its capacity.
  void Unlink(Bucket* bucket);

  Ready ready_;
  ByRoom by_room_;
  absl::btree_map<Capacity, std::size_t> capacities_;  // of all buckets here, with their number
  ByTime improving_;                                   // ready ones with something in their minute
  ByTime waiting_;                                     // by the time they can take a request
  ByTime spent_;                                       // by the time they could, but for the day
  ByTime spent_before_;                                // those of spent_ when the day turned
};

}  // namespace keypool::policy
