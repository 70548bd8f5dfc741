// What settings say to people: --help, --print-config and "did you mean".
#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "keyd/base/settings_parts.h"
#include "keyd/base/status.h"

namespace keypool {
namespace {

constexpr std::size_t kColumns = 96;

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

// `text` in lines of kColumns that start with `indent` blanks.
void AppendWrapped(std::string* out, std::size_t indent, std::string_view text) {
  std::size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(ToAbsl(text), ' ', absl::SkipEmpty())) {
    if (column == 0 || column + 1 + word.size() > kColumns) {
      absl::StrAppend(out, column == 0 ? "" : "\n", std::string(indent, ' '), word);
      column = indent + word.size();
    } else {
      absl::StrAppend(out, " ", word);
      column += 1 + word.size();
    }
  }
  absl::StrAppend(out, "\n");
}

std::string FlagsShown(const Setting& setting) {
  std::vector<std::string> flags;
  for (const std::string& flag : setting.flags) flags.push_back("--" + flag);
  std::string shown = absl::StrJoin(flags, ", ");
  if (!flags.empty() && !setting.is_switch) absl::StrAppend(&shown, " ", setting.value_name);
  return shown;
}

void AppendSetting(std::string* out, const Setting& setting) {
  std::string head = FlagsShown(setting);
  if (!setting.name.empty()) {
    absl::StrAppend(&head, head.empty() ? "" : "   ", "[environment ", setting.name, "]");
  }
  absl::StrAppend(out, "  ", head, "\n");
  std::string help = setting.help;
  if (!setting.allowed.empty() && !setting.is_switch) {
    absl::StrAppend(&help, " Allowed: ", setting.allowed, ".");
  }
  if (!setting.default_text.empty() && !setting.name.empty()) {
    absl::StrAppend(&help, " Default: ", setting.default_text, ".");
  }
  if (setting.secret) absl::StrAppend(&help, " A secret: it has no flag and is never shown.");
  AppendWrapped(out, 6, help);
}

std::string Usage(const Settings::Impl& impl) {
  std::string usage = absl::StrCat("Usage: ", impl.program);
  if (!impl.commands.empty()) absl::StrAppend(&usage, " COMMAND");
  for (const Argument& argument : impl.arguments) {
    absl::StrAppend(&usage, argument.required ? " " : " [", argument.label,
                    argument.required ? "" : "]");
  }
  return absl::StrCat(usage, " [flags]\n");
}

void AppendCommandsAndArguments(std::string* out, const Settings::Impl& impl) {
  if (!impl.commands.empty()) absl::StrAppend(out, "\nCommands:\n");
  for (std::size_t i = 0; i < impl.commands.size(); ++i) {
    const std::string& name = impl.command_names[i];
    absl::StrAppend(out, "  ", name, std::string(10 - std::min<std::size_t>(name.size(), 9), ' '),
                    const_cast<Settings::Impl&>(impl).Command(i).summary, "\n");
  }
  if (!impl.arguments.empty()) absl::StrAppend(out, "\nArguments:\n");
  for (const Argument& argument : impl.arguments) {
    absl::StrAppend(out, "  ", argument.label, "\n");
    AppendWrapped(out, 6, argument.help);
  }
}

}  // namespace

std::string DidYouMean(std::string_view wrong, const std::vector<std::string>& candidates) {
  const std::string* nearest = nullptr;
  std::size_t distance = std::max<std::size_t>(2, wrong.size() / 4) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t d = EditDistance(wrong.substr(0, 128), candidate);
    if (d >= distance || d >= candidate.size()) continue;
    nearest = &candidate;
    distance = d;
  }
  return nearest == nullptr ? "" : absl::StrCat(" (did you mean ", *nearest, "?)");
}

std::string HelpText(const Settings::Impl& impl, const Settings::Impl* parent) {
  std::string out = absl::StrCat(Usage(impl), "\n");
  AppendWrapped(&out, 0, impl.summary);
  AppendCommandsAndArguments(&out, impl);
  if (!impl.settings.empty())
    absl::StrAppend(&out, parent != nullptr ? "\nFlags:\n" : "\nSettings:\n");
  for (const auto& setting : impl.settings) AppendSetting(&out, *setting);
  if (parent != nullptr && !parent->settings.empty()) {
    absl::StrAppend(&out, "\nSettings:\n");
    for (const auto& setting : parent->settings) AppendSetting(&out, *setting);
  }
  const std::string program = parent != nullptr ? parent->program : impl.program;
  absl::StrAppend(
      &out,
      "\nGeneral:\n"
      "  --config FILE   [environment CONFIG_FILE]\n"
      "      A TOML file with settings, named as in the environment but in small letters. A table "
      "[",
      program,
      "]\n"
      "      in it is for this program only. Flags win over the environment, that over the file.\n"
      "  --check-config  Says whether all settings are right, and ends.\n"
      "  --print-config  Prints the settings in force as TOML, without secrets, and ends.\n"
      "  --help, -h      Shows this.\n"
      "  --version       Shows the version.\n");
  if (!impl.examples.empty()) absl::StrAppend(&out, "\n", impl.examples);
  return out;
}

std::string ConfigText(const Settings::Impl& impl) {
  std::string out;
  for (const auto& setting : impl.settings) {
    if (setting->key.empty()) continue;
    if (setting->secret) {
      absl::StrAppend(&out, "# ", setting->key, setting->is_set() ? " is set\n" : " is not set\n");
    } else {
      absl::StrAppend(&out, setting->key, " = ", setting->shown(), "\n");
    }
  }
  return out;
}

}  // namespace keypool
