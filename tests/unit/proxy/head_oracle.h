// A second, slow reading of request heads, written from the rules alone, to judge the parser by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http_types.h"

namespace keypool::proxy {

struct OracleHead {
  std::string method, target, host;
  int minor_version = 1;
  std::vector<std::pair<std::string, std::string>> fields;
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  std::size_t size = 0;
};

// The head at the start of `bytes`, when it is whole and beyond doubt.
std::optional<OracleHead> ReadStrictly(std::string_view bytes);

}  // namespace keypool::proxy
