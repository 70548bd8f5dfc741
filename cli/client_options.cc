#include "cli/client_options.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/token_options.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

constexpr char kExamples[] =
    "Examples:\n"
    "  poolctl client add team-a                  prints a token; use it in place of an API key\n"
    "  poolctl client add batch --rpm 20 --rpd 5000 --models 'gemini-2.5-*' --expires 30d\n"
    "  poolctl client list                        who there is, and what each has used today\n"
    "  poolctl client show team-a --json | jq .tokens\n"
    "  poolctl client limits team-a --rpd 1000 --tpd unlimited --weight 3\n"
    "  poolctl client rotate team-a               a new token; the one before is good for 24h "
    "more\n"
    "  poolctl client rotate team-a --overlap 0s  … or no longer\n"
    "  poolctl client revoke team-a               no token of it is good from now on\n"
    "  poolctl client remove team-a               forgets one that was revoked\n"
    "A token is shown this once: keyd keeps a digest of it. The proxy takes it wherever a client "
    "of\n"
    "Gemini or OpenAI puts its key, and asks keyd at every request, so that a change holds at "
    "once.\n"
    "From the first client on, and while there is any, even a revoked one, requests without a "
    "good\n"
    "token get 401. Limits of a client are of its metered requests, beside those of the pool; "
    "what\n"
    "failed for the sake of a key is not counted. Of those who wait for quota, a client of weight "
    "3\n"
    "is served three times in its turn. Files, caches and the like are the client's who made "
    "them.\n";

struct Action {
  std::string_view name;
  ClientAction action;
  std::vector<std::string_view> flags;  // that it takes
};
const std::vector<Action>& Actions() {
  static const std::vector<Action> actions = {
      {"add", ClientAction::kAdd, {"rpm", "rpd", "tpd", "models", "expires", "weight", "json"}},
      {"list", ClientAction::kList, {"json"}},
      {"show", ClientAction::kShow, {"json"}},
      {"limits",
       ClientAction::kLimits,
       {"rpm", "rpd", "tpd", "models", "expires", "weight", "json"}},
      {"rotate", ClientAction::kRotate, {"overlap", "json"}},
      {"revoke", ClientAction::kRevoke, {"json"}},
      {"remove", ClientAction::kRemove, {"json"}}};
  return actions;
}

absl::Status CheckGiven(const Action& action, const ClientTexts& texts) {
  return CheckFlags("client", action.name, action.flags,
                    {{"rpm", !texts.rpm.empty()},
                     {"rpd", !texts.rpd.empty()},
                     {"tpd", !texts.tpd.empty()},
                     {"models", !texts.models.empty()},
                     {"expires", !texts.expires.empty()},
                     {"weight", !texts.weight.empty()},
                     {"overlap", !texts.overlap.empty()}});
}

absl::Status ReadNumbers(const ClientTexts& texts, ClientChange* terms) {
  for (const ClientNumber& n : kClientNumbers) {
    const std::string& text = n.flag == "rpm" ? texts.rpm : n.flag == "rpd" ? texts.rpd : texts.tpd;
    if (text.empty()) continue;
    std::int64_t number = kUnlimited;
    const bool unlimited = text == kUnlimitedWord;
    if (!unlimited && (!absl::SimpleAtoi(text, &number) || number < 1 || number > n.most)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--", ToAbsl(n.flag), ": must be a whole number from 1 to ", n.most, ", or unlimited"));
    }
    terms->*n.change = number;
  }
  if (texts.weight.empty()) return absl::OkStatus();
  std::int64_t weight = 0;
  if (!absl::SimpleAtoi(texts.weight, &weight) || weight < 1 || weight > kClientWeightMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--weight: must be a whole number from 1 to ", kClientWeightMax));
  }
  terms->weight = weight;
  return absl::OkStatus();
}

absl::Status ReadModels(const std::string& text, ClientChange* terms) {
  if (text.empty()) return absl::OkStatus();
  std::vector<std::string> models = absl::StrSplit(text, ',', absl::SkipWhitespace());
  for (std::string& model : models) absl::StripAsciiWhitespace(&model);
  if (models.empty() || models.size() > kClientModelsMax ||
      !std::all_of(models.begin(), models.end(), [](const auto& m) { return IsModelPattern(m); })) {
    return absl::InvalidArgumentError(
        "--models: must be up to 32 names of models with commas between, in which * stands for "
        "anything and ? for one byte; * alone is every model");
  }
  if (models == std::vector<std::string>{"*"}) models.clear();
  terms->models = std::move(models);
  return absl::OkStatus();
}

absl::Status Read(const ClientTexts& texts, Options* o) {
  const auto action = std::find_if(Actions().begin(), Actions().end(),
                                   [&](const Action& known) { return texts.action == known.name; });
  if (action == Actions().end()) {
    return absl::InvalidArgumentError(
        "ACTION: must be add, list, show, limits, rotate, revoke or remove");
  }
  o->client_action = action->action;
  o->client_name = texts.name;
  KP_RETURN_IF_ERROR(CheckGiven(*action, texts));
  KP_RETURN_IF_ERROR(CheckOwnerName("client", action->name, "client", texts.name));
  KP_RETURN_IF_ERROR(ReadNumbers(texts, &o->client_terms));
  KP_RETURN_IF_ERROR(ReadModels(texts.models, &o->client_terms));
  KP_RETURN_IF_ERROR(ReadExpires(texts.expires, &o->client_terms.expires_in));
  KP_RETURN_IF_ERROR(ReadOverlap(texts.overlap, &o->overlap));
  if (action->action != ClientAction::kLimits || !(o->client_terms == ClientChange())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "client limits needs what to set: --rpm, --rpd, --tpd, --models, --expires or --weight; "
      "client show shows what is set");
}

}  // namespace

void DeclareClient(Settings& settings, Options* o, ClientTexts* texts) {
  using Presence = Settings::Presence;
  Settings& client = settings.AddCommand(
      "client", "Adds, shows and revokes those who may use the pool, each by a token.", kExamples);
  client.AddArgument("ACTION", &texts->action, Presence::kRequired,
                     "add, list, show, limits, rotate, revoke or remove.");
  client.AddArgument("NAME", &texts->name, Presence::kOptional,
                     "The client, like team-a; of every action but list.");
  const std::string number = "N";
  client.AddOption("rpm", &texts->rpm, number, "add, limits: requests a minute, or unlimited.");
  client.AddOption("rpd", &texts->rpd, number,
                   "add, limits: requests a Pacific day, or unlimited.");
  client.AddOption("tpd", &texts->tpd, number,
                   "add, limits: input tokens a Pacific day, or unlimited.");
  client.AddOption("models", &texts->models, "PATTERNS",
                   "add, limits: only these, like 'gemini-2.5-*,text-embedding-004'; '*' is every "
                   "model.");
  client.AddOption("expires", &texts->expires, "TIME",
                   "add, limits: no longer than this from now on, like 30d; or never.");
  client.AddOption("weight", &texts->weight, number,
                   "add, limits: how often it is served in its turn, 1 to 100. A new one: 1.");
  client.AddOption("overlap", &texts->overlap, "TIME",
                   "rotate: how long the token before stays good. Without it: 24h.");
  client.AddSwitch("json", &o->json, "Prints one JSON object.");
  client.AddCheck([o, texts] { return Read(*texts, o); });
}

}  // namespace keypool::cli
