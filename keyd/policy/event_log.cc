#include "keyd/policy/event_log.h"

#include <algorithm>
#include <utility>

namespace keypool::policy {
namespace {

// Events that are looked at for the same as a new one.
constexpr int kLookBack = 64;

// Of those it is the text alone that says whom they are about.
bool IsToldByText(EventKind kind) {
  return kind == EventKind::kClientsChanged || kind == EventKind::kAdminTokensChanged;
}

bool SameSubject(const PoolEvent& a, const PoolEvent& b) {
  return a.kind == b.kind && a.key == b.key && a.project == b.project && a.model == b.model &&
         a.row == b.row && (!IsToldByText(a.kind) || a.text == b.text);
}

}  // namespace

void EventLog::Add(PoolEvent event, absl::Time at) {
  int looked_at = 0;
  for (auto before = events_.rbegin(); before != events_.rend(); ++before) {
    // A wall clock that was set back makes an event of its own.
    const absl::Duration apart = at - before->at;
    if (++looked_at > kLookBack || apart >= kTogether || apart < absl::ZeroDuration()) break;
    if (!SameSubject(*before, event)) continue;
    ++before->count;
    before->last_at = at;
    before->text = std::move(event.text);
    before->until = event.until;
    return;
  }
  event.number = ++last_;
  event.at = event.last_at = at;
  event.count = 1;
  events_.push_back(std::move(event));
  if (events_.size() > max_) events_.pop_front();
}

std::vector<PoolEvent> EventLog::After(std::uint64_t after, std::size_t limit) const {
  auto first = std::upper_bound(events_.begin(), events_.end(), after,
                                [](std::uint64_t n, const PoolEvent& e) { return n < e.number; });
  const auto found = static_cast<std::size_t>(events_.end() - first);
  if (found > limit) first += static_cast<std::ptrdiff_t>(found - limit);
  return {first, events_.end()};
}

}  // namespace keypool::policy
