#include "cli/options.h"

#include <array>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/admin_token_options.h"
#include "cli/audit_options.h"
#include "cli/client_options.h"
#include "cli/limits_options.h"
#include "keyd/base/state_dir.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

constexpr char kStatusExamples[] =
    "Examples:\n"
    "  poolctl status                             every key, with used/limit for minute and day\n"
    "  poolctl status key_3 --model gemini-2.5-flash\n"
    "  poolctl status --watch                     stays, and shows every change\n"
    "  poolctl status --json | jq '.keys[] | select(.state == \"disabled\") | .key_id'\n";
constexpr char kAddExamples[] =
    "Examples:\n"
    "  poolctl add --project my-project-7         asks for the secret without showing it\n"
    "  poolctl add --project my-project-7 < key.txt\n"
    "  poolctl add --file /run/secrets/gemini-key\n"
    "Keys of one Google Cloud project share its quota: name the project to count it once.\n";
constexpr char kRemoveExamples[] =
    "Example:\n"
    "  poolctl remove key_3\n"
    "Requests that hold a lease on the key run to their end. To stop using a key for a while,\n"
    "see poolctl disable.\n";
constexpr char kDisableExamples[] =
    "Example:\n"
    "  poolctl disable key_3 --reason \"billing of the project is being moved\"\n";
constexpr char kEnableExamples[] =
    "Example:\n"
    "  poolctl enable key_3\n";
constexpr char kRotateExamples[] =
    "Example:\n"
    "  poolctl rotate-master-key\n"
    "Without MASTER_KEY_FILE keyd makes the new key itself. With it, put the new key (openssl "
    "rand\n"
    "-hex 32) in a line before the present one first; when the command is done, the old line can\n"
    "go. Requests go on meanwhile.\n";
constexpr char kResetExamples[] =
    "Examples:\n"
    "  poolctl reset key_3                        the quota of the project that owns key_3\n"
    "  poolctl reset --yes                        of every project, without asking\n"
    "Google does not forget: reset only when you know that Google's own counters started again.\n";

constexpr char kUsageExamples[] =
    "Examples:\n"
    "  poolctl usage                              a total for each project, of the last 7 days\n"
    "  poolctl usage --by client --days 30 --daily\n"
    "  poolctl usage --by model --days 1 --hourly\n"
    "  poolctl usage --by key --days 90 --csv > usage.csv\n"
    "  poolctl usage --json | jq '.rows[] | select(.errors > 0)'\n"
    "A day is a Pacific one, as Google counts requests a day; today is one of --days. An hour is "
    "one\n"
    "of UTC. --json and --csv give a row for each day, or with --hourly for each hour.\n"
    "REQUESTS are those sent to Google; 429 and ERRORS (other statuses of 400 and above, or no\n"
    "answer) are among them. CACHED tokens are among INPUT; OUTPUT is without THOUGHTS.\n"
    "(unmetered) are calls that no model is charged for, (not found) models that Google does not\n"
    "know, (unknown) what no report said, (other) the names beyond 10,000. Kept for 90 days; the\n"
    "oldest hours become days when room is short.\n";
constexpr char kExplainExamples[] =
    "Examples:\n"
    "  poolctl explain --model gemini-2.5-flash   what a request would get now, and why each key "
    "is\n"
    "                                             next, goes after another, or is left alone\n"
    "  poolctl explain --model gemini-2.5-flash --project my-project-7\n"
    "  poolctl explain --model gemini-2.5-pro --json | jq .next.key_id\n"
    "Nothing is taken from any quota. A name in brackets, like 429_day, is the row of keyd's table "
    "of\n"
    "Google's answers (keyd/policy/blame.cc) that the state follows from.\n";
constexpr char kEventsExamples[] =
    "Examples:\n"
    "  poolctl events                             the last 50\n"
    "  poolctl events --limit 1000 --json | jq '.events[] | select(.row == \"429_day\")'\n"
    "  poolctl events --follow                    stays, and shows what happens\n"
    "Cooldowns, limits that Google has told, keys that rest and come back, overloaded models, a\n"
    "throttled address, and what operators did. The same again within a second is one event with "
    "a\n"
    "count. keyd keeps the last 1000 in memory: a restart begins with none.\n";

constexpr char kSecretInArguments[] =
    "add takes no secret on the command line, where the process list and the shell's history show "
    "it; leave it out to be asked for it, or use standard input or --file. If it was a real key, "
    "replace it.";

