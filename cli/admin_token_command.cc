#include "cli/admin_token_command.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/json_values.h"
#include "cli/status_command.h"
#include "cli/text_table.h"
#include "cli/token_output.h"

namespace keypool::cli {
namespace {

namespace json = boost::json;

json::object JsonOf(const AdminTokenStatus& status) {
  return {{"name", status.name},
          {"state", std::string(StateNameOf(status))},
          {"added_at", Time(status.added_at)},
          {"expires_at", EndJson(status.expires)},
          {"tokens", TokensJson(status.tokens)}};
}

ExitCode Show(const Options& options, const absl::StatusOr<IssuedAdminToken>& issued,
              Console& console) {
  if (!issued.ok()) return ReportError(issued.status(), console);
  const AdminTokenStatus& status = issued->status;
  return ShowToken(options,
                   {"admin_token", JsonOf(status), status.name, issued->token,
                    status.tokens.size() > 1, "send it to /admin as Authorization: Bearer"},
                   console);
}

ExitCode List(const Options& options, client::AdminClient& keyd, Console& console,
              absl::TimeZone zone) {
  using All = std::vector<AdminTokenStatus>;
  const absl::StatusOr<All> all =
      Await<All>([&](auto done) { keyd.ListAdminTokens(std::move(done)); });
  if (!all.ok()) return ReportError(all.status(), console);
  if (options.json) {
    json::array rows;
    for (const AdminTokenStatus& status : *all) rows.push_back(JsonOf(status));
    console.Out(json::serialize(json::object{{"admin_tokens", std::move(rows)}}) + "\n");
  } else if (all->empty()) {
    console.Out("no admin token yet: nobody can use /admin over HTTP\n");
  } else {
    TextTable table({"NAME", "STATE", "ADDED", "EXPIRES", "TOKENS"});
    for (const AdminTokenStatus& status : *all) {
      table.Add(
          {{Harmless(status.name)},
           {std::string(StateNameOf(status)), status.expired ? Colour::kYellow : Colour::kGreen},
           {When(status.added_at, zone)},
           {When(status.expires, zone)},
           {absl::StrCat(status.tokens.size())}});
    }
    console.Out(absl::StrJoin(table.Lines(console.OutScreen().colour, 0), "\n") + "\n");
  }
  return kDone;
}

ExitCode Revoke(const Options& options, client::AdminClient& keyd, Console& console) {
  const auto revoked = Await<AdminTokenStatus>(
      [&](auto done) { keyd.RevokeAdminToken({options.admin_token_name}, std::move(done)); });
  if (!revoked.ok()) return ReportError(revoked.status(), console);
  console.Out(options.json ? json::serialize(JsonOf(*revoked)) + "\n"
                           : absl::StrCat(Harmless(revoked->name),
                                          " is revoked: no token of it is good any more\n"));
  return kDone;
}

}  // namespace

ExitCode RunAdminToken(const Options& options, client::AdminClient& keyd, Console& console,
                       absl::TimeZone zone) {
  const std::string& name = options.admin_token_name;
  const std::optional<absl::Duration>& expires_in = options.admin_token_expires_in;
  switch (options.admin_token_action) {
    case AdminTokenAction::kAdd:
      return Show(options, Await<IssuedAdminToken>([&](auto done) {
                    keyd.AddAdminToken({name, expires_in.value_or(absl::InfiniteDuration()), {}},
                                       std::move(done));
                  }),
                  console);
    case AdminTokenAction::kRotate:
      return Show(options, Await<IssuedAdminToken>([&](auto done) {
                    keyd.RotateAdminToken({name, options.overlap, expires_in, {}}, std::move(done));
                  }),
                  console);
    case AdminTokenAction::kList:
      return List(options, keyd, console, zone);
    case AdminTokenAction::kRevoke:
      return Revoke(options, keyd, console);
  }
  return kUsage;
}

}  // namespace keypool::cli
