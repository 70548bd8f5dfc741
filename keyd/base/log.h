// Structured log: one line is an event name and typed fields. Secret has no overload, so it cannot
// be logged.
//
//   log::Info("request_done", {{"lease", lease_id}, {"key", "key_3"}, {"upstream_ms", 12}});
//   2026-11-22T19:50:27.123Z INFO request_done lease=7 key=key_3 upstream_ms=12
//
// Thread-safe. Lines are buffered and written at the latest after 200 ms, at once from WARNING on,
// and by Flush.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <variant>

namespace keypool::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// "DEBUG", "INFO", "WARNING", "ERROR" in any case; nothing else.
std::optional<Level> ParseLevel(std::string_view text);

// Starts writing lines of at least `level` to standard error. Before it, lines from WARNING on are
// written unbuffered.
void Start(Level level);
// Writes what is buffered. Called at exit by itself.
void Flush();
bool Enabled(Level level);

// One field. Text is escaped so that a line stays a line: control bytes, spaces and quotes lead to
// a quoted value.
struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Field(std::string_view k, T v)
      : key(k), value(static_cast<std::int64_t>(v)) {}

  std::string_view key;
  std::variant<std::string_view, bool, double, std::int64_t> value;
};
using Fields = std::initializer_list<Field>;

void Write(Level level, std::string_view event, Fields fields);
inline void Debug(std::string_view event, Fields fields = {}) {
  Write(Level::kDebug, event, fields);
}
inline void Info(std::string_view event, Fields fields = {}) { Write(Level::kInfo, event, fields); }
inline void Warning(std::string_view event, Fields fields = {}) {
  Write(Level::kWarning, event, fields);
}
inline void Error(std::string_view event, Fields fields = {}) {
  Write(Level::kError, event, fields);
}

}  // namespace keypool::log
