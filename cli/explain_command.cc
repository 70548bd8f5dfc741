#include "cli/explain_command.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/json_values.h"
#include "cli/render.h"
#include "cli/status_command.h"
#include "cli/text_table.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

namespace json = boost::json;

absl::StatusOr<Explanation> ReadAllPages(const Options& options, client::AdminClient& keyd) {
  ExplainQuery query;
  query.model = options.model;
  if (!options.project.empty()) query.project = ProjectId{options.project};
  Explanation all;
  while (true) {
    absl::StatusOr<Explanation> page =
        Await<Explanation>([&](auto done) { keyd.Explain(query, std::move(done)); });
    if (!page.ok()) return page.status();
    std::vector<KeyExplanation> keys = std::move(all.keys);
    std::move(page->keys.begin(), page->keys.end(), std::back_inserter(keys));
    // A page without a key cannot lead on.
    const bool more = page->more && !page->keys.empty();
    all = *std::move(page);
    all.keys = std::move(keys);
    if (!more) return all;
    query.after = all.keys.back().key;
  }
}

std::string Json(const Explanation& explanation, const std::string& model) {
  json::array keys;
  for (const KeyExplanation& key : explanation.keys) {
    keys.push_back(json::object{{"key_id", ToString(key.key)},
                                {"project_id", key.project.value()},
                                {"verdict", NameOf(key.verdict)},
                                {"until", Time(key.until)},
                                {"reason", Text(key.reason)},
                                {"row", Text(key.row)},
                                {"since", Time(key.since)}});
  }
  json::value next = nullptr;
  if (explanation.next_key) {
    next = json::object{{"key_id", ToString(*explanation.next_key)},
                        {"project_id", explanation.next_project.value()}};
  }
  return json::serialize(json::object{{"now", Time(explanation.now)},
                                      {"model", model},
                                      {"next", std::move(next)},
                                      {"refusal", Text(explanation.refusal)},
                                      {"first_at", Time(explanation.first_at)},
                                      {"keys", std::move(keys)}});
}

std::string TopLines(const Explanation& explanation, const std::string& model,
                     absl::TimeZone zone) {
  if (explanation.next_key) {
    const bool own = explanation.next_project == OwnProject(*explanation.next_key);
    return absl::StrCat("A request for ", Harmless(model), " would be granted ",
                        ToString(*explanation.next_key), " of ",
                        own ? "a project of its own"
                            : absl::StrCat("project ", Harmless(explanation.next_project.value())),
                        " now.\n\n");
  }
  std::string lines = absl::StrCat("A request for ", Harmless(model),
                                   " would be refused now: ", Harmless(explanation.refusal), "\n");
  if (explanation.first_at) {
    absl::StrAppend(&lines, "The first that could be granted: ",
                    Moment(*explanation.first_at, explanation.now, zone), ".\n");
  }
  return lines + "\n";
}

Cell StateCell(KeyVerdict verdict) {
  Colour colour = Colour::kYellow;
  if (verdict == KeyVerdict::kNext || verdict == KeyVerdict::kReady) colour = Colour::kGreen;
  if (verdict == KeyVerdict::kDisabled || verdict == KeyVerdict::kResting) colour = Colour::kRed;
  return {absl::StrReplaceAll(std::string(NameOf(verdict)), {{"_", " "}}), colour};
}

// The reason, and in brackets which answer it follows from and when that came.
std::string Why(const KeyExplanation& key, absl::Time now, absl::TimeZone zone) {
  const bool by_answer = key.verdict == KeyVerdict::kCooling || key.verdict == KeyVerdict::kResting;
  std::vector<std::string> from;
  if (!key.row.empty()) from.push_back(key.row);
  if (key.row.empty() && by_answer) from.push_back("from before the restart");
  if (key.since) from.push_back("since " + Moment(*key.since, now, zone));
  if (from.empty()) return key.reason;
  return absl::StrCat(key.reason, " (", absl::StrJoin(from, ", "), ")");
}

std::string UntilText(const KeyExplanation& key, absl::Time now, absl::TimeZone zone) {
  if (key.until) return Moment(*key.until, now, zone);
  return key.verdict == KeyVerdict::kDisabled ? "until enabled" : "";
}

}  // namespace

ExitCode RunExplain(const Options& options, client::AdminClient& keyd, Console& console,
                    absl::TimeZone zone) {
  const absl::StatusOr<Explanation> explanation = ReadAllPages(options, keyd);
  if (!explanation.ok()) return ReportError(explanation.status(), console);
  if (options.json) {
    console.Out(Json(*explanation, options.model) + "\n");
    return kDone;
  }
  TextTable table({"KEY", "PROJECT", "STATE", "UNTIL", "WHY"});
  for (const KeyExplanation& key : explanation->keys) {
    const bool own = key.project == OwnProject(key.key);
    table.Add({{ToString(key.key)},
               {own ? "(its own)" : key.project.value()},
               StateCell(key.verdict),
               {UntilText(key, explanation->now, zone)},
               {Why(key, explanation->now, zone)}});
  }
  console.Out(TopLines(*explanation, options.model, zone));
  if (!explanation->keys.empty()) {
    console.Out(absl::StrJoin(table.Lines(console.OutScreen().colour, 0), "\n") + "\n");
  }
  return kDone;
}

}  // namespace keypool::cli
