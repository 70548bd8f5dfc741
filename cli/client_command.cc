#include "cli/client_command.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/json_values.h"
#include "cli/status_command.h"
#include "cli/text_table.h"
#include "cli/token_output.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

namespace json = boost::json;

absl::StatusOr<std::vector<ClientStatus>> ReadAllClients(client::AdminClient& keyd) {
  ClientsQuery query;
  std::vector<ClientStatus> all;
  while (true) {
    absl::StatusOr<ClientsPage> page =
        Await<ClientsPage>([&](auto done) { keyd.ListClients(query, std::move(done)); });
    if (!page.ok()) return page.status();
    // A page without a row cannot lead on.
    const bool more = page->more && !page->rows.empty();
    std::move(page->rows.begin(), page->rows.end(), std::back_inserter(all));
    if (!more) return all;
    query.after = all.back().name;
  }
}

json::object JsonOf(const ClientStatus& client) {
  json::object o = {{"name", client.name}, {"state", std::string(NameOf(client.state))}};
  for (const ClientNumber& n : kClientNumbers) {
    const std::int64_t number = client.terms.*n.number;
    o[boost::json::string_view(n.key.data(), n.key.size())] =
        number == kUnlimited ? json::value(nullptr) : json::value(number);
  }
  json::array models;
  for (const std::string& model : client.terms.models) models.emplace_back(model);
  o["models"] = std::move(models);
  o["weight"] = client.terms.weight;
  o["added_at"] = Time(client.added_at);
  o["expires_at"] = EndJson(client.terms.expires);
  o["revoked_at"] = Time(client.revoked_at);
  o["tokens"] = TokensJson(client.tokens);
  o["used_this_minute"] = client.used_this_minute;
  o["used_today"] = client.used_today;
  o["input_tokens_today"] = client.tokens_today;
  return o;
}

std::string Amount(std::int64_t used, std::int64_t limit) {
  return limit == kUnlimited ? absl::StrCat(used) : absl::StrCat(used, "/", limit);
}

std::string ModelsText(const ClientStatus& client) {
  return client.terms.models.empty() ? "every" : Harmless(absl::StrJoin(client.terms.models, ","));
}

Cell StateCell(const ClientStatus& client) {
  return {std::string(NameOf(client.state)),
          client.state == ClientState::kActive ? Colour::kGreen : Colour::kYellow};
}

std::string Table(const std::vector<ClientStatus>& clients, bool colour, absl::TimeZone zone) {
  TextTable table({"CLIENT", "STATE", "RPM", "RPD", "TPD", "WEIGHT", "EXPIRES", "MODELS"});
  for (const ClientStatus& c : clients) {
    table.Add({{Harmless(c.name)},
               StateCell(c),
               {Amount(c.used_this_minute, c.terms.requests_per_minute)},
               {Amount(c.used_today, c.terms.requests_per_day)},
               {Amount(c.tokens_today, c.terms.input_tokens_per_day)},
               {absl::StrCat(c.terms.weight)},
               {When(c.terms.expires, zone)},
               {ModelsText(c)}});
  }
  return absl::StrJoin(table.Lines(colour, 0), "\n") + "\n";
}

std::string Details(const ClientStatus& c, absl::TimeZone zone) {
  std::string out = absl::StrCat(Harmless(c.name), ": ", ToAbsl(NameOf(c.state)), "\n");
  const auto used = [&](const char* what, std::int64_t count, std::int64_t limit) {
    absl::StrAppend(&out, "  ", what, ": ", count, " of ",
                    limit == kUnlimited ? std::string(kUnlimitedWord) : absl::StrCat(limit), "\n");
  };
  used("requests this minute", c.used_this_minute, c.terms.requests_per_minute);
  used("requests today", c.used_today, c.terms.requests_per_day);
  used("input tokens today", c.tokens_today, c.terms.input_tokens_per_day);
  absl::StrAppend(&out, "  models: ", ModelsText(c), "\n  weight: ", c.terms.weight,
                  "\n  added: ", When(c.added_at, zone),
                  "\n  expires: ", When(c.terms.expires, zone), "\n");
  if (c.revoked_at) absl::StrAppend(&out, "  revoked: ", When(*c.revoked_at, zone), "\n");
  for (const TokenStatus& token : c.tokens) {
    absl::StrAppend(&out, "  token of ", When(token.made_at, zone),
                    token.valid_until ? ", good until " + When(*token.valid_until, zone) : "",
                    "\n");
  }
  return out;
}

