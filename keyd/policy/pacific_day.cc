#include "keyd/policy/pacific_day.h"

#include "absl/time/civil_time.h"

namespace keypool::policy {
namespace {
constexpr absl::CivilDay kDayZero(1970, 1, 1);
}

PacificDay::PacificDay(absl::TimeZone zone, absl::Time wall) : zone_(zone) {
  Set(CivilDayOf(wall));
}

bool PacificDay::Advance(absl::Time wall) {
  if (wall >= starts_ && wall < ends_) return false;  // nearly always
  const std::int64_t day = NumberAt(wall);
  if (day == number_) return false;
  Set(day);
  return true;
}

void PacificDay::Remember(std::int64_t day) {
  if (day == number_ + 1) Set(day);
}

std::int64_t PacificDay::NumberAt(absl::Time wall) const {
  const std::int64_t day = CivilDayOf(wall);
  return day == number_ - 1 ? number_ : day;
}

absl::Time PacificDay::StartOf(std::int64_t day) const {
  return absl::FromCivil(kDayZero + day, zone_);
}

std::int64_t PacificDay::CivilDayOf(absl::Time wall) const {
  return absl::ToCivilDay(wall, zone_) - kDayZero;
}

void PacificDay::Set(std::int64_t day) {
  number_ = day;
  starts_ = StartOf(day);
  ends_ = StartOf(day + 1);
}

}  // namespace keypool::policy