void CheckKey(Settings& command, const std::string& text) {
  // The text is not shown: it may be a secret in the wrong place.
  command.AddCheck([&text] {
    if (text.empty() || ParseKeyId(text)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "KEY: is no key id; ids look like key_1, and poolctl status shows them");
  });
}

struct Texts {
  std::string data_dir, key, limit;
  LimitsTexts limits;
  ClientTexts client;
  AdminTokenTexts admin_token;
  AuditTexts audit;
  std::string by = "project", days = "7";
};

absl::Status ReadUsage(const Texts& texts, Options* o) {
  bool known = false;
  for (const UsageDimension by : {UsageDimension::kKey, UsageDimension::kProject,
                                  UsageDimension::kModel, UsageDimension::kClient}) {
    if (texts.by != NameOf(by)) continue;
    o->by = by;
    known = true;
  }
  if (!known) return absl::InvalidArgumentError("--by: must be key, project, model or client");
  if (!absl::SimpleAtoi(texts.days, &o->days) || o->days < 1 || o->days > kUsageDaysMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--days: must be a whole number from 1 to ", kUsageDaysMax));
  }
  if (o->daily && o->hourly) {
    return absl::InvalidArgumentError("--daily and --hourly: give one of the two");
  }
  if (o->json && o->csv) return absl::InvalidArgumentError("--json and --csv: give one of the two");
  return absl::OkStatus();
}

void DeclareUsage(Settings& settings, Options* o, Texts* texts) {
  Settings& usage = settings.AddCommand(
      "usage", "Shows how many requests and tokens went through the pool.", kUsageExamples);
  usage.AddOption("by", &texts->by, "NAME",
                  "What to tell apart: key, project, model or client. Default: project.");
  usage.AddOption("days", &texts->days, "N", "The last N Pacific days, 1 to 90. Default: 7.");
  usage.AddSwitch("daily", &o->daily, "A row for each day instead of one total.");
  usage.AddSwitch("hourly", &o->hourly, "A row for each hour instead of one total.");
  usage.AddSwitch("json", &o->json, "Prints one JSON object.");
  usage.AddSwitch("csv", &o->csv, "Prints comma-separated values with a head line.");
  usage.AddCheck([o, texts] { return ReadUsage(*texts, o); });
}

absl::Status CheckProject(const std::string& project) {
  if (project.empty() || IsDeclarableProject(project)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--project: is no project id; allowed: 1 to ", kProjectIdBytesMax,
                   " letters, digits and . _ : -, not starting with -"));
}

void DeclareQuestions(Settings& settings, Options* o, Texts* texts) {
  Settings& explain = settings.AddCommand(
      "explain", "Says which key a request would get now, and why.", kExplainExamples);
  explain.AddOption("model", &o->model, "MODEL", "The model that the request is for. Required.");
  explain.AddOption("project", &o->project, "PROJECT", "Only the keys of this project.");
  explain.AddSwitch("json", &o->json, "Prints one JSON object.");
  explain.AddCheck([o] { return CheckProject(o->project); });
  explain.AddCheck([o] {
    if (!o->model.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "--model is missing: quota is counted for each model, so explain needs to know which");
  });

  Settings& events = settings.AddCommand("events",
                                         "Shows what has happened to the pool since "
                                         "keyd started.",
                                         kEventsExamples);
  events.AddOption("limit", &texts->limit, "N", "The newest so many, 1 to 1000. Without it: 50.");
  events.AddSwitch("follow", &o->follow, "Stays, and shows what happens from then on.");
  events.AddSwitch("json", &o->json,
                   "Prints one JSON object; with --follow one event in each line.");
  events.AddCheck([o, texts] {
    std::uint64_t limit = o->limit;
    const bool number = texts->limit.empty() || absl::SimpleAtoi(texts->limit, &limit);
    if (!number || limit < 1 || limit > 1000) {
      return absl::InvalidArgumentError("--limit: must be a whole number from 1 to 1000");
    }
    o->limit = limit;
    return absl::OkStatus();
  });
}

