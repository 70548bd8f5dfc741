// Describes an upstream answer for keyd. Describes only: what it means is decided in
// keyd/policy/blame.
#pragma once

#include <string_view>

#include "keyd/base/lease.h"
#include "proxy/http_types.h"

namespace keypool::proxy {

// Bytes of an error body that are looked at.
inline constexpr std::size_t kErrorBodyBytesMax = 64 * 1024;

// The facts of an answer. `body` is the start of it (chunked coding removed), possibly cut,
// possibly gzip as Content-Encoding says: what cannot be read gives a fact less, never an error,
// and what stands complete in front of a cut is used. Reads {"error":{…}}, the same as an element
// of an array and as an event of a stream, details in any order; of pages and plain text only what
// they mean. No text of a message gets into the facts.
AnswerFacts DescribeAnswer(const ResponseHead& head, std::string_view body);

// The facts of an error that came inside an answer of 2xx, as if it were an answer of its own.
// `body` is {"error":{…}}, possibly cut. The status is error.code, or that which a word in its
// place or in error.status stands for, or 500.
AnswerFacts DescribeInnerError(std::string_view body);

}  // namespace keypool::proxy
