#include "cli/limits_command.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/json_values.h"
#include "cli/limits_toml.h"
#include "cli/status_command.h"
#include "cli/text_table.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

namespace json = boost::json;

absl::StatusOr<std::vector<LimitRow>> ReadAllRows(client::AdminClient& keyd) {
  LimitsQuery query;
  std::vector<LimitRow> all;
  while (true) {
    absl::StatusOr<LimitsPage> page =
        Await<LimitsPage>([&](auto done) { keyd.ListLimits(query, std::move(done)); });
    if (!page.ok()) return page.status();
    // A page without a row cannot lead on.
    const bool more = page->more && !page->rows.empty();
    std::move(page->rows.begin(), page->rows.end(), std::back_inserter(all));
    if (!more) return all;
    query.after = LimitRow::Place{all.back().said.scope, all.back().origin};
  }
}

std::string_view NameOf(LimitOrigin origin) {
  switch (origin) {
    case LimitOrigin::kDefault:
      return "default";
    case LimitOrigin::kFile:
      return "file";
    case LimitOrigin::kOperator:
      return "operator";
  }
  return "unknown";
}

json::value JsonOf(const std::optional<std::int64_t>& number) {
  if (!number) return nullptr;
  if (*number == kUnlimited) return json::value(std::string(kUnlimitedWord));
  return *number;
}

std::string Json(const std::vector<LimitRow>& rows) {
  json::array limits;
  for (const LimitRow& row : rows) {
    const LimitScopeName& scope = row.said.scope;
    json::object o = {{"source", std::string(NameOf(row.origin))},
                      {"project_id", Text(scope.level == LimitLevel::kProject ? scope.name : "")},
                      {"tier", Text(scope.level == LimitLevel::kTier ? scope.name : "")},
                      {"model", Text(scope.model)},
                      {"all_models", scope.models == LimitModels::kTogether}};
    for (const LimitNumber& n : kLimitNumbers) {
      o[boost::json::string_view(n.key.data(), n.key.size())] = JsonOf(row.said.limits.*n.number);
    }
    o["project_tier"] = Text(row.said.tier);
    limits.push_back(std::move(o));
  }
  return json::serialize(json::object{{"limits", std::move(limits)}});
}

std::string CellOf(const std::optional<std::int64_t>& number) {
  if (!number) return "-";
  return *number == kUnlimited ? std::string(kUnlimitedWord) : absl::StrCat(*number);
}

std::string WhereText(const ScopeLimits& said) {
  LimitScopeName where = said.scope;
  where.models = LimitModels::kEach;
  return said.tier.empty() ? ToText(where) : absl::StrCat(ToText(where), " (tier ", said.tier, ")");
}

std::string ModelText(const LimitScopeName& scope) {
  if (scope.models == LimitModels::kOne) return scope.model;
  return scope.models == LimitModels::kEach ? "each" : "all together";
}

std::string Table(const std::vector<LimitRow>& rows, bool colour) {
  TextTable table({"SCOPE", "MODEL", "RPM", "TPM", "RPD", "TPD", "SOURCE"});
  for (const LimitRow& row : rows) {
    const LimitSet& limits = row.said.limits;
    table.Add({{WhereText(row.said)},
               {ModelText(row.said.scope)},
               {CellOf(limits.requests_per_minute)},
               {CellOf(limits.input_tokens_per_minute)},
               {CellOf(limits.requests_per_day)},
               {CellOf(limits.input_tokens_per_day)},
               {std::string(NameOf(row.origin))}});
  }
  return absl::StrJoin(table.Lines(colour, 0), "\n") + "\n";
}

ExitCode Set(const Options& options, client::AdminClient& keyd, Console& console) {
  const auto said =
      Await<ScopeLimits>([&](auto done) { keyd.SetLimits({options.limits}, std::move(done)); });
  if (!said.ok()) return ReportError(said.status(), console);
  console.Out(Harmless(ToText(*said)) + "\n");
  return kDone;
}

ExitCode Unset(const Options& options, client::AdminClient& keyd, Console& console) {
  const auto left =
      Await<ScopeLimits>([&](auto done) { keyd.UnsetLimits(options.unset, std::move(done)); });
  if (!left.ok()) return ReportError(left.status(), console);
  console.Out(Harmless(ToText(*left)) + "\n");
  return kDone;
}

std::string Scopes(std::int64_t count) {
  return absl::StrCat(count, count == 1 ? " scope" : " scopes");
}

// Each mistake in a line of its own.
ExitCode ReportMistakes(const absl::Status& status, Console& console) {
  if (!absl::IsInvalidArgument(status)) return ReportError(status, console);
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    console.Err(absl::StrCat("poolctl: ", Harmless(ToStd(line))));
  }
  return kRefused;
}

ExitCode Import(const Options& options, client::AdminClient& keyd, Console& console) {
  const absl::StatusOr<std::string> text = console.ReadAll(options.file, kLimitsTextBytesMax);
  if (!text.ok()) return ReportError(text.status(), console);
  ImportLimitsText import{*text, options.file == "-" ? "standard input" : options.file,
                          options.dry_run};
  const auto imported = Await<ImportedLimits>(
      [&](auto done) { keyd.ImportLimits(std::move(import), std::move(done)); });
  if (!imported.ok()) return ReportMistakes(imported.status(), console);
  console.Out(options.dry_run
                  ? absl::StrCat("no mistakes; limits of ", Scopes(imported->scopes),
                                 " would be set, in place of ", imported->scopes_before, "\n")
                  : absl::StrCat("set limits of ", Scopes(imported->scopes), ", in place of ",
                                 imported->scopes_before, "\n"));
  return kDone;
}

ExitCode Show(const Options& options, client::AdminClient& keyd, Console& console) {
  const absl::StatusOr<std::vector<LimitRow>> rows = ReadAllRows(keyd);
  if (!rows.ok()) return ReportError(rows.status(), console);
  if (options.limits_action == LimitsAction::kExport) {
    std::vector<ScopeLimits> said;
    for (const LimitRow& row : *rows) {
      if (row.origin == LimitOrigin::kOperator) said.push_back(row.said);
    }
    console.Out(LimitsToml(said));
  } else if (options.json) {
    console.Out(Json(*rows) + "\n");
  } else {
    console.Out(Table(*rows, console.OutScreen().colour));
  }
  return kDone;
}

}  // namespace

ExitCode RunLimits(const Options& options, client::AdminClient& keyd, Console& console) {
  switch (options.limits_action) {
    case LimitsAction::kList:
    case LimitsAction::kExport:
      return Show(options, keyd, console);
    case LimitsAction::kSet:
      return Set(options, keyd, console);
    case LimitsAction::kUnset:
      return Unset(options, keyd, console);
    case LimitsAction::kImport:
      return Import(options, keyd, console);
  }
  return kUsage;
}

}  // namespace keypool::cli
