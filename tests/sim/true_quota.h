// What Google counts: the truth that the pool must stay inside of.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "keyd/policy/types.h"

namespace keypool::sim {

// Per (project, model): requests of the last 60 s whatever the phase, and of the Pacific day, by
// their time of arrival.
class TrueQuota {
 public:
  TrueQuota(policy::Limits limits, absl::TimeZone pacific) : limits_(limits), pacific_(pacific) {}

  // One request arrives. Arrivals come in order of time. Empty, or which limit it broke.
  std::string Arrive(const std::string& project, const std::string& model, absl::Time at) {
    Counts& counts = counts_[{project, model}];
    while (!counts.minute.empty() && at - counts.minute.front() >= absl::Minutes(1)) {
      counts.minute.pop_front();
    }
    counts.minute.push_back(at);
    const absl::CivilDay day = absl::ToCivilDay(at, pacific_);
    if (day != counts.day) counts.today = 0;
    counts.day = day;
    ++counts.today;
    if (static_cast<std::int64_t>(counts.minute.size()) > limits_.requests_per_minute) {
      return "requests per minute";
    }
    return counts.today > limits_.requests_per_day ? "requests per day" : "";
  }

  void Forget() { counts_.clear(); }

 private:
  struct Counts {
    std::deque<absl::Time> minute;
    absl::CivilDay day;
    std::int64_t today = 0;
  };
  policy::Limits limits_;
  absl::TimeZone pacific_;
  std::map<std::pair<std::string, std::string>, Counts> counts_;
};

}  // namespace keypool::sim
