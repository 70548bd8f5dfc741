// Addresses of keyd: "unix:/path/keyd.sock". Other forms are refused with the reason.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keypool::wire {

// What fits into sockaddr_un, without the zero at the end.
inline constexpr std::size_t kSocketPathBytesMax = 107;

// The path in "unix:/path", "unix:path" or "unix:///path". Errors: INVALID_ARGUMENT (what is wrong
// and what to write instead).
absl::StatusOr<std::string> ParseUnixAddress(std::string_view address);

// The path as gRPC wants to be told it: as a URI, with everything escaped that means something
// there.
std::string GrpcTarget(std::string_view path);

}  // namespace keypool::wire
