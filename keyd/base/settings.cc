#include "keyd/base/settings.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/base/settings_parts.h"
#include "keyd/base/status.h"

namespace keypool {
namespace {

std::string FlagOf(std::string_view name) {
  std::string flag(name);
  for (char& c : flag) c = c == '_' ? '-' : absl::ascii_tolower(static_cast<unsigned char>(c));
  return flag;
}

std::string Quoted(std::string_view text) { return absl::StrCat("\"", ToAbsl(text), "\""); }

std::optional<std::int64_t> ReadInt(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Digits with at most one point inside: no exponent, sign, infinity or blank.
std::optional<double> ReadDecimal(std::string_view text) {
  const bool plain = !text.empty() && text.front() != '.' && text.back() != '.' &&
                     std::count(text.begin(), text.end(), '.') <= 1 &&
                     text.find_first_not_of("0123456789.") == std::string_view::npos;
  double number = 0;
  if (!plain || !absl::SimpleAtod(ToAbsl(text), &number)) return std::nullopt;
  return number;
}

std::optional<bool> ReadBool(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(ToAbsl(text));
  if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
  return std::nullopt;
}

std::string Shown(absl::Duration d) { return absl::StrCat(absl::ToDoubleSeconds(d)); }

// A setting that `read`s a T out of a text, and keeps it until every source was read.
template <class T, class Read>
std::unique_ptr<Setting> MakeSetting(T* target, Read read) {
  auto setting = std::make_unique<Setting>();
  auto pending = std::make_shared<T>(*target);
  setting->read = [pending, read](std::string_view text) { return read(text, pending.get()); };
  setting->exchange = [pending, target] { std::swap(*target, *pending); };
  return setting;
}

std::unique_ptr<Setting> MakeText(std::string* target, Settings::TextCheck wrong = nullptr) {
  auto setting =
      MakeSetting(target,
                  [wrong = std::move(wrong)](std::string_view text,
                                             std::string* value) -> std::optional<std::string> {
                    if (text.find('\0') != std::string_view::npos) return "has a zero byte";
                    *value = std::string(text);
                    return wrong == nullptr ? std::nullopt : wrong(text);
                  });
  setting->value_name = "TEXT";
  setting->shown = [target] { return TomlQuoted(*target); };
  setting->is_set = [target] { return !target->empty(); };
  return setting;
}

std::unique_ptr<Setting> MakeBool(bool* target) {
  auto setting =
      MakeSetting(target, [](std::string_view text, bool* value) -> std::optional<std::string> {
        const std::optional<bool> read = ReadBool(text);
        if (!read) return absl::StrCat(Quoted(text), " is neither true nor false");
        *value = *read;
        return std::nullopt;
      });
  setting->is_switch = true;
  setting->allowed = "true, false";
  setting->default_text = *target ? "true" : "false";
  setting->shown = [target] { return std::string(*target ? "true" : "false"); };
  return setting;
}

void Declare(Settings::Impl& impl, std::unique_ptr<Setting> setting, std::string name,
             std::string help) {
  for (const auto& other : impl.settings) KP_ASSERT(other->name != name);
  setting->key = absl::AsciiStrToLower(name);
  if (!setting->secret) setting->flags.push_back(FlagOf(name));
  setting->name = std::move(name);
  setting->help = std::move(help);
  impl.settings.push_back(std::move(setting));
}

}  // namespace

Settings::Settings(std::string program, std::string summary) : impl_(std::make_unique<Impl>()) {
  impl_->program = std::move(program);
  impl_->summary = std::move(summary);
}

Settings::~Settings() = default;

void Settings::AddText(std::string name, std::string* target, std::string help) {
  AddText(std::move(name), target, std::move(help), nullptr);
}

void Settings::AddText(std::string name, std::string* target, std::string help, TextCheck wrong) {
  auto setting = MakeText(target, std::move(wrong));
  setting->default_text = *target;
  Declare(*impl_, std::move(setting), std::move(name), std::move(help));
}

void Settings::AddSecretText(std::string name, std::string* target, std::string help) {
  auto setting = MakeText(target);
  setting->secret = true;
  Declare(*impl_, std::move(setting), std::move(name), std::move(help));
}

void Settings::AddFlag(std::string name, bool* target, std::string help) {
  Declare(*impl_, MakeBool(target), std::move(name), std::move(help));
}

void Settings::AddInt(std::string name, std::int64_t* target, IntBounds bounds, std::string help) {
  auto setting = MakeSetting(
      target, [bounds](std::string_view text, std::int64_t* value) -> std::optional<std::string> {
        const std::optional<std::int64_t> read = ReadInt(text);
        if (!read) return absl::StrCat(Quoted(text), " is not a whole number");
        if (*read < bounds.min) return absl::StrCat(*read, " is too small");
        if (*read > bounds.max) return absl::StrCat(*read, " is too large");
        *value = *read;
        return std::nullopt;
      });
  setting->value_name = "N";
  setting->allowed = absl::StrCat(bounds.min, " to ", bounds.max);
  setting->default_text = absl::StrCat(*target);
  setting->shown = [target] { return absl::StrCat(*target); };
  Declare(*impl_, std::move(setting), std::move(name), std::move(help));
}

void Settings::AddSeconds(std::string name, absl::Duration* target, SecondsBounds bounds,
                          std::string help) {
  auto setting = MakeSetting(
      target, [bounds](std::string_view text, absl::Duration* value) -> std::optional<std::string> {
        const std::optional<double> read = ReadDecimal(text);
        if (!read) return absl::StrCat(Quoted(text), " is not a number of seconds like 2 or 0.5");
        if (*read < bounds.min) return absl::StrCat(ToAbsl(text), " is too small");
        if (*read > bounds.max) return absl::StrCat(ToAbsl(text), " is too large");
        *value = absl::Seconds(*read);
        return std::nullopt;
      });
  setting->value_name = "SECONDS";
  setting->allowed = absl::StrCat(bounds.min, " to ", bounds.max, " seconds");
  setting->default_text = Shown(*target);
  setting->shown = [target] { return Shown(*target); };
  Declare(*impl_, std::move(setting), std::move(name), std::move(help));
}

void Settings::AddAlias(std::string_view name, std::string flag) {
  for (const auto& setting : impl_->settings) {
    if (setting->name != name) continue;
    setting->flags.insert(setting->flags.begin(), std::move(flag));
    return;
  }
  KP_ASSERT(!"AddAlias names a setting that was not added");
}

void Settings::AddCheck(std::function<absl::Status()> check) {
  impl_->checks.push_back(std::move(check));
}

void Settings::AddOption(std::string flag, std::string* target, std::string value_name,
                         std::string help) {
  auto setting = MakeText(target);
  setting->value_name = std::move(value_name);
  setting->flags.push_back(std::move(flag));
  setting->help = std::move(help);
  impl_->settings.push_back(std::move(setting));
}

void Settings::AddSwitch(std::string flag, bool* target, std::string help) {
  auto setting = MakeBool(target);
  setting->flags.push_back(std::move(flag));
  setting->help = std::move(help);
  impl_->settings.push_back(std::move(setting));
}

void Settings::AddArgument(std::string label, std::string* target, Presence presence,
                           std::string help) {
  impl_->arguments.push_back(
      {std::move(label), target, presence == Presence::kRequired, std::move(help)});
}

void Settings::RefuseArguments(std::string why) { impl_->refuse_arguments = std::move(why); }

Settings& Settings::AddCommand(std::string name, std::string summary, std::string examples) {
  auto command = std::make_unique<Settings>(impl_->program + " " + name, std::move(summary));
  command->impl_->examples = std::move(examples);
  impl_->command_names.push_back(std::move(name));
  impl_->commands.push_back(std::move(command));
  return *impl_->commands.back();
}

Settings::Environment Settings::ProcessEnvironment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return environment;
}

}  // namespace keypool
