#include "keyd/policy/limit_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::policy {
namespace {

bool IsPossible(const ScopeLimits& said) {
  const LimitScopeName& scope = said.scope;
  const bool everywhere = scope.level == LimitLevel::kEverywhere;
  if (scope.name.empty() != everywhere) return false;
  if (scope.model.empty() != (scope.models != LimitModels::kOne)) return false;
  if (everywhere && scope.models == LimitModels::kTogether) return false;
  return std::all_of(std::begin(kLimitNumbers), std::end(kLimitNumbers), [&](const auto& n) {
    return (said.limits.*n.number).value_or(n.least) >= n.least;
  });
}

absl::Status CheckScopes(std::size_t scopes) {
  if (scopes <= kLimitScopesMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("limits of ", scopes, " scopes are more than the ", kLimitScopesMax,
                   " that can be set at run time; put limits that seldom change into LIMITS_FILE, "
                   "or projects of one kind into a tier"));
}

LimitSet AsSet(const Limits& limits) {
  return {limits.requests_per_minute, limits.requests_per_day, limits.input_tokens_per_minute,
          limits.input_tokens_per_day};
}

}  // namespace

LimitBook::LimitBook(const Limits& defaults, LimitRules file)
    : defaults_(defaults), file_(std::move(file)), rules_(file_) {}

void LimitBook::Combine() {
  rules_ = file_;
  for (const auto& [scope, said] : said_) PutOver(said, &rules_);
}

absl::Status LimitBook::Restore(std::vector<LimitRecord> records) {
  for (LimitRecord& record : records) {
    if (!IsPossible(record)) {
      return absl::DataLossError(absl::StrCat("the stored limits of ", ToText(record.scope),
                                              " say what cannot be said: ", ToText(record.limits)));
    }
    said_.insert_or_assign(record.scope, std::move(record));
  }
  Combine();
  return absl::OkStatus();
}

// Requires room.
void LimitBook::Write(const ScopeLimits& said, Mutations* mutations) {
  if (SaysNothing(said)) {
    said_.erase(said.scope);
    mutations->push_back(DeleteLimit{said.scope});
  } else {
    said_.insert_or_assign(said.scope, said);
    mutations->push_back(said);
  }
}

absl::StatusOr<ScopeLimits> LimitBook::Set(const ScopeLimits& said, Mutations* mutations) {
  if (!said.tier.empty() && rules_.tiers.find(said.tier) == rules_.tiers.end()) {
    return absl::NotFoundError(absl::StrCat("nothing is said of a tier ", said.tier,
                                            "; set limits of it first, or name it in LIMITS_FILE"));
  }
  const auto before = said_.find(said.scope);
  if (before == said_.end()) KP_RETURN_IF_ERROR(CheckScopes(said_.size() + 1));
  ScopeLimits now = before == said_.end() ? ScopeLimits{said.scope, {}, {}} : before->second;
  for (const LimitNumber& n : kLimitNumbers) {
    if (said.limits.*n.number) now.limits.*n.number = said.limits.*n.number;
  }
  if (!said.tier.empty()) now.tier = said.tier;
  Write(now, mutations);
  Combine();
  return now;
}

absl::StatusOr<ScopeLimits> LimitBook::Unset(const UnsetLimitsCommand& command,
                                             Mutations* mutations) {
  const auto before = said_.find(command.scope);
  if (before == said_.end()) {
    return absl::NotFoundError(absl::StrCat(
        "no limits of ", ToText(command.scope), " were set at run time",
        FileSays(command.scope) ? "; LIMITS_FILE has some, and limits that are set go over them"
                                : ""));
  }
  ScopeLimits left = before->second;
  bool some = command.tier;
  const auto take = [&some](bool asked, std::optional<std::int64_t>* number) {
    some = some || asked;
    if (asked) number->reset();
  };
  take(command.requests_per_minute, &left.limits.requests_per_minute);
  take(command.requests_per_day, &left.limits.requests_per_day);
  take(command.input_tokens_per_minute, &left.limits.input_tokens_per_minute);
  take(command.input_tokens_per_day, &left.limits.input_tokens_per_day);
  if (command.tier) left.tier.clear();
  if (!some) left = {command.scope, {}, {}};
  Write(left, mutations);
  Combine();
  return left;
}

absl::StatusOr<ImportedLimits> LimitBook::Import(const ImportLimitsCommand& command,
                                                 Mutations* mutations) {
  KP_RETURN_IF_ERROR(CheckScopes(command.limits.size()));
  const ImportedLimits imported{static_cast<std::int64_t>(command.limits.size()),
                                static_cast<std::int64_t>(said_.size())};
  if (command.dry_run) return imported;
  Said said;
  for (const ScopeLimits& scope : command.limits) said.insert_or_assign(scope.scope, scope);
  for (const auto& [scope, before] : said_) {
    if (said.find(scope) == said.end()) mutations->push_back(DeleteLimit{scope});
  }
  for (const auto& [scope, now] : said) {
    const auto before = said_.find(scope);
    if (before == said_.end() || !(before->second == now)) mutations->push_back(now);
  }
  said_ = std::move(said);
  Combine();
  return imported;
}

bool LimitBook::FileSays(const LimitScopeName& scope) const {
  const std::vector<ScopeLimits> scopes = ScopesOf(file_);
  return std::any_of(scopes.begin(), scopes.end(),
                     [&scope](const ScopeLimits& said) { return said.scope == scope; });
}

LimitsPage LimitBook::Page(const LimitsQuery& query) const {
  std::vector<LimitRow> rows;
  const auto add = [&](LimitOrigin origin, const ScopeLimits& said) {
    if (!query.after || LimitRow::Place{said.scope, origin} > *query.after) {
      rows.push_back({origin, said});
    }
  };
  add(LimitOrigin::kDefault, {{}, AsSet(defaults_), {}});
  for (const ScopeLimits& said : ScopesOf(file_)) add(LimitOrigin::kFile, said);
  for (const auto& [scope, said] : said_) add(LimitOrigin::kOperator, said);
  const auto by_place = [](const LimitRow& a, const LimitRow& b) {
    return std::tie(a.said.scope, a.origin) < std::tie(b.said.scope, b.origin);
  };
  std::sort(rows.begin(), rows.end(), by_place);
  LimitsPage page;
  page.more = rows.size() > query.rows_max;
  if (page.more) rows.resize(query.rows_max);
  page.rows = std::move(rows);
  return page;
}

}  // namespace keypool::policy
