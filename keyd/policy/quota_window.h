// How many requests, or tokens, were granted in the last minute, and when so many more fit.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/clock.h"

namespace keypool::policy {

// A sliding window. A charge weighs from its grant for `span` (a minute and the send-by time), so
// any 60 s of requests, each sent at most the send-by time after its grant, hold at most `limit`.
//
// Up to kExactLimitMax every grant keeps its own time. Above, grants within kSlotWidth share a slot
// that leaves when its newest grant does: never too early, at most kSlotWidth too late, and memory
// stays bounded whatever the limit. Not thread-safe.
class MinuteWindow {
 public:
  static constexpr std::int64_t kExactLimitMax = 64;
  static constexpr absl::Duration kSlotWidth = absl::Milliseconds(500);

  // Grants between `first` and `newest`; they leave together, `span` after `newest`.
  struct Slot {
    MonoTime first;
    MonoTime newest;
    std::int64_t count = 0;
  };

  // `limit` is at least 1.
  MinuteWindow(std::int64_t limit, absl::Duration span) : limit_(limit), span_(span) {}

  // Counts `count` grants at `at`. A time before the newest charge counts as the newest: later is
  // safe, earlier would not be. `apart`: begins a slot of its own.
  void Charge(MonoTime at, std::int64_t count = 1, bool apart = false);
  // Counts what is in slots of other windows, in any order, in a window that is empty. It leaves
  // when it does there, or as much later as a slot is wide; of grants in slots that overlapped,
  // Correct may meet the slot before theirs.
  void Fill(std::vector<Slot> slots);
  // Takes one grant charged at exactly `at` back. False when it has left already.
  bool Refund(MonoTime at) { return Correct(at, -1); }
  // The grant charged at exactly `at` weighs `by` more, or less: then no more than it was charged.
  // False when it has left already.
  bool Correct(MonoTime at, std::int64_t by);
  // Forgets what has left by `now`.
  void Expire(MonoTime now);
  void Clear();

  std::int64_t UsedAt(MonoTime now) const;
  // The first time from `now` on at which `count` more fit, at most `limit`.
  MonoTime ReadyAt(MonoTime now, std::int64_t count = 1) const;
  // When the oldest charge leaves; MonoTime::Max() when there is none.
  MonoTime NextLeave() const;

  std::int64_t limit() const { return limit_; }
  // At least 1. What was charged stays.
  void SetLimit(std::int64_t limit) { limit_ = limit; }
  // Oldest first.
  const std::vector<Slot>& slots() const { return slots_; }

 private:
  MonoTime LeavesAt(const Slot& slot) const { return slot.newest + span_; }

  std::int64_t limit_;
  absl::Duration span_;
  std::int64_t used_ = 0;    // sum over slots_
  std::vector<Slot> slots_;  // a few dozen at most, so that moving them up is cheaper than a ring
};

}  // namespace keypool::policy