ExitCode Show(const Options& options, const absl::StatusOr<IssuedClient>& issued,
              Console& console) {
  if (!issued.ok()) return ReportError(issued.status(), console);
  const ClientStatus& client = issued->client;
  return ShowToken(options,
                   {"client", JsonOf(client), client.name, issued->token, client.tokens.size() > 1,
                    "use it in place of an API key"},
                   console);
}

ExitCode Show(const Options& options, const absl::StatusOr<ClientStatus>& client, Console& console,
              absl::TimeZone zone) {
  if (!client.ok()) return ReportError(client.status(), console);
  console.Out(options.json ? json::serialize(JsonOf(*client)) + "\n" : Details(*client, zone));
  return kDone;
}

// What a change without much to show says.
ExitCode Tell(const Options& options, const absl::StatusOr<ClientStatus>& client,
              std::string_view what, Console& console) {
  if (!client.ok()) return ReportError(client.status(), console);
  console.Out(options.json ? json::serialize(JsonOf(*client)) + "\n"
                           : absl::StrCat(Harmless(client->name), " ", ToAbsl(what), "\n"));
  return kDone;
}

ExitCode List(const Options& options, client::AdminClient& keyd, Console& console,
              absl::TimeZone zone) {
  const absl::StatusOr<std::vector<ClientStatus>> clients = ReadAllClients(keyd);
  if (!clients.ok()) return ReportError(clients.status(), console);
  if (options.json) {
    json::array all;
    for (const ClientStatus& client : *clients) all.push_back(JsonOf(client));
    console.Out(json::serialize(json::object{{"clients", std::move(all)}}) + "\n");
  } else if (clients->empty()) {
    console.Out(
        "no client yet: unless REQUIRE_CLIENT_TOKEN says otherwise, whoever reaches a proxy is "
        "served\n");
  } else {
    console.Out(Table(*clients, console.OutScreen().colour, zone));
  }
  return kDone;
}

absl::StatusOr<ClientStatus> Ask(const std::string& name, client::AdminClient& keyd) {
  absl::StatusOr<ClientsPage> page =
      Await<ClientsPage>([&](auto done) { keyd.ListClients({.name = name}, std::move(done)); });
  if (!page.ok()) return page.status();
  if (page->rows.empty()) return absl::NotFoundError(absl::StrCat("there is no client ", name));
  return std::move(page->rows.front());
}

}  // namespace

ExitCode RunClient(const Options& options, client::AdminClient& keyd, Console& console,
                   absl::TimeZone zone) {
  const std::string& name = options.client_name;
  const ClientChange& terms = options.client_terms;
  switch (options.client_action) {
    case ClientAction::kAdd:
      return Show(options, Await<IssuedClient>([&](auto done) {
                    keyd.AddClient({name, terms, {}}, std::move(done));
                  }),
                  console);
    case ClientAction::kRotate:
      return Show(options, Await<IssuedClient>([&](auto done) {
                    keyd.RotateClient({name, options.overlap, {}}, std::move(done));
                  }),
                  console);
    case ClientAction::kList:
      return List(options, keyd, console, zone);
    case ClientAction::kShow:
      return Show(options, Ask(name, keyd), console, zone);
    case ClientAction::kLimits:
      return Show(options, Await<ClientStatus>([&](auto done) {
                    keyd.SetClient({name, terms}, std::move(done));
                  }),
                  console, zone);
    case ClientAction::kRevoke:
      return Tell(options, Await<ClientStatus>([&](auto done) {
                    keyd.RevokeClient({name}, std::move(done));
                  }),
                  "is revoked: no token of it is good any more", console);
    case ClientAction::kRemove:
      return Tell(options, Await<ClientStatus>([&](auto done) {
                    keyd.RemoveClient({name}, std::move(done));
                  }),
                  "is forgotten", console);
  }
  return kUsage;
}

}  // namespace keypool::cli
