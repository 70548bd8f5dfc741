#include "proxy/target.h"

#include <algorithm>
#include <utility>

#include "keyd/base/client_token.h"
#include "proxy/char_class.h"

namespace keypool::proxy {
namespace {

// The parameters that Google's system parameters define as credentials, or as naming the project to
// charge: https://cloud.google.com/apis/docs/system-parameters. Each is known with '$' in front
// too.
constexpr std::string_view kCredentialNames[] = {"key", "access_token", "oauth_token",
                                                 "userProject"};

bool DecodesTo(std::string_view text, std::string_view expected) {
  for (const char c : expected) {
    if (TakeDecoded(&text) != static_cast<unsigned char>(c)) return false;
  }
  return text.empty();
}

// Like DecodesTo, with or without '$' in front of the name.
bool IsNamed(std::string_view name, std::string_view expected) {
  std::string_view behind = name;
  if (TakeDecoded(&behind) == '$') name = behind;
  return DecodesTo(name, expected);
}

// "sse" and "sse;…", as in alt=json;enum-encoding=int.
bool IsSse(std::string_view value) {
  for (const char c : std::string_view("sse")) {
    if (TakeDecoded(&value) != c) return false;
  }
  const int next = TakeDecoded(&value);
  return next == -1 || next == ';';
}

bool IsEphemeralToken(std::string_view parameter) {
  const std::size_t equals = parameter.find('=');
  if (equals == std::string_view::npos || !IsNamed(parameter.substr(0, equals), "access_token")) {
    return false;
  }
  std::string_view value = parameter.substr(equals + 1);
  return std::all_of(kEphemeralStart.begin(), kEphemeralStart.end(),
                     [&value](char c) { return TakeDecoded(&value) == c; });
}

bool IsCredentialName(std::string_view name) {
  for (const std::string_view credential : kCredentialNames) {
    if (IsNamed(name, credential)) return true;
  }
  return false;
}

// Calls `visit(parameter)` for each. Only '&' parts them: Google uses ';' inside values.
template <class Visit>
void ForEachParameter(std::string_view query, Visit visit) {
  while (true) {
    const std::size_t end = query.find('&');
    visit(query.substr(0, end));
    if (end == std::string_view::npos) return;
    query.remove_prefix(end + 1);
  }
}

std::string_view NameOf(std::string_view parameter) {
  return parameter.substr(0, parameter.find('='));
}

// The bytes in front need decoding, joining or a closer look.
bool IsPlainPath(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%') return false;
    if (path[i] != '/') continue;
    if (i + 1 == path.size()) return i == 0;
    if (path[i + 1] == '/' || path[i + 1] == '.') return false;
  }
  return true;
}

}  // namespace

int TakeDecoded(std::string_view* text) {
  if (text->empty()) return -1;
  const char c = text->front();
  if (c == '%' && text->size() >= 3 && Is(kHexChar, (*text)[1]) && Is(kHexChar, (*text)[2])) {
    const int value = HexValue((*text)[1]) * 16 + HexValue((*text)[2]);
    text->remove_prefix(3);
    return value;
  }
  text->remove_prefix(1);
  return static_cast<unsigned char>(c);
}

ReadPath::ReadPath(std::string_view raw) : view_(raw) {
  if (IsPlainPath(raw)) return;
  decoded_.reserve(raw.size());
  for (int c = TakeDecoded(&raw); c != -1; c = TakeDecoded(&raw)) {
    if (c == '/' && !decoded_.empty() && decoded_.back() == '/') continue;
    decoded_.push_back(static_cast<char>(c));
  }
  if (decoded_.size() > 1 && decoded_.back() == '/') decoded_.pop_back();
  view_ = decoded_;
  for (std::size_t slash = view_.find('/'); slash != std::string_view::npos;
       slash = view_.find('/', slash + 1)) {
    const std::string_view segment =
        view_.substr(slash + 1, view_.find('/', slash + 1) - (slash + 1));
    if (segment == "." || segment == "..") has_dot_segment_ = true;
  }
}

QueryFacts ReadQuery(std::string_view query) {
  QueryFacts facts;
  ForEachParameter(query, [&](std::string_view parameter) {
    const std::string_view name = NameOf(parameter);
    if (IsCredentialName(name)) facts.credentials = true;
    if (IsEphemeralToken(parameter)) facts.ephemeral_token = true;
    if (DecodesTo(name, "$httpMethod")) facts.method_override = true;
    if (name.size() < parameter.size() && IsNamed(name, "alt") &&
        IsSse(parameter.substr(name.size() + 1))) {
      facts.sse = true;
    }
  });
  return facts;
}

std::string QueryValue(std::string_view query, std::string_view name) {
  std::string value;
  ForEachParameter(query, [&](std::string_view parameter) {
    if (!value.empty() || !DecodesTo(NameOf(parameter), name)) return;
    parameter.remove_prefix(std::min(NameOf(parameter).size() + 1, parameter.size()));
    for (int c = TakeDecoded(&parameter); c != -1; c = TakeDecoded(&parameter)) {
      value.push_back(static_cast<char>(c));
    }
  });
  return value;
}

std::string ClientTokenIn(std::string_view query) {
  std::string token;
  ForEachParameter(query, [&token](std::string_view parameter) {
    const std::string_view name = NameOf(parameter);
    if (!token.empty() || !IsCredentialName(name)) return;
    std::string value;
    std::string_view rest = parameter.substr(std::min(name.size() + 1, parameter.size()));
    while (value.size() <= kTokenBytes) {
      const int c = TakeDecoded(&rest);
      if (c == -1) break;
      value.push_back(static_cast<char>(c));
    }
    if (LooksLikeClientToken(value)) token = std::move(value);
  });
  return token;
}

std::string WithoutCredentials(std::string_view query, bool keep_ephemeral) {
  std::string kept;
  kept.reserve(query.size());
  bool first = true;
  ForEachParameter(query, [&](std::string_view parameter) {
    if (IsCredentialName(NameOf(parameter)) && !(keep_ephemeral && IsEphemeralToken(parameter))) {
      return;
    }
    if (!first) kept.push_back('&');
    kept.append(parameter);
    first = false;
  });
  return kept;
}

}  // namespace keypool::proxy
