#include "keyd/policy/limits.h"

#include <algorithm>

namespace keypool::policy {
namespace {

void Fill(const std::optional<std::int64_t>& said, std::optional<std::int64_t>* limit) {
  if (!*limit) *limit = said;
}

// Fills what is still open.
void Fill(const LimitSet& said, LimitSet* limits) {
  Fill(said.requests_per_minute, &limits->requests_per_minute);
  Fill(said.requests_per_day, &limits->requests_per_day);
  Fill(said.input_tokens_per_minute, &limits->input_tokens_per_minute);
  Fill(said.input_tokens_per_day, &limits->input_tokens_per_day);
}

void Fill(const LimitScope& scope, std::string_view model, LimitSet* limits) {
  const auto narrow = scope.models.find(model);
  if (narrow != scope.models.end()) Fill(narrow->second, limits);
  Fill(scope.all_models, limits);
}

Limits Over(const LimitSet& said, const Limits& defaults) {
  return {said.requests_per_minute.value_or(defaults.requests_per_minute),
          said.requests_per_day.value_or(defaults.requests_per_day),
          said.input_tokens_per_minute.value_or(defaults.input_tokens_per_minute),
          said.input_tokens_per_day.value_or(defaults.input_tokens_per_day)};
}

LimitSource SourceOf(const std::optional<std::int64_t>& said) {
  return said ? LimitSource::kConfigured : LimitSource::kDefault;
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
  return {.limits = Over(said, defaults),
          .minute_source = SourceOf(said.requests_per_minute),
          .day_source = SourceOf(said.requests_per_day),
          .tokens_minute_source = SourceOf(said.input_tokens_per_minute),
          .tokens_day_source = SourceOf(said.input_tokens_per_day)};
}

std::optional<Limits> LimitsTogether(const LimitRules& rules, std::string_view project) {
  const auto own = rules.projects.find(project);
  if (own == rules.projects.end()) return std::nullopt;
  LimitSet said = own->second.own.together;
  const auto tier = rules.tiers.find(own->second.tier);
  if (tier != rules.tiers.end()) Fill(tier->second.together, &said);
  const Limits limits = Over(said, kNoLimits);
  if (limits == kNoLimits) return std::nullopt;
  return limits;
}

std::int64_t LargestRequest(const LimitRules& rules, const Limits& defaults,
                            std::string_view model) {
  const auto largest = [&](std::string_view project) {
    const Limits limits = LimitsFor(rules, defaults, project, model).limits;
    const Limits together = LimitsTogether(rules, project).value_or(kNoLimits);
    return std::min({limits.input_tokens_per_minute, limits.input_tokens_per_day,
                     together.input_tokens_per_minute, together.input_tokens_per_day});
  };
  std::int64_t result = largest("");
  for (const auto& [name, project] : rules.projects) result = std::max(result, largest(name));
  return result;
}

}  // namespace keypool::policy
