#include "cli/audit_options.h"

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/audit.h"

namespace keypool::cli {
namespace {

constexpr char kExamples[] =
    "Examples:\n"
    "  poolctl audit                              the last 50 calls: who, what and the result\n"
    "  poolctl audit --limit 1000 --before 4001   the thousand before number 4001\n"
    "  poolctl audit --json | jq '.records[] | select(.what == \"add key\")'\n"
    "  poolctl audit --verify                     whether anybody has tampered with it\n"
    "Every change is recorded before it is answered, and refused when it cannot be; so are "
    "changes\n"
    "that the pool refuses. WHO is the user of this machine, or the certificate, that keyd has "
    "seen\n"
    "at the other end. keyd keeps the last 100,000 records, chained with a key that is sealed "
    "with\n"
    "the master key: --verify finds what was changed, removed, added or cut off in its database,\n"
    "and then ends with exit code 1. Only an older copy of the whole database, put in its place,\n"
    "stays unseen: to find that too, keep the chain value of the last record (--json) elsewhere.\n";

absl::Status ReadTexts(const AuditTexts& texts, Options* o) {
  std::uint64_t limit = o->limit;
  const bool number = texts.limit.empty() || absl::SimpleAtoi(texts.limit, &limit);
  if (!number || limit < 1 || limit > kAuditRowsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--limit: must be a whole number from 1 to ", kAuditRowsMax));
  }
  o->limit = limit;
  if (texts.before.empty()) return absl::OkStatus();
  if (!absl::SimpleAtoi(texts.before, &o->before) || o->before == 0) {
    return absl::InvalidArgumentError("--before: must be the number of a record, from 1");
  }
  return absl::OkStatus();
}

}  // namespace

void DeclareAudit(Settings& settings, Options* options, AuditTexts* texts) {
  Settings& audit = settings.AddCommand("audit", "Shows who has done what.", kExamples);
  audit.AddOption("limit", &texts->limit, "N", "The newest so many, 1 to 1000. Without it: 50.");
  audit.AddOption("before", &texts->before, "N", "Only records with a smaller number.");
  audit.AddSwitch("verify", &options->verify, "Checks that no record was tampered with.");
  audit.AddSwitch("json", &options->json, "Prints one JSON object.");
  audit.AddCheck([options, texts] { return ReadTexts(*texts, options); });
}

}  // namespace keypool::cli
