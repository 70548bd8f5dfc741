#include <algorithm>
#include <random>

#include "tests/sim/rivals/strategy.h"

namespace keypool::sim {
namespace {

bool IsIn(const std::vector<std::size_t>& keys, std::size_t key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// One key after the other, without those that rest.
class Rotation : public Strategy {
 public:
  explicit Rotation(const Holdings& holdings) : keys_(holdings.keys()) {}

  Pick Choose(const std::vector<std::size_t>& tried, const Now& now) override {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const std::size_t key = next_++ % keys_.size();
      if (keys_[key].rests_until <= now.wall && !IsIn(tried, key)) return {key, 0, {}};
    }
    return {};
  }

 protected:
  struct Key {
    absl::Time rests_until = absl::InfinitePast();
    int failures = 0;
  };
  std::vector<Key> keys_;

 private:
  std::size_t next_ = 0;
};

class FailureCount final : public Rotation {
 public:
  using Rotation::Rotation;
  std::string name() const override { return "round robin, failure count"; }
  void Report(const Pick& pick, const std::optional<Verdict429>& refused, const Now& now) override {
    Key& key = keys_[*pick.key];
    key.failures = refused ? key.failures + 1 : 0;
    if (key.failures < kFailuresMax) return;
    key = {now.wall + absl::Hours(1), 0};
  }

 private:
  static constexpr int kFailuresMax = 3;
};

class Cooldown final : public Rotation {
 public:
  using Rotation::Rotation;
  std::string name() const override { return "round robin, cooldown"; }
  void Report(const Pick& pick, const std::optional<Verdict429>& refused, const Now& now) override {
    if (refused) keys_[*pick.key].rests_until = now.wall + absl::Minutes(1);
  }
};

class Random final : public Strategy {
 public:
  Random(const Holdings& holdings, std::uint64_t seed) : keys_(holdings.keys()), random_(seed) {}
  std::string name() const override { return "random"; }
  Pick Choose(const std::vector<std::size_t>& tried, const Now&) override {
    if (tried.size() == keys_) return {};
    std::size_t key = random_() % keys_;
    while (IsIn(tried, key)) key = random_() % keys_;
    return {key, 0, {}};
  }
  void Report(const Pick&, const std::optional<Verdict429>&, const Now&) override {}

 private:
  const std::size_t keys_;
  std::mt19937_64 random_;
};

class PerKey final : public Strategy {
 public:
  explicit PerKey(const Holdings& holdings) {
    for (std::size_t key = 0; key < holdings.keys(); ++key) {
      keys_.push_back({holdings.limits[holdings.ProjectOf(key)], 0, 0, 0, 0});
    }
  }
  std::string name() const override { return "count per key, UTC day"; }

  Pick Choose(const std::vector<std::size_t>& tried, const Now& now) override {
    const std::int64_t minute = absl::ToUnixSeconds(now.wall) / 60;
    const std::int64_t day = (absl::ToUnixSeconds(now.wall) - 8 * 3600) / 86'400;
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      Key& key = keys_[i];
      if (key.minute != minute) key.this_minute = 0;
      if (key.day != day) key.today = 0;
      key.minute = minute;
      key.day = day;
      if (key.LeftThisMinute() <= 0 || key.LeftToday() <= 0 || IsIn(tried, i)) continue;
      if (!best || key.LeftToday() > keys_[*best].LeftToday()) best = i;
    }
    if (best) {
      ++keys_[*best].this_minute;
      ++keys_[*best].today;
    }
    return {best, 0, {}};
  }
  void Report(const Pick& pick, const std::optional<Verdict429>& refused, const Now&) override {
    // As the minute is spent, so says Google.
    if (refused) keys_[*pick.key].this_minute = keys_[*pick.key].limits.requests_per_minute;
  }

 private:
  struct Key {
    policy::Limits limits;
    std::int64_t minute, day, this_minute, today;
    std::int64_t LeftThisMinute() const { return limits.requests_per_minute - this_minute; }
    std::int64_t LeftToday() const { return limits.requests_per_day - today; }
  };
  std::vector<Key> keys_;
};

}  // namespace

std::unique_ptr<Strategy> RoundRobinWithFailureCount(const Holdings& holdings) {
  return std::make_unique<FailureCount>(holdings);
}
std::unique_ptr<Strategy> RandomKey(const Holdings& holdings, std::uint64_t seed) {
  return std::make_unique<Random>(holdings, seed);
}
std::unique_ptr<Strategy> CooldownOnly(const Holdings& holdings) {
  return std::make_unique<Cooldown>(holdings);
}
std::unique_ptr<Strategy> PerKeyCount(const Holdings& holdings) {
  return std::make_unique<PerKey>(holdings);
}

}  // namespace keypool::sim
