#include "proxy/head_fields.h"

#include <cstring>

#include "proxy/char_class.h"
#include "proxy/field_names.h"

namespace keypool::proxy {
namespace {

// A request line whose target is too long is known to be one at this size.
constexpr std::size_t kLongestRequestLine = kTargetBytesMax + 64;

constexpr HeadResult kBareCr = InvalidHead(400, "A CR without LF stands in the head.");
constexpr HeadResult kBareLf =
    InvalidHead(400, "A line of the head ends with LF alone; end lines with CR LF.");

// Why [p, end), which is not a token followed by a colon, is no field line; `stop` is the first
// byte that is not a token's.
HeadResult NameProblem(const char* begin, const char* stop) {
  if (*stop == '\n') return kBareLf;
  if (*stop == '\r') return InvalidHead(400, "A header line has no colon.");
  if (*stop == ' ' || *stop == '\t') {
    if (stop == begin) return InvalidHead(400, "Folded header lines are not accepted.");
    return InvalidHead(400, "White space stands between a header name and its colon.");
  }
  if (*stop == ':') return InvalidHead(400, "A header has no name.");
  return InvalidHead(400, "A header name has a byte that is not allowed in it.");
}

std::string_view Trimmed(const char* begin, const char* end) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (begin != end && blank(*begin)) ++begin;
  while (begin != end && blank(end[-1])) --end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

// One field line at `p`. `classes` gathers the classes of the bytes of its name.
HeadResult ParseFieldLine(const char** p, const char* end, Field* field, unsigned* classes) {
  const char* const name = *p;
  const char* at = SkipPlainName(name, end);
  unsigned seen = 0;
  for (; at != end; ++at) {
    const unsigned bits = ClassesOf(*at);
    if ((bits & kTokenChar) == 0) break;
    seen |= bits;
  }
  if (at == end) return kHeadIncomplete;
  if (*at != ':' || at == name) return NameProblem(name, at);
  const char* const value = at + 1;
  at = FindControl(value, end);
  while (at != end && *at == '\t') at = FindControl(at + 1, end);
  if (at == end) return kHeadIncomplete;
  if (*at == '\n') return kBareLf;
  if (*at != '\r') return InvalidHead(400, "A header value has a control byte.");
  field->name = {name, static_cast<std::size_t>(value - 1 - name)};
  field->value = Trimmed(value, at);
  *classes |= seen;
  *p = at;
  return ParseLineEnd(p, end);
}

}  // namespace

bool WorthParsing(std::string_view buffer, std::size_t scanned) {
  if (scanned == 0 || buffer.size() >= kHeadBytesMax) return true;
  if (scanned < kLongestRequestLine && buffer.size() >= kLongestRequestLine) return true;
  for (std::size_t i = buffer.find('\n', scanned); i != std::string_view::npos;
       i = buffer.find('\n', i + 1)) {
    // An empty line, or a bare LF, which the parser refuses.
    if (i < 2 || buffer[i - 1] != '\r' || buffer[i - 2] == '\n') return true;
  }
  return false;
}

HeadResult ParseLineEnd(const char** p, const char* end) {
  const char* const at = *p;
  if (at == end) return kHeadIncomplete;
  if (*at == '\n') return kBareLf;
  if (*at != '\r') return InvalidHead(400, "The first line has something behind its end.");
  if (at + 1 == end) return kHeadIncomplete;
  if (at[1] != '\n') return kBareCr;
  *p = at + 2;
  return kHeadComplete;
}

FieldLines ParseFieldLines(const char* p, const char* end, Fields* fields) {
  unsigned classes = 0;
  const auto ends = [&](HeadResult result) {
    return FieldLines{result, p, (classes & kUnderscore) != 0};
  };
  while (p != end) {
    if (*p == '\r') return ends(ParseLineEnd(&p, end));
    Field field;
    const HeadResult line = ParseFieldLine(&p, end, &field, &classes);
    if (line.state != HeadState::kComplete) return ends(line);
    if (fields->size() == kFieldsMax) {
      return ends(InvalidHead(431, "There are more than 100 headers."));
    }
    fields->push_back(field);
  }
  return ends(kHeadIncomplete);
}

HeadResult ParseVersion(const char** p, const char* end, int* minor_version) {
  constexpr HeadResult kNoVersion =
      InvalidHead(400, "The first line does not have the form of HTTP/1.1.");
  constexpr HeadResult kOtherVersion =
      InvalidHead(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  constexpr std::string_view kName = "HTTP/";
  const char* at = *p;
  for (const char expected : kName) {
    if (at == end) return kHeadIncomplete;
    if (*at++ != expected) return kNoVersion;
  }
  if (at == end) return kHeadIncomplete;
  if (!Is(kDigitChar, *at)) return kNoVersion;
  if (*at++ != '1') return kOtherVersion;
  if (at == end) return kHeadIncomplete;
  if (*at++ != '.') return kNoVersion;
  if (at == end) return kHeadIncomplete;
  if (!Is(kDigitChar, *at)) return kNoVersion;
  if (*at > '1') return kOtherVersion;
  *minor_version = *at - '0';
  *p = at + 1;
  return kHeadComplete;
}

std::optional<std::uint64_t> ParseContentLength(std::string_view value) {
  if (value.empty() || value.size() > 19 || !AllAre(kDigitChar, value)) return std::nullopt;
  if (value.size() > 1 && value.front() == '0') return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : value) length = length * 10 + static_cast<std::uint64_t>(c - '0');
  if (length > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return length;
}

void ReadConnection(std::string_view value, ConnectionTokens* tokens) {
  ForEachElement(value, [tokens](std::string_view element) {
    if (IsIgnoringCase(element, "keep-alive")) {
      tokens->keep_alive = true;
    } else if (IsIgnoringCase(element, "close")) {
      tokens->close = true;
    } else if (!AllAre(kTokenChar, element)) {
      tokens->malformed = true;
    } else {
      const FieldName named = Identify(element);
      if (IsForAll(named)) tokens->names_protected = true;
    }
    return true;
  });
}

}  // namespace keypool::proxy
