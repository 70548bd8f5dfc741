#include "cli/admin_token_options.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "cli/token_options.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

constexpr char kExamples[] =
    "Examples:\n"
    "  poolctl admin-token add ops                prints a token for the /admin pages\n"
    "  poolctl admin-token add ci --expires 30d\n"
    "  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8000/admin/status\n"
    "  poolctl admin-token list\n"
    "  poolctl admin-token rotate ops             a new token; the one before is good for 24h "
    "more\n"
    "  poolctl admin-token revoke ops             no token of it is good from now on\n"
    "A token is shown this once: keyd keeps a digest of it. Whoever has it may do what /admin can, "
    "from\n"
    "wherever the proxy can be reached: on plain HTTP it can be read on its way. poolctl itself "
    "needs\n"
    "none. After ten wrong ones within a minute an address has to wait.\n";

struct Action {
  std::string_view name;
  AdminTokenAction action;
  std::vector<std::string_view> flags;  // that it takes
};

absl::Status Read(const AdminTokenTexts& texts, Options* o) {
  static const Action kActions[] = {{"add", AdminTokenAction::kAdd, {"expires"}},
                                    {"list", AdminTokenAction::kList, {}},
                                    {"rotate", AdminTokenAction::kRotate, {"expires", "overlap"}},
                                    {"revoke", AdminTokenAction::kRevoke, {}}};
  const auto* action =
      std::find_if(std::begin(kActions), std::end(kActions),
                   [&](const Action& known) { return texts.action == known.name; });
  if (action == std::end(kActions)) {
    return absl::InvalidArgumentError("ACTION: must be add, list, rotate or revoke");
  }
  o->admin_token_action = action->action;
  o->admin_token_name = texts.name;
  KP_RETURN_IF_ERROR(
      CheckFlags("admin-token", action->name, action->flags,
                 {{"expires", !texts.expires.empty()}, {"overlap", !texts.overlap.empty()}}));
  KP_RETURN_IF_ERROR(CheckOwnerName("admin-token", action->name, "admin token", texts.name));
  KP_RETURN_IF_ERROR(ReadExpires(texts.expires, &o->admin_token_expires_in));
  return ReadOverlap(texts.overlap, &o->overlap);
}

}  // namespace

void DeclareAdminToken(Settings& settings, Options* o, AdminTokenTexts* texts) {
  using Presence = Settings::Presence;
  Settings& command = settings.AddCommand(
      "admin-token", "Adds, shows and revokes those who may use /admin over HTTP.", kExamples);
  command.AddArgument("ACTION", &texts->action, Presence::kRequired,
                      "add, list, rotate or revoke.");
  command.AddArgument("NAME", &texts->name, Presence::kOptional,
                      "Whose token it is, like ops; of every action but list.");
  command.AddOption("expires", &texts->expires, "TIME",
                    "add, rotate: no longer than this from now on, like 30d; or never.");
  command.AddOption("overlap", &texts->overlap, "TIME",
                    "rotate: how long the token before stays good. Without it: 24h.");
  command.AddSwitch("json", &o->json, "Prints one JSON object.");
  command.AddCheck([o, texts] { return Read(*texts, o); });
}

}  // namespace keypool::cli
