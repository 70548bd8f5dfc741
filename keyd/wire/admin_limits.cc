// What an operator says about limits at run time, and asks about them.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/lease.h"
#include "keyd/base/status.h"
#include "keyd/wire/admin_wire.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/text.h"

namespace keypool::wire {
namespace {

constexpr std::size_t kNameBytesMax = 1024;
constexpr std::size_t kErrorNameBytesMax = 1024;

void EncodeScope(const LimitScopeName& scope, v1::LimitScope* out) {
  if (scope.level == LimitLevel::kTier) out->set_tier(ClipText(scope.name, kNameBytesMax));
  if (scope.level == LimitLevel::kProject) out->set_project_id(ClipText(scope.name, kNameBytesMax));
  out->set_model(ClipText(scope.model, kNameBytesMax));
  out->set_all_models(scope.models == LimitModels::kTogether);
}

LimitScopeName ScopeOf(const v1::LimitScope& in) {
  LimitScopeName scope;
  if (!in.tier().empty()) {
    scope.level = LimitLevel::kTier;
    scope.name = in.tier();
  } else if (!in.project_id().empty()) {
    scope.level = LimitLevel::kProject;
    scope.name = in.project_id();
  }
  if (in.all_models()) {
    scope.models = LimitModels::kTogether;
  } else if (!in.model().empty()) {
    scope.models = LimitModels::kOne;
    scope.model = in.model();
  }
  return scope;
}

absl::Status CheckTier(std::string_view field, std::string_view tier) {
  if (tier.size() <= kTierBytesMax && !HasControlByte(tier)) return absl::OkStatus();
  return Invalid(field, "at most 128 bytes, no control characters");
}

absl::StatusOr<LimitScopeName> DecodeScope(const v1::LimitScope& in) {
  KP_RETURN_IF_ERROR(CheckTier("scope.tier", in.tier()));
  if (!in.tier().empty() && !in.project_id().empty()) {
    return Invalid("scope", "a tier or a project_id, not both");
  }
  const std::string_view project = in.project_id();
  if (!project.empty() && !CanHaveLimits(project)) {
    return Invalid("scope.project_id",
                   "1 to 128 of letters, digits and . _ : -, not starting with a dash; or a key's "
                   "own, like ~key_7");
  }
  const std::string_view model = in.model();
  if (model.size() > kModelBytesMax || HasControlByte(model) || model.starts_with("models/")) {
    return Invalid("scope.model",
                   "at most 128 bytes, no control characters, without \"models/\" in front");
  }
  if (in.all_models() && !model.empty()) return Invalid("scope", "a model or all_models, not both");
  if (in.all_models() && in.tier().empty() && project.empty()) {
    return Invalid("scope.all_models", "only with a tier or a project_id");
  }
  return ScopeOf(in);
}

struct NumberField {
  const LimitNumber* number;
  bool (v1::ScopeLimits::*has)() const;
  const v1::LimitNumber& (v1::ScopeLimits::*get)() const;
  v1::LimitNumber* (v1::ScopeLimits::*add)();
};
constexpr NumberField kNumberFields[] = {
    {&kLimitNumbers[0], &v1::ScopeLimits::has_requests_per_minute,
     &v1::ScopeLimits::requests_per_minute, &v1::ScopeLimits::mutable_requests_per_minute},
    {&kLimitNumbers[1], &v1::ScopeLimits::has_requests_per_day, &v1::ScopeLimits::requests_per_day,
     &v1::ScopeLimits::mutable_requests_per_day},
    {&kLimitNumbers[2], &v1::ScopeLimits::has_input_tokens_per_minute,
     &v1::ScopeLimits::input_tokens_per_minute, &v1::ScopeLimits::mutable_input_tokens_per_minute},
    {&kLimitNumbers[3], &v1::ScopeLimits::has_input_tokens_per_day,
     &v1::ScopeLimits::input_tokens_per_day, &v1::ScopeLimits::mutable_input_tokens_per_day}};

LimitSet NumbersOf(const v1::ScopeLimits& in) {
  LimitSet limits;
  for (const NumberField& field : kNumberFields) {
    if (!(in.*field.has)()) continue;
    const v1::LimitNumber& said = (in.*field.get)();
    limits.*field.number->number =
        said.unlimited()
            ? kUnlimited
            : static_cast<std::int64_t>(std::min<std::uint64_t>(said.limit(), kUnlimited));
  }
  return limits;
}

// Nothing that can be said of a scope is left out.
absl::StatusOr<ScopeLimits> DecodeSaid(const v1::ScopeLimits& in) {
  absl::StatusOr<LimitScopeName> scope = DecodeScope(in.scope());
  if (!scope.ok()) return scope.status();
  for (const NumberField& field : kNumberFields) {
    if (!(in.*field.has)() || (in.*field.get)().unlimited()) continue;
    const LimitNumber& bounds = *field.number;
    const std::uint64_t limit = (in.*field.get)().limit();
    if (limit < static_cast<std::uint64_t>(bounds.least) ||
        limit > static_cast<std::uint64_t>(bounds.most)) {
      return Invalid(ToStd(absl::StrCat(ToAbsl(bounds.key), ".limit")),
                     absl::StrCat(bounds.least, " to ", bounds.most, ", or unlimited"));
    }
  }
  KP_RETURN_IF_ERROR(CheckTier("tier", in.tier()));
  if (!in.tier().empty() &&
      (scope->level != LimitLevel::kProject || scope->models != LimitModels::kEach)) {
    return Invalid("tier", "only of a project, without a model or all_models");
  }
  return ScopeLimits{*std::move(scope), NumbersOf(in), in.tier()};
}

absl::StatusOr<LimitRow> DecodeRow(const v1::LimitRow& in) {
  LimitRow row;
  switch (in.source()) {
    case v1::LimitRow::SOURCE_DEFAULT:
      row.origin = LimitOrigin::kDefault;
      break;
    case v1::LimitRow::SOURCE_FILE:
      row.origin = LimitOrigin::kFile;
      break;
    case v1::LimitRow::SOURCE_OPERATOR:
      row.origin = LimitOrigin::kOperator;
      break;
    default:
      return NotUnderstood("rows.source");
  }
  row.said = {ScopeOf(in.limits().scope()), NumbersOf(in.limits()), in.limits().tier()};
  return row;
}

v1::LimitRow::Source EncodeOrigin(LimitOrigin origin) {
  switch (origin) {
    case LimitOrigin::kDefault:
      return v1::LimitRow::SOURCE_DEFAULT;
    case LimitOrigin::kFile:
      return v1::LimitRow::SOURCE_FILE;
    case LimitOrigin::kOperator:
      return v1::LimitRow::SOURCE_OPERATOR;
  }
  return v1::LimitRow::SOURCE_UNSPECIFIED;
}

// A row without its numbers. Callers do not look into it.
std::string TokenOf(const LimitRow::Place& place) {
  v1::LimitRow row;
  row.set_source(EncodeOrigin(place.origin));
  EncodeScope(place.scope, row.mutable_limits()->mutable_scope());
  return absl::WebSafeBase64Escape(row.SerializeAsString());
}

std::optional<LimitRow::Place> PlaceOf(const std::string& token) {
  std::string bytes;
  v1::LimitRow row;
  if (!absl::WebSafeBase64Unescape(token, &bytes) || !row.ParseFromString(bytes)) {
    return std::nullopt;
  }
  const absl::StatusOr<LimitRow> read = DecodeRow(row);
  if (!read.ok()) return std::nullopt;
  return LimitRow::Place{read->said.scope, read->origin};
}

}  // namespace

void Encode(const ScopeLimits& said, v1::ScopeLimits* out) {
  EncodeScope(said.scope, out->mutable_scope());
  for (const NumberField& field : kNumberFields) {
    const std::optional<std::int64_t>& number = said.limits.*field.number->number;
    if (!number) continue;
    v1::LimitNumber* to = (out->*field.add)();
    if (*number == kUnlimited) {
      to->set_unlimited(true);
    } else {
      to->set_limit(static_cast<std::uint64_t>(std::max<std::int64_t>(0, *number)));
    }
  }
  out->set_tier(ClipText(said.tier, kNameBytesMax));
}

absl::StatusOr<ScopeLimits> Decode(const v1::ScopeLimits& in) {
  return ScopeLimits{ScopeOf(in.scope()), NumbersOf(in), in.tier()};
}

void Encode(const SetLimitsCommand& command, v1::SetLimitsRequest* out) {
  Encode(command.said, out->mutable_limits());
}

absl::StatusOr<SetLimitsCommand> Decode(const v1::SetLimitsRequest& in) {
  absl::StatusOr<ScopeLimits> said = DecodeSaid(in.limits());
  if (!said.ok()) return Annotate(said.status(), "limits");
  if (SaysNothing(*said)) return Invalid("limits", "at least one number, or a tier");
  return SetLimitsCommand{*std::move(said)};
}

void Encode(const UnsetLimitsCommand& command, v1::UnsetLimitsRequest* out) {
  EncodeScope(command.scope, out->mutable_scope());
  out->set_requests_per_minute(command.requests_per_minute);
  out->set_requests_per_day(command.requests_per_day);
  out->set_input_tokens_per_minute(command.input_tokens_per_minute);
  out->set_input_tokens_per_day(command.input_tokens_per_day);
  out->set_tier(command.tier);
}

absl::StatusOr<UnsetLimitsCommand> Decode(const v1::UnsetLimitsRequest& in) {
  absl::StatusOr<LimitScopeName> scope = DecodeScope(in.scope());
  if (!scope.ok()) return scope.status();
  return UnsetLimitsCommand{*std::move(scope),         in.requests_per_minute(),
                            in.requests_per_day(),     in.input_tokens_per_minute(),
                            in.input_tokens_per_day(), in.tier()};
}

void Encode(const ImportLimitsText& text, v1::ImportLimitsRequest* out) {
  out->set_text(text.text);
  out->set_name(ClipText(text.name, kErrorNameBytesMax));
  out->set_dry_run(text.dry_run);
}

absl::StatusOr<ImportLimitsText> Decode(const v1::ImportLimitsRequest& in) {
  if (in.text().size() > kLimitsTextBytesMax) return Invalid("text", "at most 4000000 bytes");
  if (in.name().size() > kErrorNameBytesMax || HasControlByte(in.name())) {
    return Invalid("name", "at most 1024 bytes, no control characters");
  }
  return ImportLimitsText{in.text(), in.name().empty() ? "limits" : in.name(), in.dry_run()};
}

void Encode(const ImportedLimits& imported, v1::ImportLimitsResponse* out) {
  out->set_scopes(static_cast<std::uint32_t>(imported.scopes));
  out->set_scopes_before(static_cast<std::uint32_t>(imported.scopes_before));
}

absl::StatusOr<ImportedLimits> Decode(const v1::ImportLimitsResponse& in) {
  return ImportedLimits{in.scopes(), in.scopes_before()};
}

void Encode(const LimitsQuery& query, v1::ListLimitsRequest* out) {
  out->set_page_size(
      static_cast<std::uint32_t>(std::clamp<std::size_t>(query.rows_max, 1, kLimitRowsMax)));
  if (query.after) out->set_page_token(TokenOf(*query.after));
}

absl::StatusOr<LimitsQuery> Decode(const v1::ListLimitsRequest& in) {
  LimitsQuery query;
  if (in.page_size() > kLimitRowsMax) return Invalid("page_size", "1 to 1000, or 0 for 1000");
  if (in.page_size() > 0) query.rows_max = in.page_size();
  if (!in.page_token().empty()) {
    query.after = PlaceOf(in.page_token());
    if (!query.after) return Invalid("page_token", "not a token of an earlier page");
  }
  return query;
}

void Encode(const LimitsPage& page, v1::ListLimitsResponse* out) {
  for (const LimitRow& row : page.rows) {
    v1::LimitRow* to = out->add_rows();
    to->set_source(EncodeOrigin(row.origin));
    Encode(row.said, to->mutable_limits());
  }
  if (page.more && !page.rows.empty()) {
    out->set_next_page_token(TokenOf({page.rows.back().said.scope, page.rows.back().origin}));
  }
}

absl::StatusOr<LimitsPage> Decode(const v1::ListLimitsResponse& in) {
  LimitsPage page;
  for (const v1::LimitRow& r : in.rows()) {
    absl::StatusOr<LimitRow> row = DecodeRow(r);
    if (!row.ok()) return row.status();
    page.rows.push_back(*std::move(row));
  }
  page.more = !in.next_page_token().empty();
  return page;
}

}  // namespace keypool::wire
