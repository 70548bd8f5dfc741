// What the texts of Google's error answers say. Pure: any bytes may come, none are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "keyd/base/lease.h"

namespace keypool::proxy {

// Bytes of a message that are looked at.
inline constexpr std::size_t kMessageBytesMax = 2048;

// The longest delay that is believed.
inline constexpr absl::Duration kSaidDelayMax = absl::Hours(10 * 366 * 24);

// `message` is error.message, or a body that is plain text.
MessageClass ClassifyMessage(std::string_view message);
// `body` is a page, possibly cut.
MessageClass ClassifyHtml(std::string_view body);

// "Please retry in 51.606482386s."; also "2h47m56.584147483s" and "850.5ms".
std::optional<absl::Duration> DelayInMessage(std::string_view message);
// The number of "* Quota exceeded for metric: METRIC, limit: 20, model: …" in the line about
// `metric` that comes after `lines_before` others about it.
std::optional<std::int64_t> LimitInMessage(std::string_view message, std::string_view metric,
                                           std::size_t lines_before);

}  // namespace keypool::proxy
