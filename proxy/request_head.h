// Strict parsing of request heads: nothing ambiguous passes. RFC 9112, without its leniencies.
//
// Refused with 400, among others: any Transfer-Encoding other than exactly one "chunked" in
// HTTP/1.1, Transfer-Encoding together with Content-Length, more than one or a malformed
// Content-Length, obs-fold, bare CR or LF, white space before a colon, missing, repeated or
// malformed Host, control bytes, CONNECT, "*" with anything but OPTIONS, absolute and authority
// forms, HTTP versions other than 1.0 and 1.1, Connection naming a field that frames or
// authenticates.
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/http_types.h"

namespace keypool::proxy {

enum class HeadState { kComplete, kIncomplete, kInvalid };

struct HeadResult {
  HeadState state = HeadState::kIncomplete;
  int status = 0;            // with kInvalid: 400, 414, 431, 501 or 505
  std::string_view problem;  // with kInvalid: one sentence for the caller; static storage
};

// Parses the head at the start of `buffer`. `scanned` is 0 at first, and is kept by the caller
// while more bytes arrive, so that a head in many pieces is looked through once. Empty lines in
// front of a request line are not accepted.
HeadResult ParseRequestHead(std::string_view buffer, std::size_t* scanned, RequestHead* head);

}  // namespace keypool::proxy
