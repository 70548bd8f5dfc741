// Strict parsing of request heads: nothing ambiguous passes. RFC 9112, without its leniencies.
//
// Refused with 400, among others: any Transfer-Encoding other than exactly one "chunked" in
// HTTP/1.1, Transfer-Encoding together with Content-Length, more than one or a malformed
// Content-Length, obs-fold, bare CR or LF, white space before a colon, missing, repeated or
// malformed Host (in HTTP/1.0 too), control bytes, CONNECT, "*" with anything but OPTIONS, absolute
// and authority forms, a fragment in the target, Connection naming a field that frames or
// authenticates, and names like x_goog_api_key that some servers read as one with dashes.
//
// With other statuses: 414 a target over kTargetBytesMax, 417 an Expect other than 100-continue,
// 431 a head over kHeadBytesMax or kFieldsMax, 501 TRACE and TRACK (they would show the injected
// key to the client), 505 versions other than HTTP/1.0 and HTTP/1.1.
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/http_types.h"

namespace keypool::proxy {

enum class HeadState { kComplete, kIncomplete, kInvalid };

struct HeadResult {
  HeadState state = HeadState::kIncomplete;
  int status = 0;            // with kInvalid: 400, 414, 417, 431, 501 or 505 (responses: 502)
  std::string_view problem;  // with kInvalid: one sentence for the caller; static storage
};

// Parses the head at the start of `buffer`. `scanned` is 0 at first, and is kept by the caller
// while more bytes arrive, so that a head in many pieces is not looked through again with each; it
// is 0 again once the head is complete or invalid. `head` is valid with kComplete only. Empty lines
// in front of a request line are not accepted. A head that is wrong is usually told before it is
// complete.
HeadResult ParseRequestHead(std::string_view buffer, std::size_t* scanned, RequestHead* head);

}  // namespace keypool::proxy
