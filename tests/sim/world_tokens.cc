// Limits of all kinds, and requests whose tokens the proxy estimates well or badly.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace keypool::sim {

void World::SetRandomLimits() {
  constexpr std::int64_t kPerMinute[] = {40, 64, 65, 500, 20'000, 250'000, kUnlimited};
  policy::Limits& limits = config_.default_limits;
  exact_ = Chance(50);
  limits.input_tokens_per_minute = kPerMinute[Random(std::size(kPerMinute))];
  if (limits.input_tokens_per_minute != kUnlimited && Chance(50)) {
    limits.input_tokens_per_day = limits.input_tokens_per_minute * (1 + Random(4)) + Random(3);
  }
  const std::int64_t tokens = std::min<std::int64_t>(limits.input_tokens_per_minute, 100'000);
  if (Chance(30)) {  // a larger one
    config_.limits.projects["project-0"].own.all_models.input_tokens_per_minute = tokens * 4;
  }
  if (Chance(40)) {
    LimitSet& together = config_.limits.projects["project-1"].own.together;
    if (Chance(70)) together.requests_per_minute = limits.requests_per_minute + Random(3);
    if (Chance(50)) together.requests_per_day = limits.requests_per_day + Random(20);
    if (Chance(50)) together.input_tokens_per_minute = tokens + Random(tokens);
    if (Chance(30)) together.input_tokens_per_day = tokens * 2 + Random(tokens);
  }
}

std::int64_t World::RandomTokens() {
  const std::int64_t limit =
      std::min<std::int64_t>(config_.default_limits.input_tokens_per_minute, 100'000);
  const std::int64_t dice = Random(100);
  if (dice < 80) return 1 + Random(limit / 20 + 1);
  return 1 + Random(dice < 97 ? limit : limit * 5);
}

std::int64_t World::Estimate(std::int64_t tokens) {
  if (exact_) return tokens;
  return tokens * (1 + Random(60)) / 20;  // a twentieth to three times as many
}

void World::CheckWindows(const KeyStatus& key) {
  for (const BucketStatus& bucket : key.buckets) {
    const auto check = [&](const char* name, const WindowStatus& window, bool holds) {
      if (window.used < 0) Break(absl::StrCat(bucket.model, ": less than none of ", name));
      if (holds && window.limit > 0 && window.used > window.limit) {
        Break(absl::StrCat(key.project.value(), "/", bucket.model, ": ", window.used, " of ",
                           window.limit, " ", name));
      }
    };
    check("requests a minute", bucket.per_minute, true);
    check("requests a day", bucket.per_day, true);
    check("tokens a minute", bucket.tokens_per_minute, exact_);
    check("tokens a day", bucket.tokens_per_day, exact_);
  }
}

void World::CheckTooLarge(const std::string& project, std::int64_t tokens, const Refusal& refusal) {
  const bool too_large = refusal.reason == RefusalReason::kTooLarge;
  if (too_large && refusal.retry_after) Break("too large, and yet a time");
  if (!exact_) return;
  std::int64_t largest = 0;
  for (const auto& [id, key] : keys_) {
    if (!key.second || (!project.empty() && key.first != project)) continue;
    const auto limits =
        policy::LimitsFor(config_.limits, config_.default_limits, key.first, "m").limits;
    const auto together =
        policy::LimitsTogether(config_.limits, key.first).value_or(policy::kNoLimits);
    largest = std::max(largest,
                       std::min({limits.input_tokens_per_minute, limits.input_tokens_per_day,
                                 together.input_tokens_per_minute, together.input_tokens_per_day}));
  }
  if (too_large && tokens <= largest) Break("called too large what fits");
  if (too_large && refusal.limit < largest) Break("told too low a limit");
  if (refusal.reason == RefusalReason::kExhausted && tokens > largest) {
    Break("told a time for what never fits");
  }
}

void World::OnSettled(const HeldLease& lease, const ReportCommand& report) {
  std::vector<Charged>& charged = charged_[{lease.project, lease.model}];
  const auto charge = std::find_if(charged.begin(), charged.end(),
                                   [&](const Charged& c) { return c.serial == lease.serial; });
  if (charge == charged.end()) return;
  if (!lease.sent) {
    charged.erase(charge);
  } else if (report.usage) {
    charge->tokens = report.usage->input;
  }
}

}  // namespace keypool::sim
