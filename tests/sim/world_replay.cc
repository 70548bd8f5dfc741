// What the store would bring back after a crash, against what was granted.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace keypool::sim {

void World::CheckReplay() {
  policy::Mutations ignored;
  const auto replayed =
      policy::Pool::Restore(config_, store_.Load(Epoch{epoch_.value() + 1}), now(), &ignored);
  if (!replayed.ok()) return Break(replayed.status().ToString());
  const PoolStatus live = pool_->Status({}, now());
  const PoolStatus restored = (*replayed)->Status({}, now());
  if (live.keys.size() != restored.keys.size()) return Break("replayed to other keys");
  for (std::size_t i = 0; i < live.keys.size(); ++i) {
    const KeyStatus& a = live.keys[i];
    const KeyStatus& b = restored.keys[i];
    if (a.id != b.id || a.active != b.active || a.project != b.project) {
      return Break("replayed to another key");
    }
    for (const BucketStatus& bucket : a.buckets) {
      const auto same = std::find_if(b.buckets.begin(), b.buckets.end(),
                                     [&](const auto& s) { return s.model == bucket.model; });
      CheckReplayOf(a.project.value(), bucket, same == b.buckets.end() ? nullptr : &*same);
    }
  }
}

std::pair<std::int64_t, std::int64_t> World::Granted(const std::string& project,
                                                     const std::string& model) const {
  const auto charged = charged_.find({project, model});
  if (charged == charged_.end()) return {0, 0};
  const absl::Time midnight =
      absl::FromCivil(absl::ToCivilDay(wall_, config_.pacific), config_.pacific);
  const auto since = [&](absl::Time from) {
    return std::count_if(charged->second.begin(), charged->second.end(),
                         [from](absl::Time t) { return t >= from; });
  };
  return {since(wall_ - absl::Minutes(1)), since(midnight - config_.send_by)};
}

void World::CheckReplayOf(const std::string& project, const BucketStatus& live,
                          const BucketStatus* restored) {
  const BucketStatus nothing;
  const BucketStatus& other = restored ? *restored : nothing;
  const std::int64_t block =
      std::max<std::int64_t>(1, std::min(config_.default_limits.requests_per_minute,
                                         config_.default_limits.requests_per_day) /
                                    100);
  const auto check = [&](const std::string& name, std::int64_t granted, std::int64_t was,
                         std::int64_t is) {
    const auto text = absl::StrCat(name, " of ", live.model, ": granted ", granted, ", counted ",
                                   was, ", replayed ", is);
    if (was < granted || is < granted) Break(absl::StrCat("forgot ", text));
    if (is > was + block) Break(absl::StrCat("made up more than a block of ", text));
  };
  const auto [minute, day] = Granted(project, live.model);
  check("the minute", minute, live.per_minute.used, other.per_minute.used);
  check("the day", day, live.per_day.used, other.per_day.used);
  if (live.state == BucketState::kCooling &&
      (!other.ready_at || *other.ready_at < *live.ready_at - absl::Microseconds(1))) {
    Break("forgot a cooldown");
  }
}

}  // namespace keypool::sim
