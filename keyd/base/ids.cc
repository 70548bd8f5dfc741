#include "keyd/base/ids.h"

#include <charconv>

namespace keypool {
namespace {
constexpr std::string_view kKeyPrefix = "key_";
}

std::string ToString(KeyId id) { return std::string(kKeyPrefix) + std::to_string(id.value()); }

std::optional<KeyId> ParseKeyId(std::string_view text) {
  if (!text.starts_with(kKeyPrefix)) return std::nullopt;
  text.remove_prefix(kKeyPrefix.size());
  if (text.empty() || text.front() == '0') return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return KeyId{number};
}

ProjectId OwnProject(KeyId id) { return ProjectId{"~" + ToString(id)}; }

bool IsDeclarableProject(std::string_view text) {
  if (text.empty() || text.size() > kProjectIdBytesMax || text.front() == '-') return false;
  for (const char c : text) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alnum && c != '.' && c != '_' && c != ':' && c != '-') return false;
  }
  return true;
}

}  // namespace keypool
