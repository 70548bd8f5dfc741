// What the commands about those who have a token show in the same way.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cli/commands.h"
#include "keyd/base/secret.h"
#include "keyd/base/token.h"

namespace keypool::cli {

// "2026-11-30 14:03"; for InfiniteFuture: "never".
std::string When(absl::Time time, absl::TimeZone zone);
// null for InfiniteFuture.
boost::json::value EndJson(absl::Time time);
boost::json::array TokensJson(const std::vector<TokenStatus>& tokens);

// A token that is shown this once.
struct ShownToken {
  std::string_view owner_key;  // what its owner is called in JSON
  boost::json::object owner;
  std::string name;
  SecretPtr token;
  bool one_before = false;  // that stays good for a while
  std::string_view use;     // "use it in place of an API key"
};
// The token alone, so that a script can take it; what to know about it goes elsewhere.
ExitCode ShowToken(const Options& options, ShownToken shown, Console& console);

}  // namespace keypool::cli
