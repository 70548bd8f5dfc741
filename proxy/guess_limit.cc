#include "proxy/guess_limit.h"

#include <iterator>
#include <utility>

#include "proxy/connection_caps.h"

namespace keypool::proxy {

absl::Duration GuessLimit::WaitOf(std::string_view address, MonoTime now) {
  MutexLock lock(&mutex_);
  ForgetOld(now);
  const auto found = by_address_.find(CountedAddress(address));
  if (found == by_address_.end()) return absl::ZeroDuration();
  const std::deque<MonoTime>& at = found->second->at;
  if (at.size() < kGuessesMax || at.front() + kWithin <= now) return absl::ZeroDuration();
  return at.front() + kWithin - now;
}

void GuessLimit::Count(std::string_view address, MonoTime now) {
  MutexLock lock(&mutex_);
  ForgetOld(now);
  std::string counted = CountedAddress(address);
  const auto found = by_address_.find(counted);
  if (found != by_address_.end()) {
    guesses_.splice(guesses_.end(), guesses_, found->second);
  } else {
    if (guesses_.size() == kAddressesMax) ForgetFirst();
    guesses_.push_back({counted, {}});
    by_address_.emplace(std::move(counted), std::prev(guesses_.end()));
  }
  std::deque<MonoTime>& at = guesses_.back().at;
  if (at.size() == kGuessesMax) at.pop_front();
  at.push_back(now);
}

std::size_t GuessLimit::addresses() const {
  MutexLock lock(&mutex_);
  return guesses_.size();
}

void GuessLimit::ForgetOld(MonoTime now) {
  while (!guesses_.empty() && guesses_.front().at.back() + kWithin <= now) ForgetFirst();
}

void GuessLimit::ForgetFirst() {
  by_address_.erase(guesses_.front().address);
  guesses_.pop_front();
}

}  // namespace keypool::proxy
