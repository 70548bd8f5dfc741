// What Google counts: the truth that the pool must stay inside of.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "keyd/policy/limits.h"

namespace keypool::sim {

// Per (project, model), and per project over all models: requests and their input tokens of the
// last 60 s whatever the phase, and of the Pacific day, by their time of arrival.
class TrueQuota {
 public:
  // `tokens_hold`: limits of tokens are promised too.
  TrueQuota(policy::Limits defaults, policy::LimitRules rules, absl::TimeZone pacific,
            bool tokens_hold)
      : defaults_(defaults),
        rules_(std::move(rules)),
        pacific_(pacific),
        tokens_hold_(tokens_hold) {}

  // One request arrives. Arrivals come in order of time. Empty, or which limit it broke.
  std::string Arrive(const std::string& project, const std::string& model, std::int64_t tokens,
                     absl::Time at) {
    const policy::Limits limits = policy::LimitsFor(rules_, defaults_, project, model).limits;
    std::string broken = Count(&counts_[{project, model}], limits, tokens, at);
    const auto together = policy::LimitsTogether(rules_, project);
    if (!together || !broken.empty()) return broken;
    broken = Count(&counts_[{project, ""}], *together, tokens, at);
    return broken.empty() ? broken : absl::StrCat(broken, " over all models");
  }

  void Forget() { counts_.clear(); }

 private:
  struct Arrival {
    absl::Time at;
    std::int64_t tokens;
  };
  struct Counts {
    std::deque<Arrival> minute;
    std::int64_t minute_tokens = 0;
    absl::CivilDay day;
    std::int64_t today = 0, tokens_today = 0;
  };

  std::string Count(Counts* counts, const policy::Limits& limits, std::int64_t tokens,
                    absl::Time at) const {
    auto& minute = counts->minute;
    for (; !minute.empty() && at - minute.front().at >= absl::Minutes(1); minute.pop_front()) {
      counts->minute_tokens -= minute.front().tokens;
    }
    minute.push_back({at, tokens});
    counts->minute_tokens += tokens;
    const absl::CivilDay day = absl::ToCivilDay(at, pacific_);
    if (day != counts->day) counts->today = counts->tokens_today = 0;
    counts->day = day;
    ++counts->today;
    counts->tokens_today += tokens;
    if (static_cast<std::int64_t>(minute.size()) > limits.requests_per_minute) {
      return "requests per minute";
    }
    if (counts->today > limits.requests_per_day) return "requests per day";
    if (!tokens_hold_) return "";
    if (counts->minute_tokens > limits.input_tokens_per_minute) return "tokens per minute";
    return counts->tokens_today > limits.input_tokens_per_day ? "tokens per day" : "";
  }

  policy::Limits defaults_;
  policy::LimitRules rules_;
  absl::TimeZone pacific_;
  bool tokens_hold_;
  std::map<std::pair<std::string, std::string>, Counts> counts_;
};

}  // namespace keypool::sim
