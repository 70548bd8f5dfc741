// Where requests go: GEMINI_BASE_URL, taken apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keypool::proxy {

struct Origin {
  bool tls = true;
  std::string host;  // name or address; an IPv6 address without brackets
  std::uint16_t port = 443;
  std::string prefix;     // goes before every target; "" or "/some/path", no slash at its end
  std::string authority;  // for the Host field: the port only when it is not the scheme's
};

// "http://127.0.0.1:9000", "https://generativelanguage.googleapis.com/some/prefix/". Errors:
// INVALID_ARGUMENT (what is wrong with it; user information, query and fragment are not allowed).
absl::StatusOr<Origin> ParseOrigin(std::string_view url);

}  // namespace keypool::proxy
