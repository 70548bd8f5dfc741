#include "cli/commands.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/admin_token_command.h"
#include "cli/audit_command.h"
#include "cli/client_command.h"
#include "cli/events_command.h"
#include "cli/explain_command.h"
#include "cli/limits_command.h"
#include "cli/status_command.h"
#include "cli/text_table.h"
#include "cli/usage_command.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

constexpr std::size_t kSecretFileBytesMax = 4096;

ExitCode Refuse(Console& console, ExitCode code, std::string_view line) {
  console.Err(absl::StrCat("poolctl: ", Harmless(line)));
  return code;
}

// From the prompt, standard input or a file; without the line's end.
absl::StatusOr<std::string> ReadSecret(const Options& options, Console& console) {
  absl::StatusOr<std::string> text =
      options.file.empty() && console.CanAsk()
          ? console.AskSecret("Gemini API key (not shown): ")
          : console.ReadAll(options.file.empty() ? "-" : options.file, kSecretFileBytesMax);
  if (!text.ok()) return text;
  const std::string secret(absl::StripAsciiWhitespace(*text));
  if (secret.empty()) return absl::InvalidArgumentError("the secret is empty; nothing was added");
  if (secret.find_first_of(" \t\r\n") != std::string::npos) {
    return absl::InvalidArgumentError(
        "the secret has blanks or more than one line; add takes one key at a time");
  }
  if (secret.find('@') != std::string::npos) {
    return absl::InvalidArgumentError(
        "the secret has an @; name its project with --project, not with key@project");
  }
  return secret;
}

ExitCode Add(const Options& options, client::AdminClient& keyd, Console& console) {
  const absl::StatusOr<std::string> secret = ReadSecret(options, console);
  if (!secret.ok()) return Refuse(console, kRefused, ToStd(secret.status().message()));
  AddKeyCommand command;
  command.secret = std::make_shared<const Secret>(*secret);
  if (!options.project.empty()) command.project = ProjectId{options.project};
  const auto added =
      Await<KeyStatus>([&](auto done) { keyd.AddKey(std::move(command), std::move(done)); });
  if (!added.ok()) return ReportError(added.status(), console);
  const bool own = added->project == OwnProject(added->id);
  console.Out(absl::StrCat(
      "added ", ToString(added->id), " (", Harmless(added->masked_secret), ") to ",
      own ? "a project of its own" : absl::StrCat("project ", Harmless(added->project.value())),
      "\n"));
  return kDone;
}

ExitCode Remove(KeyId key, client::AdminClient& keyd, Console& console) {
  const auto removed = Await<bool>([&](auto done) {
    keyd.RemoveKey(key, [done = std::move(done)](absl::Status status) {
      done(status.ok() ? absl::StatusOr<bool>(true) : absl::StatusOr<bool>(status));
    });
  });
  if (!removed.ok()) return ReportError(removed.status(), console);
  console.Out(absl::StrCat("removed ", ToString(key), "; its id is never used again\n"));
  return kDone;
}

ExitCode Disable(KeyId key, const std::string& reason, client::AdminClient& keyd,
                 Console& console) {
  const auto disabled = Await<KeyStatus>([&](auto done) {
    keyd.DisableKey({key, reason}, std::move(done));
  });
  if (!disabled.ok()) return ReportError(disabled.status(), console);
  console.Out(
      absl::StrCat(ToString(key), " is disabled: ", Harmless(disabled->disabled_reason), "\n"));
  return kDone;
}

ExitCode Enable(KeyId key, client::AdminClient& keyd, Console& console) {
  const auto enabled = Await<KeyStatus>([&](auto done) { keyd.EnableKey(key, std::move(done)); });
  if (!enabled.ok()) return ReportError(enabled.status(), console);
  console.Out(absl::StrCat(ToString(key), " is active\n"));
  return kDone;
}

ExitCode Reset(const Options& options, client::AdminClient& keyd, Console& console) {
  if (!options.key && !options.yes) {
    if (!console.CanAsk()) {
      return Refuse(console, kUsage,
                    "reset of every project needs --yes when there is no terminal to ask on");
    }
    if (!console.Confirm("Forget the counts and cooldowns of every project? [y/N] ")) {
      return Refuse(console, kRefused, "nothing was reset");
    }
  }
  const auto buckets =
      Await<std::int64_t>([&](auto done) { keyd.Reset({options.key}, std::move(done)); });
  if (!buckets.ok()) return ReportError(buckets.status(), console);
  console.Out(absl::StrCat(
      "reset ", *buckets, *buckets == 1 ? " bucket of " : " buckets of ",
      options.key ? "the project of " + ToString(*options.key) : std::string("all projects"),
      "\n"));
  return kDone;
}

ExitCode RotateMasterKey(client::AdminClient& keyd, Console& console) {
  const auto rotated =
      Await<RotatedMasterKey>([&](auto done) { keyd.RotateMasterKey(std::move(done)); });
  if (!rotated.ok()) return ReportError(rotated.status(), console);
  console.Out(absl::StrCat("sealed ", rotated->secrets, rotated->secrets == 1 ? " key" : " keys",
                           " with the master key in ", Harmless(rotated->place), "\n"));
  return kDone;
}

}  // namespace

ExitCode ReportError(const absl::Status& status, Console& console) {
  const bool away = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  std::string line(ToStd(status.message()));
  if (line.empty()) line = absl::StatusCodeToString(status.code());
  if (absl::IsUnavailable(status) && line.find("KEYD_ADDRESS") == std::string::npos) {
    absl::StrAppend(&line, "; start keyd, or name its socket with --address (KEYD_ADDRESS)");
  } else if (absl::IsDeadlineExceeded(status)) {
    absl::StrAppend(&line, "; wait longer with --timeout, and look into the log of keyd");
  }
  return Refuse(console, away ? kUnreachable : kRefused, line);
}

ExitCode RunCommand(const Options& options, client::AdminClient& keyd, Console& console,
                    const Clock& clock, absl::TimeZone zone) {
  const KeyId key = options.key.value_or(KeyId{});
  switch (options.command) {
    case Command::kStatus:
      return RunStatus(options, keyd, console, clock, zone);
    case Command::kAdd:
      return Add(options, keyd, console);
    case Command::kRemove:
      return Remove(key, keyd, console);
    case Command::kDisable:
      return Disable(key, options.reason, keyd, console);
    case Command::kEnable:
      return Enable(key, keyd, console);
    case Command::kReset:
      return Reset(options, keyd, console);
    case Command::kUsage:
      return RunUsage(options, keyd, console);
    case Command::kExplain:
      return RunExplain(options, keyd, console, zone);
    case Command::kEvents:
      return RunEvents(options, keyd, console, clock, zone);
    case Command::kLimits:
      return RunLimits(options, keyd, console);
    case Command::kRotateMasterKey:
      return RotateMasterKey(keyd, console);
    case Command::kClient:
      return RunClient(options, keyd, console, zone);
    case Command::kAdminToken:
      return RunAdminToken(options, keyd, console, zone);
    case Command::kAudit:
      return RunAudit(options, keyd, console, clock, zone);
  }
  return kUsage;
}

}  // namespace keypool::cli
