// Reads the part of TOML that settings need, line by line, so that every mistake can name its line.
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/settings_parts.h"
#include "keyd/base/status.h"

namespace keypool {
namespace {

bool IsBareKeyByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

class TomlReader {
 public:
  explicit TomlReader(std::string_view text) : text_(text) {}

  SettingsFile Read() {
    while (at_ < text_.size()) {
      ReadLine();
      if (!ok_) SkipLine();
      ok_ = true;
    }
    return std::move(file_);
  }

 private:
  bool Fail(std::string message) {
    if (ok_) file_.mistakes.push_back({line_, std::move(message)});
    ok_ = false;
    return false;
  }

  bool End() const { return at_ >= text_.size(); }
  char Peek() const { return End() ? '\n' : text_[at_]; }
  bool Take(char c) {
    if (End() || text_[at_] != c) return false;
    if (c == '\n') ++line_;
    ++at_;
    return true;
  }
  void SkipBlanks() {
    while (!End() && (Peek() == ' ' || Peek() == '\t')) ++at_;
  }
  void SkipComment() {
    if (Peek() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
  }
  void SkipLine() {
    at_ = std::min(text_.find('\n', at_), text_.size());
    Take('\n');
  }
  void SkipBlankLines() {
    do {
      SkipBlanks();
      SkipComment();
      Take('\r');
    } while (Take('\n'));
  }

  void ReadLine() {
    SkipBlanks();
    if (Peek() == '[') {
      ReadTable();
    } else if (Peek() != '#' && Peek() != '\r' && Peek() != '\n') {
      ReadEntry();
    }
    if (!ok_) return;
    SkipBlanks();
    SkipComment();
    Take('\r');
    if (!End() && !Take('\n')) Fail("more text after the value; a text with blanks needs quotes");
  }

  void ReadTable() {
    Take('[');
    SkipBlanks();
    std::string name;
    if (!ReadKey(&name)) return;
    SkipBlanks();
    if (!Take(']')) {
      Fail("a table is a line like [keyd]");
      return;
    }
    table_ = name;
  }

  void ReadEntry() {
    const int line = line_;
    std::string key, value;
    if (!ReadKey(&key)) return;
    SkipBlanks();
    if (!Take('=')) {
      Fail("a setting is a line like max_retries = 3");
      return;
    }
    SkipBlanks();
    if (Peek() == '[' ? ReadArray(&value) : ReadScalar(&value)) {
      file_.entries.push_back({table_, std::move(key), std::move(value), line});
    }
  }

  bool ReadKey(std::string* key) {
    if (Peek() == '"' || Peek() == '\'') return ReadString(key);
    while (!End() && IsBareKeyByte(Peek())) *key += text_[at_++];
    return !key->empty() || Fail("a setting is a line like max_retries = 3");
  }

  bool ReadArray(std::string* value) {
    Take('[');
    for (bool first = true;; first = false) {
      SkipBlankLines();
      if (Take(']')) return true;
      std::string item;
      if (!ReadScalar(&item)) return false;
      absl::StrAppend(value, first ? "" : ",", item);
      SkipBlankLines();
      if (!Take(',') && Peek() != ']') return Fail("an array needs a comma or ] here");
      if (End()) return Fail("the array has no end; ] is missing");
    }
  }

  bool ReadScalar(std::string* value) {
    if (Peek() == '"' || Peek() == '\'') return ReadString(value);
    std::string word;
    while (!End() && (IsBareKeyByte(Peek()) || Peek() == '.' || Peek() == '+')) {
      word += text_[at_++];
    }
    if (word == "true" || word == "false") {
      *value = word;
      return true;
    }
    const std::size_t sign = !word.empty() && (word[0] == '-' || word[0] == '+') ? 1 : 0;
    if (word.size() <= sign || !absl::ascii_isdigit(static_cast<unsigned char>(word[sign])) ||
        word.find_first_not_of("0123456789_.", sign) != std::string::npos) {
      return Fail("the value is no text in quotes, number, true or false");
    }
    for (const char c : word) {
      if (c != '_' && c != '+') *value += c;
    }
    return true;
  }

  bool ReadString(std::string* value) {
    const char quote = text_[at_++];
    if (text_.substr(at_).starts_with(std::string(2, quote))) {
      return Fail("a text over several lines is not understood; use one line, or an array");
    }
    while (!Take(quote)) {
      if (End() || Peek() == '\n') return Fail("the text has no end; a quote is missing");
      if (quote == '"' && Take('\\')) {
        if (!ReadEscape(value)) return false;
      } else {
        *value += text_[at_++];
      }
    }
    return true;
  }

  bool ReadEscape(std::string* value) {
    const char c = Peek();
    const std::string_view letters = "btnfr\"\\";
    const std::size_t i = letters.find(c);
    if (i != std::string_view::npos) {
      ++at_;
      *value += "\b\t\n\f\r\"\\"[i];
      return true;
    }
    if (c != 'u' && c != 'U')
      return Fail("an unknown escape in a text; write \\\\ for a backslash");
    ++at_;
    std::uint32_t code = 0;
    for (int digits = c == 'u' ? 4 : 8; digits > 0; --digits) {
      const char d = Peek();
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(d))) return Fail("a short \\u escape");
      code = code * 16 + static_cast<std::uint32_t>(d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10);
      ++at_;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return Fail("\\u of no character");
    AppendUtf8(code, value);
    return true;
  }

  static void AppendUtf8(std::uint32_t code, std::string* out) {
    if (code < 0x80) {
      *out += static_cast<char>(code);
      return;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr unsigned char kLead[] = {0, 0xC0, 0xE0, 0xF0};
    *out += static_cast<char>(kLead[more] | (code >> (6 * more)));
    for (int i = more - 1; i >= 0; --i) {
      *out += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F));
    }
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool ok_ = true;  // of the present line
  std::string table_;
  SettingsFile file_;
};

}  // namespace

SettingsFile ReadToml(std::string_view text) { return TomlReader(text).Read(); }

std::string TomlQuoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string(1, c));
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppend(&out, "\\u", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad4));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace keypool
