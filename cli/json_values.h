// How times and texts look in JSON.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace keypool::cli {

inline boost::json::value Time(absl::Time time) {
  return boost::json::value(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()));
}
inline boost::json::value Time(const std::optional<absl::Time>& time) {
  return time ? Time(*time) : boost::json::value(nullptr);
}
inline boost::json::value Text(const std::string& text) {
  return text.empty() ? boost::json::value(nullptr) : boost::json::value(text);
}

}  // namespace keypool::cli
