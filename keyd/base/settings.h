// One declaration per setting serves flag, environment, TOML file, --help, --check-config and
// --print-config.
//
// A setting named MAX_RETRIES is the environment variable MAX_RETRIES, the flag --max-retries and
// the TOML key max_retries. A flag wins over the environment, the environment over the file, the
// file over the default. An empty environment variable counts as unset. All mistakes are gathered
// and told at once; nothing is clipped; an unknown flag or an unknown key in the file is a mistake.
//
// In the file a table named like a program ([keyd], [proxy], [poolctl]) is read by that program
// only, so that one file can serve all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace keypool {

// Not thread-safe: declared and parsed once, at the start of a program.
class Settings {
 public:
  // `program` and `summary` head the --help text.
  Settings(std::string program, std::string summary);
  ~Settings();
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  // Each Add* takes the value that `*target` has as the default. `help` is one or two sentences; it
  // does not repeat name, default and bounds, which --help adds. `target` must outlive Parse, which
  // writes it only when every value could be read.
  void AddText(std::string name, std::string* target, std::string help);
  // The same for a text of a certain form. `wrong` says what is wrong with a value that was given,
  // without the setting's name ("is no address; …"); nothing when it is good. Told together with
  // every other mistake, unlike AddCheck, which waits until every value could be read.
  using TextCheck = std::function<std::optional<std::string>(std::string_view)>;
  void AddText(std::string name, std::string* target, std::string help, TextCheck wrong);
  // Never printed: --print-config shows only whether it is set. Has no flag, so that it is in no
  // process list. In the file it may be an array, which is joined with commas.
  void AddSecretText(std::string name, std::string* target, std::string help);
  void AddFlag(std::string name, bool* target, std::string help);
  struct IntBounds {
    std::int64_t min, max;
  };
  void AddInt(std::string name, std::int64_t* target, IntBounds bounds, std::string help);
  // Whole or decimal seconds ("2", "0.5").
  struct SecondsBounds {
    double min, max;
  };
  void AddSeconds(std::string name, absl::Duration* target, SecondsBounds bounds, std::string help);
  // Another, shorter flag for a setting that was added: AddAlias("KEYD_ADDRESS", "address").
  void AddAlias(std::string_view name, std::string flag);
  // A condition on several settings, run after all are read; its message names the settings.
  void AddCheck(std::function<absl::Status()> check);

  // What is said on the command line only, without environment and file. `flag` has no dashes.
  void AddOption(std::string flag, std::string* target, std::string value_name, std::string help);
  void AddSwitch(std::string flag, bool* target, std::string help);
  enum class Presence { kOptional, kRequired };
  void AddArgument(std::string label, std::string* target, Presence presence, std::string help);
  // Refuses every argument with this sentence, which is shown instead of the argument.
  void RefuseArguments(std::string why);

  // A command ("poolctl status") with options and arguments of its own, added to the result; it
  // also understands the settings of this program, before and after its name. `examples` ends its
  // --help. Lives as long as this object.
  Settings& AddCommand(std::string name, std::string summary, std::string examples);

  enum class Next { kRun, kExit };
  struct Parsed {
    Next next = Next::kRun;
    int exit_code = 0;    // with kExit: 0 after --help, --version, --check-config, --print-config;
                          // 2 after a mistake
    std::string out;      // for standard output
    std::string err;      // for standard error: every mistake, a line each
    std::string command;  // which of the commands; empty without commands
  };
  using Environment = std::map<std::string, std::string>;
  // Also understands --config FILE (and the environment variable CONFIG_FILE), --check-config,
  // --print-config, --help, --version.
  Parsed Parse(int argc, const char* const* argv, const Environment& environment);

  // The environment of this process.
  static Environment ProcessEnvironment();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace keypool
