#include "cli/token_options.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "keyd/base/clients.h"
#include "keyd/base/status.h"
#include "keyd/base/token.h"

namespace keypool::cli {
namespace {

// "30d", "12h", "45m", "10s".
std::optional<absl::Duration> ReadTime(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(ToAbsl(text.substr(0, text.size() - 1)), &number) || number < 0) {
    return std::nullopt;
  }
  switch (text.back()) {
    case 'd':
      return absl::Hours(24) * number;
    case 'h':
      return absl::Hours(number);
    case 'm':
      return absl::Minutes(number);
    case 's':
      return absl::Seconds(number);
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::Status CheckFlags(std::string_view command, std::string_view action,
                        const std::vector<std::string_view>& allowed, const GivenFlags& given) {
  std::vector<std::string> wrong;
  for (const auto& [flag, is_given] : given) {
    if (is_given && std::find(allowed.begin(), allowed.end(), flag) == allowed.end()) {
      wrong.push_back(absl::StrCat("--", ToAbsl(flag)));
    }
  }
  if (wrong.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(absl::StrJoin(wrong, ", "), ": ", ToAbsl(command), " ", ToAbsl(action),
                   " takes no such flag; see poolctl ", ToAbsl(command), " --help"));
}

absl::Status CheckOwnerName(std::string_view command, std::string_view action,
                            std::string_view what, const std::string& name) {
  if (action == "list") {
    if (name.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("NAME: ", ToAbsl(command), " list takes none; it shows all"));
  }
  if (name.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("NAME is missing: which ", ToAbsl(what),
                                                   " is to be meant by ", ToAbsl(command), " ",
                                                   ToAbsl(action)));
  }
  if (IsClientName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "NAME: must be a letter, and up to 63 letters, digits and . _ - behind it");
}

absl::Status ReadExpires(const std::string& text, std::optional<absl::Duration>* expires_in) {
  if (text.empty()) return absl::OkStatus();
  const std::optional<absl::Duration> time =
      text == "never" ? absl::InfiniteDuration() : ReadTime(text);
  const bool within = time && *time >= absl::Seconds(1) && *time <= kTokenExpiryMax;
  if (!within && text != "never") {
    return absl::InvalidArgumentError(
        "--expires: must be a time from now on like 30d, 12h, 45m or 10s, at most 3650d, or "
        "never");
  }
  *expires_in = time;
  return absl::OkStatus();
}

absl::Status ReadOverlap(const std::string& text, absl::Duration* overlap) {
  if (text.empty()) return absl::OkStatus();
  const std::optional<absl::Duration> time = ReadTime(text);
  if (!time || *time > kTokenOverlapMax) {
    return absl::InvalidArgumentError("--overlap: must be a time like 24h, 7d or 0s, at most 90d");
  }
  *overlap = *time;
  return absl::OkStatus();
}

}  // namespace keypool::cli
