// The only file that includes CLI11, which is heavy. It splits the command line and nothing else:
// values stay text, and its exceptions stay here.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "keyd/base/settings_parts.h"

namespace keypool {
namespace {

// Bytes that no command line can hold, to tell "no value" and "an empty value" from each other.
const std::string kNoValue("\0missing", 8);
const std::string kEmptyValue("\0empty", 6);

struct Declared {
  CLI::Option* option;
  const Setting* setting;
};

void DeclareAll(CLI::App& app, const Settings::Impl& impl, std::vector<Declared>* declared) {
  for (const auto& setting : impl.settings) {
    std::vector<std::string> flags = setting->flags;
    // A secret has no flag. The one that it would have is swallowed with its value, so that the
    // value is taken for nothing else.
    if (setting->secret) {
      flags.push_back(setting->key);
      std::replace(flags.back().begin(), flags.back().end(), '_', '-');
    }
    for (const std::string& flag : flags) {
      CLI::Option* option =
          setting->is_switch ? app.add_flag("--" + flag) : app.add_option("--" + flag);
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      if (!setting->is_switch) option->expected(0, 1)->default_str(kNoValue);
      declared->push_back({option, setting.get()});
    }
  }
}

struct Own {
  CLI::Option *help, *version, *check_config, *print_config, *config;
};

Own DeclareOwn(CLI::App& app) {
  app.set_help_flag();
  Own own;
  own.help = app.add_flag("--help,-h");
  own.version = app.add_flag("--version");
  own.check_config = app.add_flag("--check-config");
  own.print_config = app.add_flag("--print-config");
  own.config = app.add_option("--config,--config-file")->expected(0, 1)->default_str(kNoValue);
  own.config->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return own;
}

// CLI11 reads "--flag=" as "--flag" and would take the next argument for its value.
std::vector<std::string> ArgumentsBackwards(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i >= 1; --i) {
    arguments.emplace_back(argv[i]);
    std::string& text = arguments.back();
    if (text.starts_with("--") && text.find('=') == text.size() - 1) text += kEmptyValue;
  }
  return arguments;
}

std::optional<std::string> Value(std::string text) {
  if (text == kNoValue) return std::nullopt;
  return text == kEmptyValue ? std::string() : text;
}

void ReadRest(const std::vector<std::string>& rest, CommandLine* line) {
  for (const std::string& text : rest) {
    if (text.size() < 2 || text.front() != '-') {
      line->arguments.push_back(text);
    } else if (text.starts_with("--")) {
      if (text != "--") line->unknown_flags.push_back(text.substr(0, text.find('=')));
    } else {
      line->unknown_flags.push_back(text.substr(0, 2));
    }
  }
}

}  // namespace

CommandLine ReadCommandLine(Settings::Impl& impl, int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app;
  const Own own = DeclareOwn(app);
  std::vector<Declared> declared;
  DeclareAll(app, impl, &declared);
  // One command at most, or an argument that reads like the name of another would be taken for it.
  app.allow_extras()->require_subcommand(0, 1);
  std::vector<CLI::App*> commands;
  for (std::size_t i = 0; i < impl.commands.size(); ++i) {
    CLI::App* command = app.add_subcommand(impl.command_names[i]);
    command->set_help_flag();
    command->fallthrough()->allow_extras();
    DeclareAll(*command, impl.Command(i), &declared);
    commands.push_back(command);
  }
  try {
    app.parse(ArgumentsBackwards(argc, argv));
  } catch (const std::exception& e) {
    line.broken = std::string("the command line cannot be read: ") + e.what();
    return line;
  }
  for (std::size_t i = 0; i < commands.size() && !line.command; ++i) {
    if (commands[i]->parsed()) line.command = i;
  }
  for (const Declared& d : declared) {
    for (const std::string& text : d.option->results()) {
      line.given.push_back({d.setting, Value(text), d.option->get_name()});
    }
  }
  line.help = own.help->count() > 0;
  line.version = own.version->count() > 0;
  line.check_config = own.check_config->count() > 0;
  line.print_config = own.print_config->count() > 0;
  if (own.config->count() > 0) line.config_file = Value(own.config->results().back()).value_or("");
  ReadRest(app.remaining(/*recurse=*/true), &line);
  return line;
}

}  // namespace keypool
