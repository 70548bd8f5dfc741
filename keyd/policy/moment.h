// The time of one command, as the rooms of policy need it.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "keyd/base/clock.h"

namespace keypool::policy {

struct Moment {
  absl::Time wall;
  MonoTime mono;
  std::int64_t today = 0;  // PacificDay::number()
  absl::Time day_ends;     // PacificDay::ends()
  // Grows when the wall clock steps: wall times written under another number are off by the step.
  std::uint32_t clock = 0;

  absl::Time ToWall(MonoTime t) const { return wall + (t - mono); }
};

}  // namespace keypool::policy
