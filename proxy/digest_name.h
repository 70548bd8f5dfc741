// Names for what is known by a secret: the pool has to recognise it, and nobody has to read it.
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace keypool::proxy {

// "KIND/" and the first 32 hex digits of the SHA-256 of `secret`.
std::string DigestName(std::string_view kind, std::string_view secret);

}  // namespace keypool::proxy
