// Whatever stands in a settings file: every line is read or told once, nothing of it is quoted in
// a mistake, and what was read reads the same when it is written.
#include <algorithm>
#include <string>

#include "keyd/base/settings_parts.h"
#include "tests/fuzz/fuzz.h"

namespace keypool {
namespace {

// Where one of these stands in a file, it may be a secret.
constexpr std::string_view kCanary = "S3CR";

void CheckMistakes(const SettingsFile& file, int lines) {
  int last = 0;
  for (const SettingsFile::Mistake& mistake : file.mistakes) {
    FUZZ_CHECK(mistake.line > last && mistake.line <= lines);
    FUZZ_CHECK(!mistake.message.empty());
    FUZZ_CHECK(mistake.message.find(kCanary) == std::string::npos);
    last = mistake.line;
  }
}

std::string Written(const SettingsFile& file) {
  std::string text, table;
  for (const SettingsFile::Entry& entry : file.entries) {
    if (entry.table != table) text += "[" + TomlQuoted(entry.table) + "]\n";
    table = entry.table;
    text += TomlQuoted(entry.key) + " = " + TomlQuoted(entry.value) + "\n";
  }
  return text;
}

}  // namespace

void proxy::Fuzz(std::string_view bytes) {
  const SettingsFile file = ReadToml(bytes);
  const int lines = 1 + static_cast<int>(std::count(bytes.begin(), bytes.end(), '\n'));
  CheckMistakes(file, lines);
  int last = 0;
  for (const SettingsFile::Entry& entry : file.entries) {
    FUZZ_CHECK(entry.line > last && entry.line <= lines);
    last = entry.line;
  }
  const SettingsFile again = ReadToml(Written(file));
  FUZZ_CHECK(again.mistakes.empty());
  FUZZ_CHECK(again.entries.size() == file.entries.size());
  for (std::size_t i = 0; i < file.entries.size(); ++i) {
    FUZZ_CHECK(again.entries[i].table == file.entries[i].table);
    FUZZ_CHECK(again.entries[i].key == file.entries[i].key);
    FUZZ_CHECK(again.entries[i].value == file.entries[i].value);
  }
}

}  // namespace keypool
