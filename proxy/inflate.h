// Undoes gzip for bodies that are looked at and never passed on. Private to the pure part.
#pragma once

#include <string>
#include <string_view>

namespace keypool::proxy {

// True for the Content-Encodings that Inflate undoes: gzip, x-gzip, deflate.
bool CanInflate(std::string_view content_encoding);

// The start of what `body` unpacks to, at most `bytes_max` of it. As much as there is, when `body`
// is cut or broken; empty when it is not compressed at all.
std::string Inflate(std::string_view body, std::size_t bytes_max);

}  // namespace keypool::proxy
