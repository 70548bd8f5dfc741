#include "keyd/limits_file.h"

// toml++ asserts what a text should have and checks it right behind that; its checks have to do: a
// mistake in a file must not end keyd. With NDEBUG it would take them for granted instead.
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "keyd/base/lease.h"
#include "keyd/base/status.h"
#include "keyd/wire/text.h"

namespace keypool {
namespace {

constexpr std::uintmax_t kFileBytesMax = 4 * 1024 * 1024;

// Where a byte of TOML stands.
enum class In { kOpen, kComment, kText, kPlainText, kLines, kPlainLines };

// What follows on the byte at the front of `rest`, and how many bytes that is clear for.
In Step(In in, std::string_view rest, std::size_t* taken) {
  constexpr std::string_view kLines = "\"\"\"", kPlainLines = "'''";
  const char c = rest.front();
  const bool escapes = c == '\\' && rest.size() > 1 && rest[1] != '\n';
  switch (in) {
    case In::kOpen:
      if (rest.starts_with(kLines) || rest.starts_with(kPlainLines)) {
        *taken = kLines.size();
        return c == '"' ? In::kLines : In::kPlainLines;
      }
      return c == '#' ? In::kComment : c == '"' ? In::kText : c == '\'' ? In::kPlainText : in;
    case In::kComment:
      return in;
    case In::kText:
      if (escapes) *taken = 2;
      return c == '"' ? In::kOpen : in;
    case In::kPlainText:
      return c == '\'' ? In::kOpen : in;
    case In::kLines:
    case In::kPlainLines:
      if (in == In::kLines && escapes) *taken = 2;
      if (!rest.starts_with(in == In::kLines ? kLines : kPlainLines)) return in;
      // Two more quotes may belong to the text.
      *taken = std::min(rest.find_first_not_of(c), std::size_t{5});
      return In::kOpen;
  }
  return in;
}

// toml++ 3.3, asked whether what is no ASCII is white space, runs off the end of its table for some
// characters. It asks where TOML has no such character, and inside of texts when what stands in
// front of them is no value; so only comments are spared. Errors: INVALID_ARGUMENT.
absl::Status CheckReadable(std::string_view text, std::string_view name) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  int line = 1;
  In in = In::kOpen;
  std::size_t taken = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  for (std::size_t at = taken; at < text.size(); at += taken) {
    taken = 1;
    if (text[at] == '\n') {
      ++line;
      if (in != In::kLines && in != In::kPlainLines) in = In::kOpen;
    } else if (static_cast<unsigned char>(text[at]) < 0x80) {
      in = Step(in, text.substr(at), &taken);
    } else if (in != In::kComment) {
      return absl::InvalidArgumentError(absl::StrCat(
          ToAbsl(name), ":", line,
          ": only ASCII can be read outside of comments; in a text in quotes, \\u00E9 is \u00e9"));
    }
  }
  return absl::OkStatus();
}

bool IsName(std::string_view name, std::size_t bytes_max) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; };
  return !name.empty() && name.size() <= bytes_max &&
         std::none_of(name.begin(), name.end(), is_control);
}

class Reader {
 public:
  explicit Reader(std::string_view name) : name_(name) {}

  policy::LimitRules Read(const toml::table& root);
  const std::vector<std::string>& mistakes() const { return mistakes_; }
  void Mistake(const toml::source_region& where, std::string_view what) {
    mistakes_.push_back(absl::StrCat(name_, ":", where.begin.line, ": ", ToAbsl(what)));
  }

 private:
  // Nothing, and told, when it is none.
  const toml::table* Table(std::string_view name, const toml::node& node);
  std::optional<std::int64_t> Number(std::string_view name, const toml::node& node,
                                     std::int64_t least, std::int64_t most);
  // True: `name` is one of a set's.
  bool ReadLimit(std::string_view name, const toml::node& node, LimitSet* set);
  void ReadSet(const toml::table& limits, LimitSet* set);
  void ReadModels(const toml::node& node, policy::LimitScope* scope);
  bool ReadScopeMember(std::string_view name, const toml::node& node, policy::LimitScope* scope);
  void ReadTiers(const toml::node& node, policy::LimitRules* rules);
  void ReadProject(std::string_view name, const toml::node& node, policy::LimitRules* rules);
  void Unknown(std::string_view name, const toml::node& node, std::string_view allowed) {
    Mistake(node.source(),
            absl::StrCat("\"", ToAbsl(name), "\" is not known here; allowed: ", ToAbsl(allowed)));
  }

  const std::string name_;
  std::vector<std::string> mistakes_;
};

const toml::table kNone;  // a copy of a table would not know its lines
constexpr std::string_view kOfSet =
    "requests_per_minute, requests_per_day, input_tokens_per_minute, input_tokens_per_day";
constexpr std::string_view kOfScope =
    "requests_per_minute, requests_per_day, input_tokens_per_minute, input_tokens_per_day, models, "
    "all_models";

const toml::table* Reader::Table(std::string_view name, const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) {
    Mistake(node.source(), absl::StrCat("\"", ToAbsl(name), "\" must be a table"));
  }
  return table;
}

std::optional<std::int64_t> Reader::Number(std::string_view name, const toml::node& node,
                                           std::int64_t least, std::int64_t most) {
  if (const auto* text = node.as_string(); text != nullptr && text->get() == kUnlimitedWord) {
    return kUnlimited;
  }
  const auto* number = node.as_integer();
  if (number != nullptr && number->get() >= least && number->get() <= most) {
    return number->get();
  }
  Mistake(node.source(), absl::StrCat("\"", ToAbsl(name), "\" must be a whole number from ", least,
                                      " to ", most, ", or \"", ToAbsl(kUnlimitedWord), "\""));
  return std::nullopt;
}

