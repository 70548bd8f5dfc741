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
  CheckResources(replayed->get());
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

World::Sums World::Granted(const std::string& project, const std::string& model) const {
  Sums sums;
  const auto charged = charged_.find({project, model});
  if (charged == charged_.end()) return sums;
  const absl::Time midnight =
      absl::FromCivil(absl::ToCivilDay(wall_, config_.pacific), config_.pacific);
  for (const Charged& c : charged->second) {
    if (c.at >= wall_ - absl::Minutes(1)) {
      ++sums.minute;
      sums.minute_tokens += c.tokens;
    }
    if (c.at >= midnight - config_.send_by) {
      ++sums.day;
      sums.day_tokens += c.tokens;
    }
  }
  return sums;
}

void World::CheckReplayOf(const std::string& project, const BucketStatus& live,
                          const BucketStatus* restored) {
  const BucketStatus nothing;
  const BucketStatus& other = restored ? *restored : nothing;
  const auto one_percent = [](const WindowStatus& a, const WindowStatus& b) {
    return std::clamp<std::int64_t>(std::min(a.limit, b.limit) / 100, 1, 1'000'000);
  };
  const auto check = [&](const std::string& name, std::int64_t granted, std::int64_t was,
                         std::int64_t is, std::int64_t block) {
    const auto text = absl::StrCat(name, " of ", live.model, ": granted ", granted, ", counted ",
                                   was, ", replayed ", is);
    if (was < granted || is < granted) Break(absl::StrCat("forgot ", text));
    if (is > was + block) Break(absl::StrCat("made up more than a block of ", text));
  };
  const Sums sums = Granted(project, live.model);
  const std::int64_t block = one_percent(live.per_minute, live.per_day);
  check("the minute", sums.minute, live.per_minute.used, other.per_minute.used, block);
  check("the day", sums.day, live.per_day.used, other.per_day.used, block);
  const std::int64_t tokens =
      one_percent(live.tokens_per_minute, live.tokens_per_day) + largest_charge_;
  check("the minute's tokens", sums.minute_tokens, live.tokens_per_minute.used,
        other.tokens_per_minute.used, tokens);
  check("the day's tokens", sums.day_tokens, live.tokens_per_day.used, other.tokens_per_day.used,
        tokens);
  // The minute may end it, and of that a block from before midnight may be placed a little earlier.
  // Over all models a restart places charges later than they were; the next one reads them anew.
  const bool together = policy::LimitsTogether(config_.limits, project).has_value();
  const absl::Duration earlier = together ? absl::Minutes(1) : config_.send_by;
  if (live.state == BucketState::kCooling &&
      (!other.ready_at || *other.ready_at < *live.ready_at - earlier - absl::Microseconds(1))) {
    Break("forgot a cooldown");
  }
}

}  // namespace keypool::sim
