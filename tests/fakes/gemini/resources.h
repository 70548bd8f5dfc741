// What files, caches and batches have in common: each lives in the project that made it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "tests/fakes/gemini/http_message.h"

namespace keypool::fake {

// Of every cache.
inline constexpr std::int64_t kCachedTokens = 4096;

// "files/abc", or "files" alone, from "/v1beta/files/abc:download".
std::string ResourceName(const RequestHead& head);

// What Google says of one that another project has, or nobody: the same.
Reply NoAccess(std::string_view kind, std::string_view id);

std::string Rfc3339(absl::Time t);

}  // namespace keypool::fake
