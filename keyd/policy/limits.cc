#include "keyd/policy/limits.h"

#include <algorithm>
#include <utility>

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

LimitSet Over(LimitSet said, const LimitSet& under) {
  Fill(under, &said);
  return said;
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

void AddScopes(const LimitScope& said, LimitScopeName name, std::string tier,
               std::vector<ScopeLimits>* scopes) {
  const auto add = [&](LimitModels models, std::string model, const LimitSet& limits,
                       std::string of_tier) {
    name.models = models;
    name.model = std::move(model);
    ScopeLimits scope{name, limits, std::move(of_tier)};
    if (!SaysNothing(scope)) scopes->push_back(std::move(scope));
  };
  add(LimitModels::kEach, "", said.all_models, std::move(tier));
  for (const auto& [model, limits] : said.models) add(LimitModels::kOne, model, limits, "");
  add(LimitModels::kTogether, "", said.together, "");
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

bool NamesModel(const LimitRules& rules, std::string_view project, std::string_view model) {
  if (rules.everywhere.models.contains(model)) return true;
  const auto own = rules.projects.find(project);
  if (own == rules.projects.end()) return false;
  if (own->second.own.models.contains(model)) return true;
  const auto tier = rules.tiers.find(own->second.tier);
  return tier != rules.tiers.end() && tier->second.models.contains(model);
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

std::vector<ScopeLimits> ScopesOf(const LimitRules& rules) {
  std::vector<ScopeLimits> scopes;
  AddScopes(rules.everywhere, {}, "", &scopes);
  for (const auto& [name, tier] : rules.tiers) {
    AddScopes(tier, {.level = LimitLevel::kTier, .name = name, .model = {}}, "", &scopes);
  }
  for (const auto& [name, project] : rules.projects) {
    AddScopes(project.own, {.level = LimitLevel::kProject, .name = name, .model = {}}, project.tier,
              &scopes);
  }
  return scopes;
}

void PutOver(const ScopeLimits& said, LimitRules* rules) {
  LimitScope* scope = &rules->everywhere;
  if (said.scope.level == LimitLevel::kTier) scope = &rules->tiers[said.scope.name];
  if (said.scope.level == LimitLevel::kProject) {
    ProjectLimits& project = rules->projects[said.scope.name];
    if (!said.tier.empty()) project.tier = said.tier;
    scope = &project.own;
  }
  LimitSet* limits = &scope->all_models;
  if (said.scope.models == LimitModels::kOne) limits = &scope->models[said.scope.model];
  if (said.scope.models == LimitModels::kTogether) limits = &scope->together;
  *limits = Over(said.limits, *limits);
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
