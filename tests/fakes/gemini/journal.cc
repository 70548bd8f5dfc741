#include "tests/fakes/gemini/journal.h"

#include <utility>

namespace keypool::fake {

std::string_view ToString(Ending ending) {
  switch (ending) {
    case Ending::kOpen:
      return "open";
    case Ending::kAnswered:
      return "answered";
    case Ending::kPeerClosed:
      return "peer_closed";
    case Ending::kCut:
      return "cut";
  }
  return "";
}

std::uint64_t Journal::Add(SeenRequest request) {
  request.number = ++total_;
  requests_.push_back(std::move(request));
  if (requests_.size() > requests_max_) requests_.pop_front();
  return total_;
}

SeenRequest* Journal::Find(std::uint64_t number) {
  if (requests_.empty() || number < requests_.front().number) return nullptr;
  const std::size_t index = number - requests_.front().number;
  return index < requests_.size() ? &requests_[index] : nullptr;
}

std::vector<SeenRequest> Journal::After(std::uint64_t number) const {
  std::vector<SeenRequest> found;
  for (const SeenRequest& request : requests_) {
    if (request.number > number) found.push_back(request);
  }
  return found;
}

void Journal::Clear() { requests_.clear(); }

}  // namespace keypool::fake