bool Reader::ReadLimit(std::string_view name, const toml::node& node, LimitSet* set) {
  for (const LimitNumber& n : kLimitNumbers) {
    if (name != n.key) continue;
    set->*n.number = Number(name, node, n.least, n.most);
    return true;
  }
  return false;
}

void Reader::ReadSet(const toml::table& limits, LimitSet* set) {
  for (const auto& [name, limit] : limits) {
    if (!ReadLimit(name.str(), limit, set)) Unknown(name.str(), limit, kOfSet);
  }
}

void Reader::ReadModels(const toml::node& node, policy::LimitScope* scope) {
  const toml::table* models = Table("models", node);
  if (models == nullptr) return;
  for (const auto& [key, value] : *models) {
    const std::string_view model = key.str();
    if (!IsName(model, kModelBytesMax) || model.starts_with("models/")) {
      Mistake(value.source(),
              "a model is named without \"models/\" and control characters, in at most 128 bytes");
      continue;
    }
    const toml::table* limits = Table(model, value);
    if (limits == nullptr) continue;
    ReadSet(*limits, &scope->models[std::string(model)]);
  }
}

bool Reader::ReadScopeMember(std::string_view name, const toml::node& node,
                             policy::LimitScope* scope) {
  if (ReadLimit(name, node, &scope->all_models)) return true;
  if (name == "models") {
    ReadModels(node, scope);
  } else if (name == "all_models") {
    if (const toml::table* limits = Table(name, node)) ReadSet(*limits, &scope->together);
  } else {
    return false;
  }
  return true;
}

void Reader::ReadProject(std::string_view name, const toml::node& node, policy::LimitRules* rules) {
  if (!CanHaveLimits(name)) {
    return Mistake(node.source(), absl::StrCat("\"", ToAbsl(name), "\" is no project id"));
  }
  const toml::table* members = Table(name, node);
  if (members == nullptr) return;
  policy::ProjectLimits& project = rules->projects[std::string(name)];
  for (const auto& [key, value] : *members) {
    if (ReadScopeMember(key.str(), value, &project.own)) continue;
    const auto* tier = key.str() == "tier" ? value.as_string() : nullptr;
    if (tier == nullptr) {
      Unknown(key.str(), value, absl::StrCat("tier (a text), ", ToAbsl(kOfScope)));
    } else if (rules->tiers.count(tier->get()) == 0) {
      Mistake(value.source(), absl::StrCat("there is no [tiers.", tier->get(), "]"));
    } else {
      project.tier = tier->get();
    }
  }
}

void Reader::ReadTiers(const toml::node& node, policy::LimitRules* rules) {
  const toml::table* tiers = Table("tiers", node);
  for (const auto& [tier, value] : tiers ? *tiers : kNone) {
    if (!IsName(tier.str(), kTierBytesMax)) {
      Mistake(value.source(), "a tier is named without control characters, in 1 to 128 bytes");
      continue;
    }
    const toml::table* members = Table(tier.str(), value);
    policy::LimitScope& scope = rules->tiers[std::string(tier.str())];
    for (const auto& [name, limit] : members ? *members : kNone) {
      if (!ReadScopeMember(name.str(), limit, &scope)) Unknown(name.str(), limit, kOfScope);
    }
  }
}

policy::LimitRules Reader::Read(const toml::table& root) {
  policy::LimitRules rules;
  // Tiers first: projects name them.
  if (const toml::node* tiers = root.get("tiers")) ReadTiers(*tiers, &rules);
  for (const auto& [key, node] : root) {
    if (key.str() == "tiers") continue;
    if (key.str() == "models") {
      ReadModels(node, &rules.everywhere);
      continue;
    }
    if (key.str() != "default" && key.str() != "projects") {
      Unknown(key.str(), node, "default, models, tiers, projects");
      continue;
    }
    const toml::table* members = Table(key.str(), node);
    for (const auto& [name, value] : members ? *members : kNone) {
      if (key.str() == "projects") {
        ReadProject(name.str(), value, &rules);
      } else if (!ReadLimit(name.str(), value, &rules.everywhere.all_models)) {
        Unknown(name.str(), value, kOfSet);
      }
    }
  }
  return rules;
}

}  // namespace

absl::StatusOr<policy::LimitRules> ParseLimits(std::string_view text, std::string_view name) {
  if (!wire::IsUtf8(text)) {
    return absl::InvalidArgumentError(absl::StrCat(ToAbsl(name), ": is not UTF-8"));
  }
  KP_RETURN_IF_ERROR(CheckReadable(text, name));
  const toml::parse_result parsed = toml::parse(text);
  Reader reader(name);
  policy::LimitRules rules;
  if (parsed) {
    rules = reader.Read(parsed.table());
  } else {
    reader.Mistake(parsed.error().source(), parsed.error().description());
  }
  if (reader.mistakes().empty()) return rules;
  return absl::InvalidArgumentError(absl::StrJoin(reader.mistakes(), "\n"));
}

absl::StatusOr<std::vector<ScopeLimits>> ParseLimitScopes(std::string_view text,
                                                          std::string_view name) {
  const absl::StatusOr<policy::LimitRules> rules = ParseLimits(text, name);
  if (!rules.ok()) return rules.status();
  return policy::ScopesOf(*rules);
}

absl::StatusOr<policy::LimitRules> ReadLimitsFile(const std::string& path) {
  if (path.empty()) return policy::LimitRules();
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (!file.eof() || file.bad() || text.size() > kFileBytesMax) {
    return absl::FailedPreconditionError(absl::StrCat(
        "LIMITS_FILE: ", path, " cannot be read, or is larger than ", kFileBytesMax, " bytes"));
  }
  return ParseLimits(text, absl::StrCat("LIMITS_FILE ", path));
}

}  // namespace keypool
