// Payload of a message as it lies in a buffer: a list of views.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace keypool::proxy {

struct Pieces {
  static constexpr std::size_t kMax = 60;
  // One more than is ever filled: for what has to go in front.
  std::array<std::string_view, kMax + 1> part;
  std::size_t count = 0;
  std::size_t bytes = 0;

  void Clear() { count = bytes = 0; }
  void Add(std::string_view data) {
    if (data.empty()) return;
    part[count++] = data;
    bytes += data.size();
  }
};

}  // namespace keypool::proxy
