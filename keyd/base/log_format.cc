#include "keyd/base/log_format.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace keypool::log {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

std::string_view Name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "DEBUG";
    case Level::kInfo:
      return "INFO";
    case Level::kWarning:
      return "WARNING";
    case Level::kError:
      return "ERROR";
  }
  return "ERROR";
}

void PutDigits(char* at, int digits, unsigned value) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

// "2026-11-22T19:50:27." of a second since the epoch, remembered by each thread: most lines share
// it with the line before.
std::string_view SecondText(std::int64_t second) {
  thread_local std::int64_t remembered = INT64_MIN;
  thread_local char text[] = "0000-00-00T00:00:00.";
  if (second != remembered) {
    using std::chrono::floor;
    const std::chrono::sys_seconds time{std::chrono::seconds(second)};
    const auto day = floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    PutDigits(text, 4, static_cast<unsigned>(static_cast<int>(date.year())));
    PutDigits(text + 5, 2, static_cast<unsigned>(date.month()));
    PutDigits(text + 8, 2, static_cast<unsigned>(date.day()));
    PutDigits(text + 11, 2, static_cast<unsigned>(clock.hours().count()));
    PutDigits(text + 14, 2, static_cast<unsigned>(clock.minutes().count()));
    PutDigits(text + 17, 2, static_cast<unsigned>(clock.seconds().count()));
    remembered = second;
  }
  return {text, sizeof text - 1};
}

void AppendTime(std::string* out, absl::Time wall) {
  // The years that four digits can show.
  constexpr std::int64_t kFirstMs = -62'167'219'200'000, kLastMs = 253'402'300'799'999;
  const std::int64_t ms = std::min(std::max(absl::ToUnixMillis(wall), kFirstMs), kLastMs);
  const std::int64_t second = ms >= 0 ? ms / 1000 : (ms - 999) / 1000;
  out->append(SecondText(second));
  char rest[4] = {0, 0, 0, 'Z'};
  PutDigits(rest, 3, static_cast<unsigned>(ms - second * 1000));
  out->append(rest, sizeof rest);
}

// The length of the UTF-8 character at the start of `text`; 0 when it is none, or one that a
// terminal would obey (U+0080 to U+009F).
std::size_t PrintableUtf8(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t size = lead >= 0xF0 && lead <= 0xF4  ? 4
                           : lead >= 0xE0 && lead < 0xF0 ? 3
                           : lead >= 0xC2 && lead < 0xE0 ? 2
                                                         : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char next = byte(1);
  const bool overlong = (lead == 0xE0 && next < 0xA0) || (lead == 0xF0 && next < 0x90);
  const bool outside = (lead == 0xED && next >= 0xA0) || (lead == 0xF4 && next >= 0x90);
  const bool control = lead == 0xC2 && next < 0xA0;
  return overlong || outside || control ? 0 : size;
}

bool IsPlain(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; }

void AppendEscapedByte(std::string* out, char c) {
  switch (c) {
    case '"':
    case '\\':
      out->push_back('\\');
      out->push_back(c);
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      out->append("\\x");
      out->push_back(kHex[static_cast<unsigned char>(c) >> 4]);
      out->push_back(kHex[static_cast<unsigned char>(c) & 15]);
  }
}

void AppendText(std::string* out, std::string_view text) {
  const bool cut = text.size() > kValueBytesMax;
  if (cut) text = text.substr(0, kValueBytesMax);
  std::size_t plain = 0;
  while (plain < text.size() && IsPlain(text[plain])) ++plain;
  if (plain == text.size() && !text.empty() && !cut) {
    out->append(text);
    return;
  }
  out->push_back('"');
  out->append(text.substr(0, plain));
  for (std::size_t i = plain; i < text.size();) {
    const char c = text[i];
    if (IsPlain(c) || c == ' ' || c == '=') {
      out->push_back(c);
      ++i;
    } else if (const std::size_t size = PrintableUtf8(text.substr(i)); size > 0) {
      out->append(text.substr(i, size));
      i += size;
    } else {
      AppendEscapedByte(out, c);
      ++i;
    }
  }
  out->append(cut ? "\u2026\"" : "\"");
}

template <class Number>
void AppendNumber(std::string* out, Number number) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number);
  out->append(text, error == std::errc{} ? end : text);
}

struct AppendValue {
  std::string* out;
  void operator()(std::string_view v) const { AppendText(out, v); }
  void operator()(bool v) const { out->append(v ? "true" : "false"); }
  void operator()(double v) const { AppendNumber(out, v); }
  void operator()(std::int64_t v) const { AppendNumber(out, v); }
};

}  // namespace

void AppendLine(std::string* out, absl::Time wall, Level level, std::string_view event,
                Fields fields) {
  AppendTime(out, wall);
  out->push_back(' ');
  out->append(Name(level));
  out->push_back(' ');
  out->append(event);
  for (const Field& field : fields) {
    out->push_back(' ');
    out->append(field.key);
    out->push_back('=');
    std::visit(AppendValue{out}, field.value);
  }
  out->push_back('\n');
}

}  // namespace keypool::log
