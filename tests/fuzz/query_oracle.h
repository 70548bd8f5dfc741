// A second reading of percent-encoding and of credential parameters, told from Google's
// documentation and not from the code under test.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keypool::proxy {

inline int OracleHex(char c) {
  const std::size_t at = std::string_view("0123456789abcdefABCDEF").find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at < 16 ? at : at - 6);
}

inline std::string PercentDecoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && OracleHex(text[i + 1]) >= 0 &&
                        OracleHex(text[i + 2]) >= 0;
    out.push_back(escape ? static_cast<char>(OracleHex(text[i + 1]) * 16 + OracleHex(text[i + 2]))
                         : text[i]);
    if (escape) i += 2;
  }
  return out;
}

inline std::vector<std::string> Split(std::string_view text, char by) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == by) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

// `parameter` is "name=value", encoded.
inline bool IsCredential(const std::string& parameter) {
  std::string name = PercentDecoded(Split(parameter, '=')[0]);
  if (!name.empty() && name[0] == '$') name.erase(0, 1);
  return name == "key" || name == "access_token" || name == "oauth_token" || name == "userProject";
}

}  // namespace keypool::proxy
