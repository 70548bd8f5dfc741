// What is looked for in an answer of 2xx while it is relayed.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/learned_resources.h"
#include "proxy/usage_scan.h"

namespace keypool::proxy {

// Either may be left out; see there.
struct AnswerScan {
  std::optional<UsageScan> usage;
  std::optional<LearnedScan> resources;

  bool Any() const { return usage.has_value() || resources.has_value(); }
  void Feed(std::string_view piece) {
    if (usage.has_value()) usage->Feed(piece);
    if (resources.has_value()) resources->Feed(piece);
  }
};

}  // namespace keypool::proxy
