#include "cli/limits_options.h"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "keyd/base/lease.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

constexpr char kExamples[] =
    "Examples:\n"
    "  poolctl limits list                        the defaults, LIMITS_FILE, and what was set\n"
    "  poolctl limits set --model gemini-2.5-pro --rpm 5 --rpd 100\n"
    "  poolctl limits set --tier paid --model gemini-2.5-pro --rpm 150 --rpd unlimited\n"
    "  poolctl limits set --project my-project-7 --project-tier paid\n"
    "  poolctl limits set --project my-project-7 --together --tpd 50000000\n"
    "  poolctl limits unset --tier paid --model gemini-2.5-pro --only rpd\n"
    "  poolctl limits unset --project my-project-7\n"
    "  poolctl limits export > limits.toml\n"
    "  poolctl limits import limits.toml --dry-run\n"
    "A change is in force at once and survives a restart. Of a request's scopes the narrowest "
    "that\n"
    "says a number wins: its project for the model, its project, the project's tier for the "
    "model,\n"
    "the tier, every project for the model, every project. Within a scope, what was set wins over\n"
    "LIMITS_FILE. What Google has told in a 429 takes the place of a default, and of a limit that "
    "is\n"
    "higher: poolctl status shows what holds. A text to import has the form of LIMITS_FILE and "
    "takes\n"
    "the place of everything that was set.\n";

struct Action {
  std::string_view name;
  LimitsAction action;
  std::vector<std::string_view> flags;  // that it takes
};
const std::vector<Action>& Actions() {
  static const std::vector<Action> actions = {
      {"list", LimitsAction::kList, {"json"}},
      {"set",
       LimitsAction::kSet,
       {"project", "tier", "model", "together", "rpm", "rpd", "tpm", "tpd", "project-tier"}},
      {"unset", LimitsAction::kUnset, {"project", "tier", "model", "together", "only"}},
      {"import", LimitsAction::kImport, {"dry-run"}},
      {"export", LimitsAction::kExport, {}}};
  return actions;
}

using Given = std::vector<std::pair<std::string_view, bool>>;

absl::Status CheckFlags(const Action& action, const Given& given, bool file) {
  std::vector<std::string> wrong;
  for (const auto& [flag, is_given] : given) {
    if (!is_given) continue;
    bool takes = false;
    for (const std::string_view own : action.flags) takes = takes || own == flag;
    if (!takes) wrong.push_back(absl::StrCat("--", ToAbsl(flag)));
  }
  if (!wrong.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(absl::StrJoin(wrong, ", "), ": limits ", ToAbsl(action.name),
                     " takes no such flag; see poolctl limits --help"));
  }
  if (file == (action.action == LimitsAction::kImport)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      file ? absl::StrCat("FILE: limits ", ToAbsl(action.name), " takes no file")
           : "FILE is missing: name the file to import, or - for standard input");
}

absl::Status ReadScope(const LimitsTexts& texts, LimitScopeName* scope) {
  if (!texts.project.empty() && !texts.tier.empty()) {
    return absl::InvalidArgumentError("--project and --tier: give one of the two");
  }
  if (!texts.model.empty() && texts.together) {
    return absl::InvalidArgumentError("--model and --together: give one of the two");
  }
  if (texts.together && texts.project.empty() && texts.tier.empty()) {
    return absl::InvalidArgumentError(
        "--together: is said of a project or of a tier; add --project or --tier");
  }
  if (!texts.project.empty() && !CanHaveLimits(texts.project)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--project: is no project id; allowed: 1 to ", kProjectIdBytesMax,
                     " letters, digits and . _ : -, not starting with -; or a key's own project, "
                     "like ~key_7"));
  }
  if (texts.tier.size() > kTierBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--tier: must be of at most ", kTierBytesMax, " bytes"));
  }
  if (texts.model.size() > kModelBytesMax || texts.model.starts_with("models/")) {
    return absl::InvalidArgumentError(absl::StrCat("--model: must be of at most ", kModelBytesMax,
                                                   " bytes, without models/ in front"));
  }
  if (!texts.project.empty()) *scope = {LimitLevel::kProject, texts.project, {}, {}};
  if (!texts.tier.empty()) *scope = {LimitLevel::kTier, texts.tier, {}, {}};
  if (!texts.model.empty()) scope->models = LimitModels::kOne;
  if (texts.together) scope->models = LimitModels::kTogether;
  scope->model = texts.model;
  return absl::OkStatus();
}

