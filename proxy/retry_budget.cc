#include "proxy/retry_budget.h"

#include <algorithm>

namespace keypool::proxy {

RetryBudget::Slot& RetryBudget::SlotAt(MonoTime now) {
  const std::int64_t number = now.nanoseconds() / absl::ToInt64Nanoseconds(kSlot);
  Slot& slot = slots_[static_cast<std::size_t>(number) % kSlots];
  if (slot.number != number) slot = {number, 0, 0};
  return slot;
}

bool RetryBudget::Take(MonoTime now) {
  Slot& present = SlotAt(now);
  std::int64_t requests = 0, retries = 0;
  for (const Slot& slot : slots_) {
    if (slot.number + static_cast<std::int64_t>(kSlots) <= present.number) continue;
    requests += slot.requests;
    retries += slot.retries;
  }
  if (retries >= std::max(kAlways, requests * kPercent / 100)) return false;
  ++present.retries;
  return true;
}

}  // namespace keypool::proxy
