#include "cli/limits_toml.h"

#include <cstdint>
#include <set>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

// Names have no control characters, and are UTF-8. What is no ASCII is escaped: keyd reads it so.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) {
      if (lead == '"' || lead == '\\') quoted += '\\';
      quoted += static_cast<char>(lead);
      continue;
    }
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    std::uint32_t code = lead & (0x3Fu >> more);
    for (int i = 0; i < more && at < text.size(); ++i) {
      code = code << 6 | (static_cast<unsigned char>(text[at++]) & 0x3Fu);
    }
    absl::StrAppend(&quoted, "\\U", absl::Hex(code, absl::kZeroPad8));
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
