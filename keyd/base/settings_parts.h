// Inside of Settings: what was declared, and what the sources say. Not for other rooms.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "keyd/base/settings.h"

namespace keypool {

// One setting, option or switch. The name that it lacks is empty.
struct Setting {
  std::string name;                // MAX_RETRIES: as the environment and the messages call it
  std::string key;                 // max_retries, in the file
  std::vector<std::string> flags;  // max-retries; the first is the one to show
  bool secret = false;
  bool is_switch = false;    // a flag that needs no value
  std::string value_name;    // for --help: N, SECONDS, TEXT
  std::string allowed;       // for --help and mistakes: "0 to 100"; empty when any text is
  std::string default_text;  // for --help; empty when there is none
  std::string help;
  // Reads a text into the setting's own pending value; nothing, or what is wrong with the text.
  std::function<std::optional<std::string>(std::string_view text)> read;
  std::function<void()> exchange;      // the pending value and the target
  std::function<std::string()> shown;  // the target as a TOML value
  std::function<bool()> is_set;        // of a secret: not empty
};

struct Argument {
  std::string label;
  std::string* target;
  bool required;
  std::string help;
};

struct Settings::Impl {
  std::string program;
  std::string summary;
  std::string examples;
  std::vector<std::unique_ptr<Setting>> settings;  // in the order of declaration
  std::vector<Argument> arguments;
  std::string refuse_arguments;  // why, when every argument is refused
  std::vector<std::function<absl::Status()>> checks;
  std::vector<std::unique_ptr<Settings>> commands;  // each with a program of "poolctl status"
  std::vector<std::string> command_names;

  Impl& Command(std::size_t i) { return *commands[i]->impl_; }
};

// What the command line says, as text, in the order given.
struct CommandLine {
  struct Given {
    const Setting* setting;
    std::optional<std::string> value;  // none: the flag needs one and has none
    std::string flag;                  // as shown to people: "--max-retries"
  };
  std::vector<Given> given;
  std::vector<std::string> unknown_flags;  // without their values, which may be secrets
  std::vector<std::string> arguments;
  std::optional<std::size_t> command;  // index into Impl::commands
  std::string broken;                  // the line cannot be read at all, and why
  bool help = false, version = false, check_config = false, print_config = false;
  std::optional<std::string> config_file;
};
CommandLine ReadCommandLine(Settings::Impl& impl, int argc, const char* const* argv);

// What a TOML file says, as text. Understands keys, tables of one level, strings, numbers,
// booleans and arrays of these (joined with commas), which is all that settings need.
struct SettingsFile {
  struct Entry {
    std::string table;  // empty: before the first table
    std::string key;
    std::string value;
    int line;
  };
  struct Mistake {
    int line;
    std::string message;  // never quotes the line: it may hold a secret
  };
  std::vector<Entry> entries;
  std::vector<Mistake> mistakes;
};
inline constexpr std::size_t kSettingsFileBytesMax = 8 << 20;  // 100,000 keys are 4 MB
SettingsFile ReadToml(std::string_view text);

// A TOML basic string.
std::string TomlQuoted(std::string_view text);

// " (did you mean X?)" for the candidate that is near enough; else empty.
std::string DidYouMean(std::string_view wrong, const std::vector<std::string>& candidates);

// `parent`: the program's own settings when `impl` is one of its commands, else null.
std::string HelpText(const Settings::Impl& impl, const Settings::Impl* parent);
std::string ConfigText(const Settings::Impl& impl);

}  // namespace keypool
