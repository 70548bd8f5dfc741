// Text that is allowed on the wire. A proto3 string must be UTF-8: one that is not makes the whole
// message unreadable, and with it everything else in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keypool::wire {

// True for well-formed UTF-8: no overlong forms, surrogates, or values beyond U+10FFFF.
bool IsUtf8(std::string_view text);

// True when `text` has an ASCII control byte: it would break lines of logs and tables.
bool HasControlByte(std::string_view text);

// The longest prefix of `text` of at most `bytes_max` bytes that ends at a character, with every
// byte that is not UTF-8 replaced by '?'. For text of an upstream that is only to be described.
std::string ClipText(std::string_view text, std::size_t bytes_max);

}  // namespace keypool::wire
