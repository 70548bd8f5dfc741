#include "tests/fakes/gemini/http_message.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace keypool::fake {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = Lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool ParseRequestLine(std::string_view line, RequestHead* head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  const std::string_view version = line.substr(last + 1);
  head->method = line.substr(0, first);
  head->target = line.substr(first + 1, last - first - 1);
  head->http10 = version == "HTTP/1.0";
  return (version == "HTTP/1.1" || head->http10) && !head->method.empty() &&
         !head->target.empty() && head->target.find(' ') == std::string::npos;
}

bool ParseHeaderLine(std::string_view line, RequestHead* head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view name = line.substr(0, colon);
  if (name.find_first_of(" \t") != std::string_view::npos) return false;
  head->headers.push_back({std::string(name), std::string(Trim(line.substr(colon + 1)))});
  return true;
}

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

std::optional<std::string_view> RequestHead::Find(std::string_view name) const {
  for (const Header& h : headers) {
    if (EqualsIgnoreCase(h.name, name)) return h.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> RequestHead::All(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Header& h : headers) {
    if (EqualsIgnoreCase(h.name, name)) values.push_back(h.value);
  }
  return values;
}

std::string_view RequestHead::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view RequestHead::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::optional<RequestHead> ParseRequestHead(std::string_view raw) {
  RequestHead head;
  head.raw = raw;
  bool first = true;
  while (true) {
    const std::size_t end = raw.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = raw.substr(0, end);
    raw.remove_prefix(end + 2);
    if (line.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
    if (first) {
      if (!ParseRequestLine(line, &head)) return std::nullopt;
      first = false;
    } else if (line.empty()) {
      break;
    } else if (!ParseHeaderLine(line, &head)) {
      return std::nullopt;
    }
  }
  // What smuggles: a body whose end two readers could see in two places.
  const auto lengths = head.All("content-length");
  const auto codings = head.All("transfer-encoding");
  if (lengths.size() > 1 || codings.size() > 1) return std::nullopt;
  if (!lengths.empty() && !codings.empty()) return std::nullopt;
  if (!codings.empty() && !EqualsIgnoreCase(codings[0], "chunked")) return std::nullopt;
  if (head.All("host").size() != 1) return std::nullopt;
  return head;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::vector<QueryParameter> ParseQuery(std::string_view query) {
  std::vector<QueryParameter> parameters;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    const std::size_t eq = part.find('=');
    parameters.push_back({PercentDecode(part.substr(0, eq)),
                          eq == std::string_view::npos ? "" : PercentDecode(part.substr(eq + 1))});
  }
  return parameters;
}

std::string Chunk(std::string_view data) {
  std::string out = absl::StrFormat("%x\r\n", data.size());
  out.append(data);
  out.append("\r\n");
  return out;
}

std::string Reply::Body() const {
  std::string body;
  for (const std::string& piece : pieces) body += piece;
  return body;
}

std::string Reply::WireHead() const {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " ";
  out += reason.empty() ? std::string(UsualReason(status)) : reason;
  out += "\r\n";
  for (const Header& h : headers) out += h.name + ": " + h.value + "\r\n";
  if (framing == Framing::kChunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (status >= 200 && status != 204 && status != 304) {
    out += "Content-Length: " + std::to_string(Body().size()) + "\r\n";
  }
  out += "\r\n";
  return out;
}

std::string_view UsualReason(int status) {
  static constexpr std::array<std::pair<int, std::string_view>, 14> kReasons{{
      {100, "Continue"},
      {103, "Early Hints"},
      {200, "OK"},
      {204, "No Content"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {413, "Request Entity Too Large"},
      {429, "Too Many Requests"},
      {500, "Internal Server Error"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
  }};
  for (const auto& [code, text] : kReasons) {
    if (code == status) return text;
  }
  return "Unknown";
}

}  // namespace keypool::fake