absl::Status ReadNumbers(const LimitsTexts& texts, ScopeLimits* limits) {
  for (const LimitNumber& n : kLimitNumbers) {
    const std::string& text = n.flag == "rpm"   ? texts.rpm
                              : n.flag == "rpd" ? texts.rpd
                              : n.flag == "tpm" ? texts.tpm
                                                : texts.tpd;
    if (text.empty()) continue;
    std::int64_t number = kUnlimited;
    const bool unlimited = text == kUnlimitedWord;
    if (!unlimited && (!absl::SimpleAtoi(text, &number) || number < n.least || number > n.most)) {
      return absl::InvalidArgumentError(absl::StrCat("--", ToAbsl(n.flag),
                                                     ": must be a whole number from ", n.least,
                                                     " to ", n.most, ", or unlimited"));
    }
    limits->limits.*n.number = number;
  }
  if (!texts.project_tier.empty()) {
    if (limits->scope.level != LimitLevel::kProject || limits->scope.models != LimitModels::kEach) {
      return absl::InvalidArgumentError(
          "--project-tier: is said of a project as a whole; add --project, without --model and "
          "--together");
    }
    limits->tier = texts.project_tier;
  }
  if (!SaysNothing(*limits)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "limits set needs what to set: --rpm, --rpd, --tpm, --tpd or --project-tier");
}

absl::Status ReadOnly(const std::string& text, UnsetLimitsCommand* unset) {
  if (text.empty()) return absl::OkStatus();
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    bool* chosen = name == "rpm"            ? &unset->requests_per_minute
                   : name == "rpd"          ? &unset->requests_per_day
                   : name == "tpm"          ? &unset->input_tokens_per_minute
                   : name == "tpd"          ? &unset->input_tokens_per_day
                   : name == "project-tier" ? &unset->tier
                                            : nullptr;
    if (chosen == nullptr) {
      return absl::InvalidArgumentError(
          "--only: must be some of rpm, rpd, tpm, tpd and project-tier, with commas between");
    }
    *chosen = true;
  }
  return absl::OkStatus();
}

absl::Status Read(const LimitsTexts& texts, Options* o) {
  const Action* action = nullptr;
  for (const Action& known : Actions()) {
    if (texts.action == known.name) action = &known;
  }
  if (action == nullptr) {
    return absl::InvalidArgumentError("ACTION: must be list, set, unset, import or export");
  }
  const Given given = {{"json", o->json},
                       {"project", !texts.project.empty()},
                       {"tier", !texts.tier.empty()},
                       {"model", !texts.model.empty()},
                       {"together", texts.together},
                       {"rpm", !texts.rpm.empty()},
                       {"rpd", !texts.rpd.empty()},
                       {"tpm", !texts.tpm.empty()},
                       {"tpd", !texts.tpd.empty()},
                       {"project-tier", !texts.project_tier.empty()},
                       {"only", !texts.only.empty()},
                       {"dry-run", o->dry_run}};
  o->limits_action = action->action;
  o->file = texts.file;
  KP_RETURN_IF_ERROR(CheckFlags(*action, given, !texts.file.empty()));
  KP_RETURN_IF_ERROR(ReadScope(texts, &o->limits.scope));
  o->unset.scope = o->limits.scope;
  if (action->action == LimitsAction::kSet) return ReadNumbers(texts, &o->limits);
  return ReadOnly(texts.only, &o->unset);
}

}  // namespace

void DeclareLimits(Settings& settings, Options* o, LimitsTexts* texts) {
  using Presence = Settings::Presence;
  Settings& limits =
      settings.AddCommand("limits", "Shows, sets, unsets, imports and exports limits.", kExamples);
  limits.AddArgument("ACTION", &texts->action, Presence::kRequired,
                     "list, set, unset, import or export.");
  limits.AddArgument("FILE", &texts->file, Presence::kOptional,
                     "import: a TOML file; - is standard input.");
  limits.AddOption("project", &texts->project, "PROJECT", "set, unset: of this project.");
  limits.AddOption("tier", &texts->tier, "TIER",
                   "set, unset: of every project in this tier. With neither: of every project.");
  limits.AddOption("model", &texts->model, "MODEL",
                   "set, unset: for this model. Without it: for each model.");
  limits.AddSwitch("together", &texts->together,
                   "set, unset: for all models of a project taken together, beside those of each.");
  const std::string number = "N";
  limits.AddOption("rpm", &texts->rpm, number, "set: requests a minute, or unlimited.");
  limits.AddOption("rpd", &texts->rpd, number,
                   "set: requests a Pacific day, or unlimited; 0 means no access.");
  limits.AddOption("tpm", &texts->tpm, number, "set: input tokens a minute, or unlimited.");
  limits.AddOption("tpd", &texts->tpd, number, "set: input tokens a Pacific day, or unlimited.");
  limits.AddOption("project-tier", &texts->project_tier, "TIER",
                   "set: puts the project into this tier.");
  limits.AddOption("only", &texts->only, "NAMES",
                   "unset: only these, like rpm,tpd. Without it: all that was set of the scope.");
  limits.AddSwitch("dry-run", &o->dry_run, "import: only looks for mistakes.");
  limits.AddSwitch("json", &o->json, "list: prints one JSON object.");
  limits.AddCheck([o, texts] { return Read(*texts, o); });
}

}  // namespace keypool::cli
