// What Google enforces in the market: limits of each project that only Google knows for certain.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "keyd/policy/limits.h"

namespace keypool::sim {

struct Verdict429 {
  bool per_day = false;
  std::int64_t limit = 0;
  absl::Duration retry_delay;  // as Google tells it: of a spent day too, some seconds
};

// One model. A sliding minute and a Pacific day for each project; what is refused is not counted.
class Google {
 public:
  Google(std::vector<policy::Limits> projects, absl::TimeZone pacific)
      : pacific_(pacific), projects_(projects.size()) {
    for (std::size_t i = 0; i < projects.size(); ++i) projects_[i].limits = projects[i];
  }

  // Arrivals come in order of time. Nothing: served.
  std::optional<Verdict429> Arrive(std::size_t project, absl::Time at) {
    Project& p = projects_[project];
    const absl::CivilDay day = absl::ToCivilDay(at, pacific_);
    if (day != p.day) p.today = 0;
    p.day = day;
    while (!p.minute.empty() && at - p.minute.front() >= absl::Minutes(1)) p.minute.pop_front();
    if (p.today >= p.limits.requests_per_day) {
      return Verdict429{true, p.limits.requests_per_day, absl::Seconds(40)};
    }
    if (static_cast<std::int64_t>(p.minute.size()) >= p.limits.requests_per_minute) {
      return Verdict429{false, p.limits.requests_per_minute,
                        absl::Floor(p.minute.front() + absl::Minutes(1) - at, absl::Seconds(1))};
    }
    p.minute.push_back(at);
    ++p.today;
    return std::nullopt;
  }

 private:
  struct Project {
    policy::Limits limits;
    std::deque<absl::Time> minute;
    absl::CivilDay day;
    std::int64_t today = 0;
  };
  absl::TimeZone pacific_;
  std::vector<Project> projects_;
};

}  // namespace keypool::sim
