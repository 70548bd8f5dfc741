#include "proxy/server_timeout.h"

#include <charconv>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "proxy/char_class.h"
#include "proxy/field_names.h"

namespace keypool::proxy {

std::optional<absl::Duration> ReadServerTimeout(const RequestHead& head) {
  constexpr std::size_t kDigitsMax = 9;
  for (const Field& field : head.fields) {
    if (!IsIgnoringCase(field.name, "x-server-timeout")) continue;
    const std::string_view text = field.value;
    if (text.empty() || text.size() > kDigitsMax || !AllAre(kDigitChar, text)) return std::nullopt;
    std::int64_t seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (seconds == 0) return std::nullopt;
    return absl::Seconds(seconds);
  }
  return std::nullopt;
}

std::string SecondsLeft(absl::Duration left, absl::Duration given) {
  const absl::Duration whole = absl::Ceil(left, absl::Seconds(1));
  if (whole >= given) return {};
  return absl::StrCat(absl::ToInt64Seconds(whole));
}

}  // namespace keypool::proxy
