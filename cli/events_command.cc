#include "cli/events_command.h"

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

namespace keypool::cli {
namespace {

namespace json = boost::json;

constexpr absl::Duration kFollowPause = absl::Seconds(1);
constexpr std::size_t kLimitMax = 1000;

json::object EventJson(const PoolEvent& event) {
  return {{"number", event.number},
          {"event", NameOf(event.kind)},
          {"at", Time(event.at)},
          {"last_at", Time(event.last_at)},
          {"count", event.count},
          {"key_id", event.key ? json::value(ToString(*event.key)) : json::value(nullptr)},
          {"project_id", Text(event.project.value())},
          {"model", Text(event.model)},
          {"row", Text(event.row)},
          {"text", Text(event.text)},
          {"until", Time(event.until)}};
}

std::string Json(const PoolEvents& events, bool follow) {
  std::string lines;
  json::array all;
  for (const PoolEvent& event : events.events) {
    if (follow) {
      absl::StrAppend(&lines, json::serialize(EventJson(event)), "\n");
    } else {
      all.push_back(EventJson(event));
    }
  }
  if (follow) return lines;
  return json::serialize(
             json::object{{"epoch", events.epoch.value()}, {"events", std::move(all)}}) +
         "\n";
}

std::string What(const PoolEvent& event) {
  std::string what = absl::StrReplaceAll(std::string(NameOf(event.kind)), {{"_", " "}});
  if (event.count > 1) absl::StrAppend(&what, " (", event.count, " times)");
  return what;
}

// A project that nobody declared is named like its key.
std::string ProjectShown(const PoolEvent& event) {
  return event.key && event.project == OwnProject(*event.key) ? "(its own)" : event.project.value();
}

std::string Why(const PoolEvent& event) {
  if (event.row.empty()) return event.text;
  return absl::StrCat(event.text, event.text.empty() ? "(" : " (", event.row, ")");
}

// As a table; `head`: with its first line.
std::string Table(const PoolEvents& events, absl::Time now, bool colour, bool head,
                  absl::TimeZone zone) {
  if (events.events.empty()) return "";
  TextTable table({"NUMBER", "AT", "EVENT", "KEY", "PROJECT", "MODEL", "UNTIL", "WHY"});
  for (const PoolEvent& event : events.events) {
    table.Add({{absl::StrCat(event.number)},
               {Moment(event.at, now, zone)},
               {What(event)},
               {event.key ? ToString(*event.key) : "-"},
               {event.project.value().empty() ? "-" : ProjectShown(event)},
               {event.model.empty() ? "-" : event.model},
               {event.until ? Moment(*event.until, now, zone) : ""},
               {Why(event)}});
  }
  std::vector<std::string> lines = table.Lines(colour, 0);
  if (!head) lines.erase(lines.begin());
  return absl::StrJoin(lines, "\n") + "\n";
}

absl::StatusOr<PoolEvents> Ask(const EventsQuery& query, client::AdminClient& keyd) {
  return Await<PoolEvents>([&](auto done) { keyd.Events(query, std::move(done)); });
}

// Goes on when keyd restarts; ends when it was never there, or refuses.
ExitCode Follow(const Options& options, client::AdminClient& keyd, Console& console,
                const Clock& clock, absl::TimeZone zone) {
  EventsQuery query{0, options.limit};
  Epoch epoch;
  bool shown = false, told = false;
  for (;; console.Pause(kFollowPause)) {
    absl::StatusOr<PoolEvents> events = Ask(query, keyd);
    if (!events.ok()) {
      if (epoch == Epoch() || !absl::IsUnavailable(events.status())) {
        return ReportError(events.status(), console);
      }
      if (!std::exchange(told, true)) console.Err("poolctl: keyd is away; waiting for its return");
      continue;
    }
    told = false;
    // Another reign counts from 1 again.
    if (std::exchange(epoch, events->epoch) != events->epoch && query.after > 0) {
      query.after = 0;
      events = Ask(query, keyd);
      if (!events.ok()) continue;
    }
    console.Out(options.json
                    ? Json(*events, true)
                    : Table(*events, clock.WallNow(), console.OutScreen().colour, !shown, zone));
    query.limit = kLimitMax;
    if (events->events.empty()) continue;
    shown = true;
    query.after = events->events.back().number;
  }
}

}  // namespace

ExitCode RunEvents(const Options& options, client::AdminClient& keyd, Console& console,
                   const Clock& clock, absl::TimeZone zone) {
  if (options.follow) return Follow(options, keyd, console, clock, zone);
  const absl::StatusOr<PoolEvents> events = Ask({0, options.limit}, keyd);
  if (!events.ok()) return ReportError(events.status(), console);
  if (options.json) {
    console.Out(Json(*events, false));
  } else if (events->events.empty()) {
    console.Out("Nothing has happened to the pool since keyd started.\n");
  } else {
    console.Out(Table(*events, clock.WallNow(), console.OutScreen().colour, true, zone));
  }
  return kDone;
}

}  // namespace keypool::cli
