#include "keyd/policy/quota_window.h"

#include <algorithm>

namespace keypool::policy {
namespace {
constexpr std::int64_t kSlotsFirst = 8;
}

void MinuteWindow::Charge(MonoTime at, std::int64_t count, bool apart) {
  used_ += count;
  if (!slots_.empty()) {
    Slot& last = slots_.back();
    at = std::max(at, last.newest);
    const bool shares = limit_ > kExactLimitMax ? at - last.first < kSlotWidth : at == last.newest;
    if (shares && (!apart || at == last.newest)) {
      last.newest = at;
      last.count += count;
      return;
    }
  }
  // In one piece: growing from one slot up leaves small holes in the heap, which 100,000 windows
  // later are merged in one call, for milliseconds.
  if (slots_.capacity() == 0)
    slots_.reserve(static_cast<std::size_t>(std::min(limit_, kSlotsFirst)));
  slots_.push_back({at, at, count});
}

void MinuteWindow::Fill(std::vector<Slot> slots) {
  std::sort(slots.begin(), slots.end(),
            [](const Slot& a, const Slot& b) { return a.newest < b.newest; });
  for (const Slot& slot : slots) {
    used_ += slot.count;
    MonoTime first = slot.first;
    if (!slots_.empty()) {
      Slot& last = slots_.back();
      if (slot.newest == last.newest ||
          (limit_ > kExactLimitMax && slot.newest - last.first < kSlotWidth)) {
        last.newest = slot.newest;
        last.count += slot.count;
        continue;
      }
      first = std::max(first, last.newest + absl::Nanoseconds(1));
    }
    slots_.push_back({first, slot.newest, slot.count});
  }
}

bool MinuteWindow::Correct(MonoTime at, std::int64_t by) {
  // The slots' ranges are disjoint and ascend.
  const auto slot = std::lower_bound(slots_.begin(), slots_.end(), at,
                                     [](const Slot& s, MonoTime t) { return s.newest < t; });
  if (slot == slots_.end() || slot->first > at) return false;
  by = std::max(by, -slot->count);
  used_ += by;
  slot->count += by;
  if (slot->count == 0) slots_.erase(slot);
  return true;
}

void MinuteWindow::Expire(MonoTime now) {
  auto keep = slots_.begin();
  for (; keep != slots_.end() && LeavesAt(*keep) <= now; ++keep) used_ -= keep->count;
  slots_.erase(slots_.begin(), keep);
}

void MinuteWindow::Clear() {
  used_ = 0;
  slots_.clear();
}

std::int64_t MinuteWindow::UsedAt(MonoTime now) const {
  std::int64_t used = used_;
  for (const Slot& slot : slots_) {
    if (LeavesAt(slot) > now) break;
    used -= slot.count;
  }
  return used;
}

MonoTime MinuteWindow::ReadyAt(MonoTime now, std::int64_t count) const {
  MonoTime ready = now;
  std::int64_t used = used_;
  for (const Slot& slot : slots_) {
    if (used <= limit_ - count) break;
    used -= slot.count;
    ready = std::max(now, LeavesAt(slot));
  }
  return ready;
}

MonoTime MinuteWindow::NextLeave() const {
  return slots_.empty() ? MonoTime::Max() : LeavesAt(slots_.front());
}

}  // namespace keypool::policy
