#include "tests/unit/proxy/head_oracle.h"

#include <algorithm>
#include <cctype>

namespace keypool::proxy {
namespace {

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool OnlyFrom(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kAlnum =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool IsToken(std::string_view text) {
  return !text.empty() && OnlyFrom(text, std::string(kAlnum) + "!#$%&'*+-.^_`|~");
}

std::vector<std::string> Split(const std::string& text, const std::string& by) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t at; (at = text.find(by, from)) != std::string::npos; from = at + by.size()) {
    parts.push_back(text.substr(from, at - from));
  }
  parts.push_back(text.substr(from));
  return parts;
}

std::string Trim(std::string text) {
  text.erase(0, std::min(text.find_first_not_of(" \t"), text.size()));
  text.erase(text.find_last_not_of(" \t") + 1);
  return text;
}

bool IsGoodHost(const std::string& host) {
  std::string name = host;
  const std::size_t port = host.rfind(':');
  const bool bracketed = !host.empty() && host[0] == '[';
  if (port != std::string::npos && (!bracketed || port > host.rfind(']'))) {
    const std::string digits = host.substr(port + 1);
    if (digits.size() > 5 || !OnlyFrom(digits, kDigits)) return false;
    name = host.substr(0, port);
  }
  if (bracketed) {
    return name.size() > 2 && name.back() == ']' &&
           OnlyFrom(name.substr(1, name.size() - 2), "0123456789abcdefABCDEF:.");
  }
  return !name.empty() && OnlyFrom(name, std::string(kAlnum) + "-._");
}

bool ReadRequestLine(const std::string& line, OracleHead* head) {
  const std::vector<std::string> parts = Split(line, " ");
  if (parts.size() != 3) return false;
  head->method = parts[0];
  head->target = parts[1];
  if (!IsToken(head->method) || head->method.size() > 32) return false;
  const std::string method = Lower(head->method);
  if (method == "connect" || method == "trace" || method == "track") return false;
  if (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0") return false;
  head->minor_version = parts[2] == "HTTP/1.1" ? 1 : 0;
  if (head->target == "*") return head->method == "OPTIONS";
  if (head->target.empty() || head->target[0] != '/' || head->target.size() > 8192) return false;
  return std::all_of(head->target.begin(), head->target.end(),
                     [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
}

bool ReadField(const std::string& line, OracleHead* head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos || !IsToken(line.substr(0, colon))) return false;
  const std::string value = line.substr(colon + 1);
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) return false;
  }
  head->fields.emplace_back(line.substr(0, colon), Trim(value));
  return true;
}

std::vector<std::string> ValuesOf(const OracleHead& head, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& [field, value] : head.fields) {
    if (Lower(field) == name) values.push_back(value);
  }
  return values;
}

bool IsProtected(const std::string& name) {
  static const std::vector<std::string> kNames = {
      "host",           "content-length", "transfer-encoding",
      "x-goog-api-key", "authorization",  "x-goog-user-project",
      "cookie"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool IsKnown(const std::string& name) {
  static const std::vector<std::string> kNames = {"connection",
                                                  "keep-alive",
                                                  "te",
                                                  "trailer",
                                                  "upgrade",
                                                  "expect",
                                                  "alt-svc",
                                                  "content-type",
                                                  "content-encoding",
                                                  "x-http-method-override",
                                                  "accept-encoding",
                                                  "x-server-timeout"};
  return IsProtected(name) || name.starts_with("proxy-") ||
         std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// What Connection may not name: fields for all, in contrast to those of one connection.
bool IsForAll(const std::string& name) {
  static const std::vector<std::string> kNames = {"expect",           "content-type",
                                                  "content-encoding", "x-http-method-override",
                                                  "accept-encoding",  "x-server-timeout"};
  return IsProtected(name) || std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool ReadConnection(OracleHead* head) {
  bool close = false, keep = false;
  for (const std::string& value : ValuesOf(*head, "connection")) {
    for (const std::string& part : Split(value, ",")) {
      const std::string token = Lower(Trim(part));
      if (token.empty()) continue;
      if (!IsToken(token) || IsForAll(token)) return false;
      close |= token == "close";
      keep |= token == "keep-alive";
    }
  }
  head->keep_alive = !close && (keep || head->minor_version == 1);
  return true;
}

bool ReadFraming(OracleHead* head) {
  const auto lengths = ValuesOf(*head, "content-length");
  const auto codings = ValuesOf(*head, "transfer-encoding");
  if (lengths.size() + codings.size() > 1) return false;
  if (!codings.empty()) {
    head->framing = Framing::kChunked;
    return Lower(codings[0]) == "chunked" && head->minor_version == 1;
  }
  if (lengths.empty()) return true;
  const std::string& text = lengths[0];
  if (text.empty() || !OnlyFrom(text, kDigits)) return false;
  if (text.size() > 1 && text[0] == '0') return false;
  // Decimal numbers without leading zeros of equal size compare as texts.
  const std::string kMax = "9223372036854775807";
  if (text.size() > kMax.size() || (text.size() == kMax.size() && text > kMax)) return false;
  head->framing = Framing::kSized;
  head->content_length = std::stoull(text);
  return true;
}

}  // namespace

std::optional<OracleHead> ReadStrictly(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 > 32 * 1024) return std::nullopt;
  const std::string text(bytes.substr(0, end));
  const std::vector<std::string> lines = Split(text, "\r\n");
  OracleHead head;
  head.size = end + 4;
  if (lines.size() > 101 || !ReadRequestLine(lines[0], &head)) return std::nullopt;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (!ReadField(lines[i], &head)) return std::nullopt;
  }
  for (const auto& [name, value] : head.fields) {
    std::string dashed = Lower(name);
    std::replace(dashed.begin(), dashed.end(), '_', '-');
    if (IsKnown(dashed) && !IsKnown(Lower(name))) return std::nullopt;
  }
  const auto hosts = ValuesOf(head, "host");
  if (hosts.size() != 1 || !IsGoodHost(hosts[0])) return std::nullopt;
  head.host = hosts[0];
  for (const std::string& value : ValuesOf(head, "expect")) {
    if (Lower(value) != "100-continue") return std::nullopt;
  }
  if (!ReadConnection(&head) || !ReadFraming(&head)) return std::nullopt;
  return head;
}

}  // namespace keypool::proxy
