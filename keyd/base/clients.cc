#include "keyd/base/clients.h"

#include <algorithm>

namespace keypool {
namespace {

constexpr std::size_t kNameBytesMax = 64;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsNameByte(char c) {
  return IsLetter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

bool IsClientName(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax && IsLetter(text.front()) &&
         std::all_of(text.begin(), text.end(), IsNameByte);
}

bool IsModelPattern(std::string_view text) {
  return !text.empty() && text.size() <= kClientModelBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsNameByte(c) || c == '/' || c == ':' || c == '*' || c == '?';
         });
}

bool MatchesModel(std::string_view pattern, std::string_view model) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t p = 0, m = 0;
  // Where the last '*' stands, and how much of the model it stands for so far: the one to go back
  // to.
  std::size_t star = kNone, taken = 0;
  while (m < model.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = m;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == model[m])) {
      ++p;
      ++m;
    } else if (star != kNone) {
      p = star + 1;
      m = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == kNone;
}

std::string_view NameOf(ClientState state) {
  switch (state) {
    case ClientState::kActive:
      return "active";
    case ClientState::kExpired:
      return "expired";
    case ClientState::kRevoked:
      return "revoked";
  }
  return "unknown";
}

}  // namespace keypool
