// X-Server-Timeout: how many seconds a client gives Google for a request. What waits and earlier
// tries took of them, the next try does not have. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "proxy/http_types.h"

namespace keypool::proxy {

// Nothing when the request says none, or what is no number of seconds: that is Google's to judge.
std::optional<absl::Duration> ReadServerTimeout(const RequestHead& head);

// What is to be said of `left`, which is over 0: whole seconds, rounded up. Empty when that is all
// of `given`: then the client's own words stay.
std::string SecondsLeft(absl::Duration left, absl::Duration given);

}  // namespace keypool::proxy
