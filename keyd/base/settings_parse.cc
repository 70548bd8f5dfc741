// Settings::Parse: asks every source, gathers every mistake, and applies values only when there is
// none.
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "keyd/base/settings.h"
#include "keyd/base/settings_parts.h"
#include "keyd/base/status.h"
#include "keyd/base/version.h"

namespace keypool {
namespace {

constexpr std::string_view kPrograms[] = {"keyd", "proxy", "poolctl"};

class Reading {
 public:
  Reading(Settings::Impl& impl, const CommandLine& line) : impl_(impl), line_(line) {}

  // From the weakest source to the strongest, so that the last one read is the one in force. All
  // are read: a wrong value that another source overrides is still a wrong value.
  std::vector<std::string> Run(const Settings::Environment& environment) {
    ReadFile(environment);
    ReadEnvironment(environment);
    ReadFlags();
    ReadArguments();
    return std::move(mistakes_);
  }

 private:
  void Add(std::string mistake) { mistakes_.push_back(std::move(mistake)); }

  void Read(const Setting& setting, std::string_view source, std::string_view text) {
    const std::optional<std::string> wrong = setting.read(text);
    if (!wrong) return;
    std::string mistake = setting.name.empty()
                              ? absl::StrCat(ToAbsl(source), ": ", *wrong)
                              : absl::StrCat(setting.name, " (", ToAbsl(source), "): ", *wrong);
    if (!setting.allowed.empty()) absl::StrAppend(&mistake, "; allowed: ", setting.allowed);
    Add(std::move(mistake));
  }

  void ReadFile(const Settings::Environment& environment) {
    std::string path;
    if (const auto it = environment.find("CONFIG_FILE"); it != environment.end()) path = it->second;
    if (line_.config_file) path = *line_.config_file;
    if (path.empty()) {
      if (line_.config_file) Add("--config: needs the name of a file");
      return;
    }
    std::error_code error;
    const bool regular = !std::filesystem::is_directory(path, error);
    std::ifstream in(path, std::ios::binary);
    if (!regular || !in) {
      Add(absl::StrCat("CONFIG_FILE: cannot read \"", path,
                       "\"; name a TOML file that this user may read"));
      return;
    }
    std::string text(kSettingsFileBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kSettingsFileBytesMax) {
      Add(absl::StrCat("CONFIG_FILE: \"", path, "\" is larger than ", kSettingsFileBytesMax,
                       " bytes"));
      return;
    }
    ReadEntries(path, ReadToml(text));
  }

  void ReadEntries(const std::string& path, const SettingsFile& file) {
    for (const auto& mistake : file.mistakes) {
      Add(absl::StrCat(path, ":", mistake.line, ": ", mistake.message));
    }
    std::set<std::string> seen;
    for (const auto& entry : file.entries) {
      const std::string source = absl::StrCat(path, ":", entry.line);
      if (!entry.table.empty() && entry.table != impl_.program) {
        if (!IsProgram(entry.table)) {
          Add(absl::StrCat(source, ": unknown table [", entry.table, "]; allowed: [", impl_.program,
                           "] and keys before the first table"));
        }
        continue;
      }
      const Setting* setting = FindKey(entry.key);
      if (setting == nullptr) {
        Add(absl::StrCat(source, ": unknown setting ", entry.key, DidYouMean(entry.key, Keys())));
      } else if (!seen.insert(entry.key).second) {
        Add(absl::StrCat(setting->name, " (", source, "): is set twice in this file"));
      } else {
        Read(*setting, source, entry.value);
      }
    }
  }

  void ReadEnvironment(const Settings::Environment& environment) {
    for (const auto& setting : impl_.settings) {
      if (setting->name.empty()) continue;
      const auto it = environment.find(setting->name);
      if (it != environment.end() && !it->second.empty()) Read(*setting, "environment", it->second);
    }
  }

  void ReadFlags() {
    if (!line_.broken.empty()) Add(line_.broken);
    for (const std::string& flag : line_.unknown_flags) {
      Add(absl::StrCat("unknown flag ", flag, DidYouMean(flag, Flags()), "; see ", impl_.program,
                       " --help"));
    }
    std::set<const Setting*> seen;
    for (const auto& given : line_.given) {
      if (given.setting->secret) {
        Add(absl::StrCat(given.setting->name, " (", given.flag,
                         "): a secret is no flag, since flags are in the process list; set it in "
                         "the environment or in the file"));
      } else if (!given.value) {
        Add(absl::StrCat(given.flag, ": needs a value", given.setting->allowed.empty() ? "" : ": ",
                         given.setting->allowed));
      } else if (!seen.insert(given.setting).second) {
        Add(absl::StrCat(given.flag, ": is given twice"));
      } else {
        Read(*given.setting, given.flag, *given.value);
      }
    }
  }

