// Time as gRPC takes it.
#pragma once

#include <grpc/support/time.h>

#include "absl/time/time.h"

namespace keypool::wire {

// A deadline that much from now. gRPC reads its own clock when it is handed a span, so nobody here
// has to. Negative spans count as zero.
inline gpr_timespec After(absl::Duration span) {
  if (span < absl::ZeroDuration()) span = absl::ZeroDuration();
  return gpr_time_from_micros(absl::ToInt64Microseconds(span), GPR_TIMESPAN);
}

}  // namespace keypool::wire
