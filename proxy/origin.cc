#include "proxy/origin.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::proxy {
namespace {

absl::Status Bad(std::string_view url, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", ToAbsl(url), "\" ", ToAbsl(why)));
}

bool IsHostByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}
bool IsAddressByte(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c)) || c == ':' || c == '.';
}
bool IsPathByte(char c) { return c > ' ' && c < 127 && c != '?' && c != '#' && c != '\\'; }

// "host", "host:port", "[address]:port" into *origin. An empty answer is a good one.
std::optional<std::string_view> ParseAuthority(std::string_view text, Origin* origin) {
  std::string_view port;
  const bool bracketed = !text.empty() && text.front() == '[';
  if (bracketed) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return "has an address without a closing bracket";
    origin->host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    origin->host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (origin->host.empty()) return "names no host";
  if (!std::all_of(origin->host.begin(), origin->host.end(),
                   bracketed ? IsAddressByte : IsHostByte)) {
    return "has bytes in its host that no host name has";
  }
  const std::uint16_t usual = origin->tls ? 443 : 80;
  origin->port = usual;
  if (!port.empty()) {
    std::uint32_t number = 0;
    if (port.front() != ':' || !absl::SimpleAtoi(ToAbsl(port.substr(1)), &number) || number == 0 ||
        number > 65535) {
      return "has a port that is not a number from 1 to 65535";
    }
    origin->port = static_cast<std::uint16_t>(number);
  }
  origin->authority = bracketed ? absl::StrCat("[", origin->host, "]") : origin->host;
  if (origin->port != usual) absl::StrAppend(&origin->authority, ":", origin->port);
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Origin> ParseOrigin(std::string_view url) {
  Origin origin;
  std::string_view rest = url;
  if (absl::StartsWithIgnoreCase(ToAbsl(url), "https://")) {
    rest.remove_prefix(8);
  } else if (absl::StartsWithIgnoreCase(ToAbsl(url), "http://")) {
    origin.tls = false;
    rest.remove_prefix(7);
  } else {
    return Bad(url, "does not start with https:// or http://");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return Bad(url, "has a query or a fragment, which a base URL cannot have");
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  if (rest.substr(0, slash).find('@') != std::string_view::npos) {
    return absl::InvalidArgumentError("it has user information; keys belong into keyd, not here");
  }
  if (const auto problem = ParseAuthority(rest.substr(0, slash), &origin)) {
    return Bad(url, *problem);
  }
  std::string_view path = rest.substr(slash);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  if (!std::all_of(path.begin(), path.end(), IsPathByte)) {
    return Bad(url, "has bytes in its path that must be percent-encoded");
  }
  origin.prefix = path;
  return origin;
}

}  // namespace keypool::proxy
