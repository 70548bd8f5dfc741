#include "cli/audit_command.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/json_values.h"
#include "cli/render.h"
#include "cli/status_command.h"
#include "cli/text_table.h"

namespace keypool::cli {
namespace {

namespace json = boost::json;

json::object JsonOf(const AuditRow& row) {
  const AuditRecord& record = row.record;
  if (!row.damage.empty()) return {{"number", record.number}, {"damage", row.damage}};
  const std::string chain(record.chain.begin(), record.chain.end());
  return {{"number", record.number},
          {"at", Time(record.at)},
          {"who", record.entry.who},
          {"what", record.entry.what},
          {"target", Text(record.entry.target)},
          {"result", record.result},
          {"chain", std::string(absl::BytesToHexString(chain))}};
}

std::string Json(const AuditPage& page) {
  json::array records;
  for (const AuditRow& row : page.rows) records.push_back(JsonOf(row));
  return json::serialize(json::object{{"records", std::move(records)}, {"more", page.more}}) + "\n";
}

std::string Json(const AuditVerdict& verdict) {
  json::value broken = nullptr;
  if (verdict.broken) {
    broken = json::object{{"number", verdict.broken->number}, {"why", verdict.broken->why}};
  }
  return json::serialize(json::object{{"intact", !verdict.broken},
                                      {"records", verdict.records},
                                      {"first", verdict.first},
                                      {"broken", std::move(broken)}}) +
         "\n";
}

std::vector<Cell> RowOf(const AuditRow& row, absl::Time now, absl::TimeZone zone) {
  const AuditRecord& record = row.record;
  const std::string number = absl::StrCat(record.number);
  if (!row.damage.empty()) {
    return {{number}, {"?"}, {"?"}, {"?"}, {"?"}, {Harmless(row.damage), Colour::kRed}};
  }
  const bool ok = record.result == kAuditOk;
  return {{number},
          {Moment(record.at, now, zone)},
          {Harmless(record.entry.who)},
          {Harmless(record.entry.what)},
          {record.entry.target.empty() ? "-" : Harmless(record.entry.target)},
          {Harmless(record.result), ok ? Colour::kNone : Colour::kYellow}};
}

std::string Table(const AuditPage& page, absl::Time now, bool colour, absl::TimeZone zone) {
  TextTable table({"NUMBER", "AT", "WHO", "WHAT", "TARGET", "RESULT"});
  for (const AuditRow& row : page.rows) table.Add(RowOf(row, now, zone));
  return absl::StrJoin(table.Lines(colour, 0), "\n") + "\n";
}

std::string Place(const AuditVerdict::Break& broken) {
  return broken.number == 0 ? std::string() : absl::StrCat(" at record ", broken.number);
}

ExitCode Verify(const Options& options, client::AdminClient& keyd, Console& console) {
  const auto verdict = Await<AuditVerdict>([&](auto done) { keyd.VerifyAudit(std::move(done)); });
  if (!verdict.ok()) return ReportError(verdict.status(), console);
  if (options.json) console.Out(Json(*verdict));
  if (verdict->broken) {
    console.Err(absl::StrCat(
        "poolctl: the audit is broken", Place(*verdict->broken), ": ",
        Harmless(verdict->broken->why), "; ", verdict->records,
        " records before it are as they were written. The disk is damaged, or somebody else than "
        "keyd has written into keyd.db: keep a copy of it, compare it with a backup, and look who "
        "can write there"));
    return kRefused;
  }
  if (options.json) return kDone;
  console.Out(verdict->records == 0
                  ? std::string("the audit is intact, and has no record yet\n")
                  : absl::StrCat("the audit is intact: ", verdict->records,
                                 " records, from number ", verdict->first, " on\n"));
  return kDone;
}

}  // namespace

ExitCode RunAudit(const Options& options, client::AdminClient& keyd, Console& console,
                  const Clock& clock, absl::TimeZone zone) {
  if (options.verify) return Verify(options, keyd, console);
  const auto page = Await<AuditPage>([&](auto done) {
    keyd.ListAudit({options.before, options.limit}, std::move(done));
  });
  if (!page.ok()) return ReportError(page.status(), console);
  if (options.json) {
    console.Out(Json(*page));
  } else if (page->rows.empty()) {
    console.Out("no change has been recorded yet\n");
  } else {
    console.Out(Table(*page, clock.WallNow(), console.OutScreen().colour, zone));
  }
  return kDone;
}

}  // namespace keypool::cli
