// Describes an upstream answer for keyd. Describes only: what it means is decided in
// keyd/policy/blame.
#pragma once

#include <string_view>

#include "keyd/base/lease.h"
#include "proxy/http_types.h"

namespace keypool::proxy {

// Bytes of an error body that are looked at.
inline constexpr std::size_t kErrorBodyBytesMax = 64 * 1024;

// The facts of an answer. `body` is the decoded start of it (chunked coding removed), possibly cut,
// possibly gzip: what cannot be read gives a fact less, never an error. Reads {"error":{…}} and
// [{"error":{…}}], details in any order.
AnswerFacts DescribeAnswer(const ResponseHead& head, std::string_view body);

}  // namespace keypool::proxy
