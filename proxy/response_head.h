// Parsing of upstream's response heads with the same suspicion: what could be read in two ways is
// refused, and becomes 502.
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/http_types.h"
#include "proxy/request_head.h"

namespace keypool::proxy {

// As ParseRequestHead; the status of every problem is 502. `request_method` decides whether a body
// follows (HEAD). Interim answers (1xx) are complete heads without a body. A Content-Length that is
// repeated with one value is one.
HeadResult ParseResponseHead(std::string_view buffer, std::string_view request_method,
                             std::size_t* scanned, ResponseHead* head);

}  // namespace keypool::proxy
