#include "keyd/policy/wait_queue.h"

#include <algorithm>
#include <utility>

#include "keyd/base/assert.h"

namespace keypool::policy {

void WaitQueue::Add(Waiting waiting) {
  const std::string& client = waiting.command.client;
  auto at = by_client_.find(client);
  if (at == by_client_.end()) {
    at = by_client_
             .emplace(client, lines_.insert(lines_.end(), Line{.client = client, .waiting = {}}))
             .first;
  }
  at->second->weight = waiting.weight;
  at->second->waiting.push_back(std::move(waiting));
  ++size_;
}

Waiting WaitQueue::Serve(Lines::iterator line) {
  if (++line->served >= line->weight) PassBy(line);
  return Take(line, line->waiting.begin());
}

WaitQueue::Lines::iterator WaitQueue::PassBy(Lines::iterator line) {
  line->served = 0;
  const Lines::iterator next = std::next(line);
  lines_.splice(lines_.end(), lines_, line);
  return next;
}

Waiting WaitQueue::Remove(const std::string& client, std::uint64_t ticket) {
  const Lines::iterator line = by_client_.at(client);
  const auto at = std::find_if(line->waiting.begin(), line->waiting.end(),
                               [ticket](const Waiting& w) { return w.ticket == ticket; });
  KP_ASSERT(at != line->waiting.end());
  return Take(line, at);
}

Waiting WaitQueue::Take(Lines::iterator line, std::list<Waiting>::iterator at) {
  Waiting taken = std::move(*at);
  line->waiting.erase(at);
  if (line->waiting.empty()) {
    by_client_.erase(line->client);
    lines_.erase(line);
  }
  --size_;
  return taken;
}

}  // namespace keypool::policy
