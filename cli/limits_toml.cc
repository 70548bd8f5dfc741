#include "cli/limits_toml.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

// Names have no control characters.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string TableOf(const LimitScopeName& scope) {
  std::string table;
  if (scope.level == LimitLevel::kTier) table = "tiers." + Quoted(scope.name);
  if (scope.level == LimitLevel::kProject) table = "projects." + Quoted(scope.name);
  const char* dot = table.empty() ? "" : ".";
  switch (scope.models) {
    case LimitModels::kEach:
      return table.empty() ? "default" : table;
    case LimitModels::kOne:
      return absl::StrCat(table, dot, "models.", Quoted(scope.model));
    case LimitModels::kTogether:
      return absl::StrCat(table, dot, "all_models");
  }
  return table;
}

void AppendNumbers(const LimitSet& limits, std::string* toml) {
  for (const LimitNumber& n : kLimitNumbers) {
    const std::optional<std::int64_t>& number = limits.*n.number;
    if (!number) continue;
    absl::StrAppend(toml, ToAbsl(n.key), " = ",
                    *number == kUnlimited ? Quoted(kUnlimitedWord) : absl::StrCat(*number), "\n");
  }
}

}  // namespace

std::string LimitsToml(const std::vector<ScopeLimits>& said) {
  // A project may name only a tier that has a table.
  std::set<std::string> bare_tiers;
  for (const ScopeLimits& scope : said) {
    if (!scope.tier.empty()) bare_tiers.insert(scope.tier);
  }
  for (const ScopeLimits& scope : said) {
    if (scope.scope.level == LimitLevel::kTier) bare_tiers.erase(scope.scope.name);
  }
  std::string toml =
      "# Limits that were set at run time, for `poolctl limits import` or LIMITS_FILE.\n";
  for (const std::string& tier : bare_tiers) {
    absl::StrAppend(&toml, "\n[tiers.", Quoted(tier), "]\n");
  }
  for (const ScopeLimits& scope : said) {
    absl::StrAppend(&toml, "\n[", TableOf(scope.scope), "]\n");
    if (!scope.tier.empty()) absl::StrAppend(&toml, "tier = ", Quoted(scope.tier), "\n");
    AppendNumbers(scope.limits, &toml);
  }
  return toml;
}

}  // namespace keypool::cli
