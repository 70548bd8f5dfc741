// How many wrong admin tokens one address may show.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "keyd/base/mutex.h"

namespace keypool::proxy {

// Any minute holds at most kGuessesMax of an address, but for those that are judged at the same
// time. Addresses count as in connection_caps.h. Thread-safe; O(1); bounded: when there are too
// many addresses, the one whose last guess is the oldest is forgotten.
class GuessLimit {
 public:
  static constexpr std::size_t kGuessesMax = 10;
  static constexpr absl::Duration kWithin = absl::Minutes(1);
  static constexpr std::size_t kAddressesMax = 10'000;

  // How long the address has to wait before it may show another token; zero: it need not.
  absl::Duration WaitOf(std::string_view address, MonoTime now);
  // It has shown a wrong one.
  void Count(std::string_view address, MonoTime now);
  std::size_t addresses() const;

 private:
  struct Guesses {
    std::string address;
    std::deque<MonoTime> at;  // the oldest first; at most kGuessesMax
  };
  void ForgetOld(MonoTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::list<Guesses> guesses_ ABSL_GUARDED_BY(mutex_);  // by the last guess, the oldest first
  absl::flat_hash_map<std::string, std::list<Guesses>::iterator> by_address_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace keypool::proxy
