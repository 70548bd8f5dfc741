#include "keyd/base/operator_limits.h"

#include "absl/strings/str_cat.h"
#include "keyd/base/ids.h"
#include "keyd/base/status.h"

namespace keypool {

std::string ToText(const LimitSet& limits) {
  std::string text;
  for (const LimitNumber& n : kLimitNumbers) {
    const std::optional<std::int64_t>& number = limits.*n.number;
    if (!number) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ",
                    *number == kUnlimited ? std::string(kUnlimitedWord) : absl::StrCat(*number),
                    " ", ToAbsl(n.text));
  }
  return text;
}

std::string ToText(const LimitScopeName& scope) {
  std::string text = "every project";
  if (scope.level == LimitLevel::kTier) text = absl::StrCat("tier ", scope.name);
  if (scope.level == LimitLevel::kProject) text = absl::StrCat("project ", scope.name);
  if (scope.models == LimitModels::kOne) absl::StrAppend(&text, ", model ", scope.model);
  if (scope.models == LimitModels::kTogether) absl::StrAppend(&text, ", all models together");
  return text;
}

std::string ToText(const ScopeLimits& said) {
  std::string text = ToText(said.limits);
  if (!said.tier.empty()) {
    text = absl::StrCat("tier ", said.tier, text.empty() ? "" : ", ", text);
  }
  return absl::StrCat(ToText(said.scope), ": ", text.empty() ? "nothing is set" : text);
}

bool CanHaveLimits(std::string_view project) {
  if (!project.starts_with('~')) return IsDeclarableProject(project);
  const std::optional<KeyId> key = ParseKeyId(project.substr(1));
  return key && OwnProject(*key).value() == project;
}

}  // namespace keypool
