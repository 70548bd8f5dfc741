// What heads of requests and of responses have in common: field lines, Content-Length, Connection.
// Private to the pure part.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/http_types.h"
#include "proxy/request_head.h"

namespace keypool::proxy {

inline constexpr HeadResult kHeadComplete{HeadState::kComplete, 0, {}};
inline constexpr HeadResult kHeadIncomplete{HeadState::kIncomplete, 0, {}};

// `problem` is a literal.
constexpr HeadResult InvalidHead(int status, std::string_view problem) {
  return {HeadState::kInvalid, status, problem};
}

// False when the bytes that came since `scanned` cannot have completed the head, nor brought it
// over a limit. Looks at new bytes only.
bool WorthParsing(std::string_view buffer, std::size_t scanned);

struct FieldLines {
  HeadResult result;
  const char* end = nullptr;    // behind the empty line; with kComplete
  bool any_underscore = false;  // in a field name
};
// Appends the field lines in [p, end) up to and including the empty line to `fields`.
FieldLines ParseFieldLines(const char* p, const char* end, Fields* fields);

// "HTTP/1.0" or "HTTP/1.1" in front of [p, end): moves `p` behind it. 505 for other versions.
HeadResult ParseVersion(const char** p, const char* end, int* minor_version);
// A CRLF in front of [p, end): moves `p` behind it.
HeadResult ParseLineEnd(const char** p, const char* end);

// 1 to 19 digits, no sign, no list, no leading zero (some read octal), below 2^63.
std::optional<std::uint64_t> ParseContentLength(std::string_view value);

// What the Connection fields of a message say in all.
struct ConnectionTokens {
  bool close = false;
  bool keep_alive = false;
  bool malformed = false;        // an element that is no token
  bool names_protected = false;  // a field that means something to us, and is meant for all
};
void ReadConnection(std::string_view value, ConnectionTokens* tokens);

}  // namespace keypool::proxy
