// How a pool picks keys: ours, and those of others.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "tests/sim/rivals/google.h"

namespace keypool::sim {

// What every pool is told about its keys. Key k is of project k / keys_each.
struct Holdings {
  std::vector<policy::Limits> limits;  // of projects; only some pools make use of them
  std::size_t keys_each = 2;
  absl::TimeZone pacific;
  std::size_t keys() const { return limits.size() * keys_each; }
  std::size_t ProjectOf(std::size_t key) const { return key / keys_each; }
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual std::string name() const = 0;

  struct Pick {
    std::optional<std::size_t> key;  // none: not now
    std::uint64_t ticket = 0;        // for Report
    absl::Duration retry_after;      // with none; zero: not known
  };
  // `tried`: keys that this request was refused on.
  virtual Pick Choose(const std::vector<std::size_t>& tried, const Now& now) = 0;
  virtual void Report(const Pick& pick, const std::optional<Verdict429>& refused,
                      const Now& now) = 0;
};

// keyd's policy. With `knows_limits` the operator has told it the limits, else it has guessed far
// too high and learns them.
std::unique_ptr<Strategy> OurPool(const Holdings& holdings, const Now& now, bool knows_limits);
// One key after the other; after three failures in a row a key is out for an hour.
std::unique_ptr<Strategy> RoundRobinWithFailureCount(const Holdings& holdings);
// Any key.
std::unique_ptr<Strategy> RandomKey(const Holdings& holdings, std::uint64_t seed);
// One key after the other; after a 429 a key rests for a minute.
std::unique_ptr<Strategy> CooldownOnly(const Holdings& holdings);
// Counts each key by itself, by clock minutes and by days that begin at 08:00 UTC, against limits
// that it knows; the key with most left of its day.
std::unique_ptr<Strategy> PerKeyCount(const Holdings& holdings);

}  // namespace keypool::sim
