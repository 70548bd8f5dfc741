#include "keyd/policy/limits.h"

namespace keypool::policy {
namespace {

// Fills what is still open.
void Fill(const LimitSet& said, LimitSet* limits) {
  if (!limits->requests_per_minute) limits->requests_per_minute = said.requests_per_minute;
  if (!limits->requests_per_day) limits->requests_per_day = said.requests_per_day;
}

void Fill(const LimitScope& scope, std::string_view model, LimitSet* limits) {
  const auto narrow = scope.models.find(model);
  if (narrow != scope.models.end()) Fill(narrow->second, limits);
  Fill(scope.all_models, limits);
}

}  // namespace

ConfiguredLimits LimitsFor(const LimitRules& rules, const Limits& defaults,
                           std::string_view project, std::string_view model) {
  LimitSet said;
  const auto own = rules.projects.find(project);
  if (own != rules.projects.end()) {
    Fill(own->second.own, model, &said);
    const auto tier = rules.tiers.find(own->second.tier);
    if (tier != rules.tiers.end()) Fill(tier->second, model, &said);
  }
  Fill(rules.everywhere, model, &said);
  ConfiguredLimits result;
  result.limits = {said.requests_per_minute.value_or(defaults.requests_per_minute),
                   said.requests_per_day.value_or(defaults.requests_per_day)};
  if (said.requests_per_minute) result.minute_source = LimitSource::kConfigured;
  if (said.requests_per_day) result.day_source = LimitSource::kConfigured;
  return result;
}

}  // namespace keypool::policy
