// absl::Time ⇄ google.protobuf.Timestamp.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace keypool::wire {

// Times beyond what a Timestamp can say (years 1 to 9999) become its ends.
inline void EncodeTime(absl::Time time, google::protobuf::Timestamp* out) {
  constexpr std::int64_t kFirst = -62'135'596'800, kLast = 253'402'300'799;
  const std::int64_t seconds = std::clamp(absl::ToUnixSeconds(time), kFirst, kLast);
  out->set_seconds(seconds);
  const absl::Duration rest = time - absl::FromUnixSeconds(seconds);
  out->set_nanos(static_cast<std::int32_t>(
      std::clamp<std::int64_t>(absl::ToInt64Nanoseconds(rest), 0, 999'999'999)));
}

inline absl::Time DecodeTime(const google::protobuf::Timestamp& in) {
  return absl::FromUnixSeconds(in.seconds()) + absl::Nanoseconds(in.nanos());
}

}  // namespace keypool::wire
