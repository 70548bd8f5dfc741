#include "keyd/wire/unix_address.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/wire/text.h"

namespace keypool::wire {

absl::StatusOr<std::string> ParseUnixAddress(std::string_view address) {
  constexpr std::string_view kScheme = "unix:";
  if (address.substr(0, kScheme.size()) != kScheme) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", ToAbsl(ClipText(address, 256)),
                     "\" is not a unix socket: write unix:/path/keyd.sock"));
  }
  std::string_view path = address.substr(kScheme.size());
  if (path.substr(0, 3) == "///") path.remove_prefix(2);
  if (path.empty() || path.substr(0, 2) == "//") {
    return absl::InvalidArgumentError("no path in it: write unix:/path/keyd.sock");
  }
  if (path.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("a path cannot contain a zero byte");
  }
  if (path.size() > kSocketPathBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("the path of a unix socket has at most ",
                                                   kSocketPathBytesMax, " bytes, this one has ",
                                                   path.size(), ": choose a shorter directory"));
  }
  return std::string(path);
}

std::string GrpcTarget(std::string_view path) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string target = "unix:";
  for (char c : path) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        std::string_view("/._-~").find(c) != std::string_view::npos) {
      target.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    target.push_back('%');
    target.push_back(kHex[byte >> 4]);
    target.push_back(kHex[byte & 15]);
  }
  return target;
}

}  // namespace keypool::wire