void DeclareCommands(Settings& settings, Options* o, Texts* texts) {
  using Presence = Settings::Presence;
  Settings& status = settings.AddCommand("status", "Shows the pool, or one key.", kStatusExamples);
  status.AddArgument("KEY", &texts->key, Presence::kOptional, "Only this key, like key_3.");
  status.AddOption("model", &o->model, "MODEL", "Only the quota of this model.");
  status.AddSwitch("json", &o->json, "Prints one JSON object; with --watch one in each line.");
  status.AddSwitch("watch", &o->watch, "Stays, and shows the first 1000 keys at every change.");
  CheckKey(status, texts->key);

  Settings& add = settings.AddCommand("add", "Adds a key.", kAddExamples);
  add.AddOption("project", &o->project, "PROJECT",
                "The Google Cloud project that owns the key. Without it the key gets a project of "
                "its own.");
  add.AddOption("file", &o->file, "FILE",
                "Reads the secret from this file; - is standard input, which is read without this "
                "flag too when it is no terminal.");
  add.RefuseArguments(kSecretInArguments);
  add.AddCheck([o] { return CheckProject(o->project); });

  const auto one_key = [&](const char* name, const char* summary,
                           const char* examples) -> Settings& {
    Settings& command = settings.AddCommand(name, summary, examples);
    command.AddArgument("KEY", &texts->key, Presence::kRequired, "The key, like key_3.");
    CheckKey(command, texts->key);
    return command;
  };
  one_key("remove", "Removes a key for good.", kRemoveExamples);
  one_key("disable", "Takes a key out of use until enable.", kDisableExamples)
      .AddOption("reason", &o->reason, "TEXT", "Why; shown in the status. At most 200 bytes.");
  one_key("enable", "Takes a disabled key back into use.", kEnableExamples);

  Settings& reset = settings.AddCommand("reset", "Forgets counts and cooldowns.", kResetExamples);
  reset.AddArgument("KEY", &texts->key, Presence::kOptional,
                    "Only the project of this key. Without it: every project.");
  reset.AddSwitch("yes", &o->yes, "Resets every project without asking.");
  CheckKey(reset, texts->key);
  DeclareUsage(settings, o, texts);
  DeclareQuestions(settings, o, texts);
  DeclareLimits(settings, o, &texts->limits);
  settings.AddCommand("rotate-master-key", "Seals the keys on keyd's disk with another master key.",
                      kRotateExamples);
  DeclareClient(settings, o, &texts->client);
  DeclareAdminToken(settings, o, &texts->admin_token);
  DeclareAudit(settings, o, &texts->audit);
}

Command CommandOf(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Command>, 14> kCommands = {{
      {"status", Command::kStatus},
      {"add", Command::kAdd},
      {"remove", Command::kRemove},
      {"disable", Command::kDisable},
      {"enable", Command::kEnable},
      {"reset", Command::kReset},
      {"usage", Command::kUsage},
      {"explain", Command::kExplain},
      {"events", Command::kEvents},
      {"limits", Command::kLimits},
      {"rotate-master-key", Command::kRotateMasterKey},
      {"client", Command::kClient},
      {"admin-token", Command::kAdminToken},
      {"audit", Command::kAudit},
  }};
  for (const auto& [known, command] : kCommands) {
    if (known == name) return command;
  }
  return Command::kStatus;
}

}  // namespace

Settings::Parsed ReadOptions(int argc, const char* const* argv,
                             const Settings::Environment& environment, Options* options) {
  Texts texts;
  texts.data_dir = DefaultDataDir(environment);
  Settings settings("poolctl",
                    "Looks after the pool of keys that keyd holds. Exit codes: 0 done, 1 refused, "
                    "2 wrong usage, 3 keyd cannot be reached.");
  settings.AddText("DATA_DIR", &texts.data_dir, "Where keyd keeps its state and its socket.");
  settings.AddText("KEYD_ADDRESS", &options->address,
                   "Where keyd listens, like unix:/run/keypool/keyd.sock or tls://host:port. "
                   "Without it: keyd.sock in DATA_DIR.");
  settings.AddAlias("KEYD_ADDRESS", "address");
  client::DeclareKeydTls(&options->keyd_tls, &settings);
  settings.AddSeconds("POOLCTL_TIMEOUT_SECONDS", &options->timeout, {0.1, 600},
                      "How long to wait for an answer of keyd.");
  settings.AddAlias("POOLCTL_TIMEOUT_SECONDS", "timeout");
  settings.AddCheck([options] {
    return client::CheckKeydAddress({options->address, options->keyd_tls});
  });
  DeclareCommands(settings, options, &texts);

  Settings::Parsed parsed = settings.Parse(argc, argv, environment);
  if (parsed.next == Settings::Next::kExit) return parsed;
  options->command = CommandOf(parsed.command);
  if (options->address.empty()) options->address = DefaultKeydAddress(texts.data_dir);
  if (!texts.key.empty()) options->key = ParseKeyId(texts.key);
  return parsed;
}

}  // namespace keypool::cli
