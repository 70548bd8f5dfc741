// Whatever a file of limits says: every mistake is told with its line, and what is accepted is
// inside its bounds, is the same as rules and as a list, and reads the same when written again.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "cli/limits_toml.h"
#include "keyd/base/lease.h"
#include "keyd/limits_file.h"
#include "tests/fuzz/fuzz.h"

namespace keypool {
namespace {

void CheckNumbers(const LimitSet& limits) {
  for (const LimitNumber& n : kLimitNumbers) {
    const std::optional<std::int64_t>& number = limits.*n.number;
    if (!number || *number == kUnlimited) continue;
    FUZZ_CHECK(*number >= n.least && *number <= n.most);
  }
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

void CheckScope(const ScopeLimits& said) {
  CheckNumbers(said.limits);
  const LimitScopeName& scope = said.scope;
  FUZZ_CHECK(!HasControl(scope.name) && !HasControl(scope.model) && !HasControl(said.tier));
  FUZZ_CHECK(scope.model.size() <= kModelBytesMax && !scope.model.starts_with("models/"));
  FUZZ_CHECK((scope.models == LimitModels::kOne) == !scope.model.empty());
  FUZZ_CHECK((scope.level == LimitLevel::kEverywhere) == scope.name.empty());
  if (scope.level == LimitLevel::kProject) FUZZ_CHECK(CanHaveLimits(scope.name));
  if (scope.level == LimitLevel::kTier) FUZZ_CHECK(scope.name.size() <= kTierBytesMax);
  FUZZ_CHECK(said.tier.empty() || scope.level == LimitLevel::kProject);
}

void CheckErrors(const absl::Status& status) {
  FUZZ_CHECK(absl::IsInvalidArgument(status));
  FUZZ_CHECK(!status.message().empty());
  FUZZ_CHECK(absl::StartsWith(status.message(), "limits.toml:"));
}

}  // namespace

void proxy::Fuzz(std::string_view bytes) {
  const auto rules = ParseLimits(bytes, "limits.toml");
  const auto list = ParseLimitScopes(bytes, "limits.toml");
  if (!list.ok()) {
    CheckErrors(list.status());
    if (!rules.ok()) CheckErrors(rules.status());
    return;
  }
  FUZZ_CHECK(rules.ok());
  std::vector<ScopeLimits> said = policy::ScopesOf(*rules);
  policy::LimitRules built;
  for (const ScopeLimits& scope : said) {
    CheckScope(scope);
    policy::PutOver(scope, &built);
  }
  FUZZ_CHECK(policy::ScopesOf(built) == said);

  const auto says_nothing = [](const ScopeLimits& scope) { return SaysNothing(scope); };
  said.erase(std::remove_if(said.begin(), said.end(), says_nothing), said.end());
  const std::string toml = cli::LimitsToml(said);
  const auto again = ParseLimits(toml, "limits.toml");
  FUZZ_CHECK(again.ok());
  std::vector<ScopeLimits> said_again = policy::ScopesOf(*again);
  said_again.erase(std::remove_if(said_again.begin(), said_again.end(), says_nothing),
                   said_again.end());
  FUZZ_CHECK(said_again == said);
}

}  // namespace keypool