  // Never shows an argument: it may be a secret in the wrong place.
  void ReadArguments() {
    Settings::Impl& owner = line_.command ? impl_.Command(*line_.command) : impl_;
    if (!impl_.commands.empty() && !line_.command) {
      if (line_.arguments.empty() && (line_.check_config || line_.print_config)) return;
      const std::vector<std::string>& words = line_.arguments;
      const std::string hint =
          words.empty() ? std::string() : DidYouMean(words.front(), impl_.command_names);
      std::string known;
      for (const auto& name : impl_.command_names) {
        absl::StrAppend(&known, known.empty() ? "" : ", ", name);
      }
      Add(absl::StrCat(words.empty() ? "a command is needed" : "the first argument is no command",
                       hint, "; allowed: ", known, "; see ", impl_.program, " --help"));
      return;
    }
    const std::size_t given = line_.arguments.size();
    if (given > 0 && !owner.refuse_arguments.empty()) {
      Add(owner.refuse_arguments);
    } else if (given > owner.arguments.size() && line_.unknown_flags.empty()) {
      Add(absl::StrCat(given - owner.arguments.size(), " more argument",
                       given - owner.arguments.size() == 1 ? "" : "s", " than ", owner.program,
                       " takes; see ", owner.program, " --help"));
    }
    for (std::size_t i = 0; i < owner.arguments.size(); ++i) {
      if (i >= given && owner.arguments[i].required) {
        Add(absl::StrCat(owner.arguments[i].label, " is missing; see ", owner.program, " --help"));
      }
    }
  }

  static bool IsProgram(std::string_view table) {
    for (const std::string_view program : kPrograms) {
      if (table == program) return true;
    }
    return false;
  }

  const Setting* FindKey(std::string_view key) const {
    for (const auto& setting : impl_.settings) {
      if (!setting->key.empty() && setting->key == key) return setting.get();
    }
    return nullptr;
  }

  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const auto& setting : impl_.settings) {
      if (!setting->key.empty()) keys.push_back(setting->key);
    }
    return keys;
  }

  std::vector<std::string> Flags() const {
    std::vector<std::string> flags = {"--config", "--check-config", "--print-config", "--help",
                                      "--version"};
    const auto add = [&flags](const Settings::Impl& impl) {
      for (const auto& setting : impl.settings) {
        for (const auto& flag : setting->flags) flags.push_back("--" + flag);
      }
    };
    add(impl_);
    if (line_.command) add(impl_.Command(*line_.command));
    return flags;
  }

  Settings::Impl& impl_;
  const CommandLine& line_;
  std::vector<std::string> mistakes_;
};

// Puts what was read into the targets; a second time takes it out again.
void Exchange(Settings::Impl& impl, const CommandLine& line) {
  for (const auto& setting : impl.settings) setting->exchange();
  if (!line.command) return;
  for (const auto& setting : impl.Command(*line.command).settings) setting->exchange();
}

void TakeArguments(Settings::Impl& impl, const CommandLine& line) {
  Settings::Impl& owner = line.command ? impl.Command(*line.command) : impl;
  for (std::size_t i = 0; i < line.arguments.size() && i < owner.arguments.size(); ++i) {
    *owner.arguments[i].target = line.arguments[i];
  }
}

void RunChecks(const Settings::Impl& impl, std::vector<std::string>* mistakes) {
  for (const auto& check : impl.checks) {
    const absl::Status status = check();
    if (!status.ok()) mistakes->emplace_back(ToStd(status.message()));
  }
}

Settings::Parsed Exit(int code, std::string out, const std::vector<std::string>& mistakes = {}) {
  Settings::Parsed parsed{Settings::Next::kExit, code, std::move(out), "", ""};
  for (const std::string& mistake : mistakes) absl::StrAppend(&parsed.err, mistake, "\n");
  return parsed;
}

}  // namespace

Settings::Parsed Settings::Parse(int argc, const char* const* argv,
                                 const Environment& environment) {
  const CommandLine line = ReadCommandLine(*impl_, argc, argv);
  if (line.help) {
    return Exit(0, line.command ? HelpText(impl_->Command(*line.command), impl_.get())
                                : HelpText(*impl_, nullptr));
  }
  if (line.version) return Exit(0, absl::StrCat(impl_->program, " ", ToAbsl(Version()), "\n"));

  std::vector<std::string> mistakes = Reading(*impl_, line).Run(environment);
  // Checked all the same, so that every mistake is told now: what could not be read counts as its
  // default.
  Exchange(*impl_, line);
  if (mistakes.empty()) TakeArguments(*impl_, line);
  RunChecks(*impl_, &mistakes);
  if (mistakes.empty() && line.command) RunChecks(impl_->Command(*line.command), &mistakes);
  if (!mistakes.empty()) {
    Exchange(*impl_, line);
    return Exit(2, "", mistakes);
  }
  if (line.print_config) return Exit(0, ConfigText(*impl_));
  if (line.check_config) return Exit(0, "configuration ok\n");
  Parsed parsed;
  if (line.command) parsed.command = impl_->command_names[*line.command];
  return parsed;
}

}  // namespace keypool
