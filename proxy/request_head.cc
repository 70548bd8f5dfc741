#include "proxy/request_head.h"

#include <algorithm>
#include <array>

#include "proxy/char_class.h"
#include "proxy/field_names.h"
#include "proxy/head_fields.h"

namespace keypool::proxy {
namespace {

constexpr std::size_t kMethodBytesMax = 32;

HeadResult ParseMethod(const char** p, const char* end, RequestHead* head) {
  const char* const begin = *p;
  const char* at = begin;
  while (at != end && Is(kTokenChar, *at)) ++at;
  const auto size = static_cast<std::size_t>(at - begin);
  if (size > kMethodBytesMax) return InvalidHead(400, "The method is longer than 32 bytes.");
  if (at == end) return kHeadIncomplete;
  if (size == 0 && (*at == '\r' || *at == '\n')) {
    return InvalidHead(400, "An empty line stands in front of the request line.");
  }
  if (size == 0 || *at != ' ') {
    return InvalidHead(400, "The request does not start with a method and one space.");
  }
  head->method = {begin, size};
  *p = at + 1;
  // In any case: what we would pass on as unknown, the upstream might still read as these.
  if (IsIgnoringCase(head->method, "connect")) {
    return InvalidHead(400, "CONNECT is for forward proxies; this is the Gemini API's base URL.");
  }
  if (IsIgnoringCase(head->method, "trace") || IsIgnoringCase(head->method, "track")) {
    return InvalidHead(501, "TRACE is not passed on: its answer would show the key.");
  }
  return kHeadComplete;
}

// Why a target that starts with neither '/' nor "*" is refused.
HeadResult FormProblem(std::string_view target) {
  if (target.empty()) {
    return InvalidHead(400,
                       "The request line needs exactly one space before and after its target.");
  }
  if (target.find("://") != std::string_view::npos) {
    return InvalidHead(400, "The target is a whole URL; send its path and query only.");
  }
  return InvalidHead(400, "The target does not start with a slash.");
}

HeadResult ParseTarget(const char** p, const char* end, RequestHead* head) {
  const char* const begin = *p;
  const char* const limit =
      begin + std::min<std::size_t>(static_cast<std::size_t>(end - begin), kTargetBytesMax + 1);
  const char* at = begin;
  while (at != limit && Is(kTargetChar, *at)) ++at;
  const auto size = static_cast<std::size_t>(at - begin);
  if (size > kTargetBytesMax) {
    return InvalidHead(414, "The URL is longer than 8 KiB; send long input in the body.");
  }
  if (at == end) return kHeadIncomplete;
  if (*at == '#') return InvalidHead(400, "The target has a fragment ('#'); write it as %23.");
  if (*at == '\r' || *at == '\n') return InvalidHead(400, "The request line has no HTTP version.");
  if (*at != ' ') {
    return InvalidHead(400, "The target has a byte that must be percent-encoded.");
  }
  head->target = {begin, size};
  *p = at + 1;
  if (head->target == "*") {
    if (head->method == "OPTIONS") return kHeadComplete;
    return InvalidHead(400, "The target \"*\" is for OPTIONS only.");
  }
  return size != 0 && *begin == '/' ? kHeadComplete : FormProblem(head->target);
}

HeadResult ParseRequestLine(const char** p, const char* end, RequestHead* head) {
  HeadResult result = ParseMethod(p, end, head);
  if (result.state == HeadState::kComplete) result = ParseTarget(p, end, head);
  if (result.state == HeadState::kComplete) result = ParseVersion(p, end, &head->minor_version);
  if (result.state == HeadState::kComplete) result = ParseLineEnd(p, end);
  return result;
}

// A name, an IPv4 address or "[…]", and a port if any. Nothing that could be taken for userinfo, a
// path or a second host.
bool IsHost(std::string_view host) {
  std::string_view port;
  bool good = false;
  if (!host.empty() && host.front() == '[') {
    const std::size_t close = host.find(']');
    if (close == std::string_view::npos) return false;
    const std::string_view inside = host.substr(1, close - 1);
    good = !inside.empty() && std::all_of(inside.begin(), inside.end(), [](char c) {
      return Is(kHexChar, c) || c == ':' || c == '.';
    });
    port = host.substr(close + 1);
  } else {
    const std::size_t colon = std::min(host.find(':'), host.size());
    good = colon != 0 && AllAre(kHostChar, host.substr(0, colon));
    port = host.substr(colon);
  }
  if (port.empty()) return good;
  return good && port.front() == ':' && port.size() <= 6 && AllAre(kDigitChar, port.substr(1));
}

// Reads the fields that say where a message ends and what becomes of the connection.
class FieldJudge {
 public:
  explicit FieldJudge(RequestHead* head) : head_(*head) {}

  HeadResult Read(const Field& field) {
    switch (Identify(field.name)) {
      case FieldName::kHost:
        return ReadHost(field.value);
      case FieldName::kContentLength:
        return ReadLength(field.value);
      case FieldName::kTransferEncoding:
        return ReadCoding(field.value);
      case FieldName::kConnection:
        ReadConnection(field.value, &connection_);
        return kHeadComplete;
      case FieldName::kExpect:
        expects_ = true;
        if (IsIgnoringCase(field.value, "100-continue")) return kHeadComplete;
        return InvalidHead(417, "Expect may only be 100-continue.");
      default:
        return kHeadComplete;
    }
  }

  HeadResult Finish() {
    if (!host_) return InvalidHead(400, "The Host header is missing.");
    if (coding_ && length_) {
      return InvalidHead(400, "The request has both Transfer-Encoding and Content-Length.");
    }
    if (coding_ && head_.minor_version == 0) {
      return InvalidHead(400, "HTTP/1.0 knows no Transfer-Encoding.");
    }
    if (connection_.malformed) return InvalidHead(400, "The Connection header is malformed.");
    if (connection_.names_protected) {
      return InvalidHead(400, "The Connection header names a header that is not the connection's.");
    }
    head_.framing = coding_ ? Framing::kChunked : length_ ? Framing::kSized : Framing::kNone;
    head_.keep_alive = !connection_.close && (head_.minor_version == 1 || connection_.keep_alive);
    // Nobody waits for a body that does not come, and HTTP/1.0 knows no interim answers.
    head_.expects_continue =
        expects_ && head_.minor_version == 1 && (coding_ || head_.content_length != 0);
    return kHeadComplete;
  }

 private:
  HeadResult ReadHost(std::string_view value) {
    if (host_) return InvalidHead(400, "The Host header is repeated.");
    host_ = true;
    head_.host = value;
    return IsHost(value) ? kHeadComplete : InvalidHead(400, "The Host header is malformed.");
  }
  HeadResult ReadLength(std::string_view value) {
    if (length_) return InvalidHead(400, "Content-Length is repeated.");
    length_ = true;
    const std::optional<std::uint64_t> length = ParseContentLength(value);
    if (!length) return InvalidHead(400, "Content-Length is not one plain decimal number.");
    head_.content_length = *length;
    return kHeadComplete;
  }
  HeadResult ReadCoding(std::string_view value) {
    if (coding_) return InvalidHead(400, "Transfer-Encoding is repeated.");
    coding_ = true;
    if (IsIgnoringCase(value, "chunked")) return kHeadComplete;
    return InvalidHead(400, "Transfer-Encoding may only be chunked.");
  }

  RequestHead& head_;
  ConnectionTokens connection_;
  bool host_ = false;
  bool length_ = false;
  bool coding_ = false;
  bool expects_ = false;
};

// CGI-like servers read '_' and '-' as one: a name that becomes one of ours this way could bring a
// second credential or framing past us.
bool ShadowsKnownName(std::string_view name) {
  // Longer names can only begin like one of ours ("proxy-…").
  constexpr std::size_t kLongestKnown = 32;
  name = name.substr(0, kLongestKnown);
  if (name.find('_') == std::string_view::npos || Identify(name) != FieldName::kOther) return false;
  std::array<char, kLongestKnown> dashed;
  std::replace_copy(name.begin(), name.end(), dashed.begin(), '_', '-');
  return Identify({dashed.data(), name.size()}) != FieldName::kOther;
}

HeadResult Judge(bool any_underscore, RequestHead* head) {
  FieldJudge judge(head);
  for (const Field& field : head->fields) {
    const HeadResult result = judge.Read(field);
    if (result.state != HeadState::kComplete) return result;
    if (any_underscore && ShadowsKnownName(field.name)) {
      return InvalidHead(400, "A header name with '_' looks like one with '-'; write it with '-'.");
    }
  }
  return judge.Finish();
}

HeadResult Parse(std::string_view buffer, RequestHead* head) {
  // What Judge does not set in every case; assigning a whole head would copy its kilobyte of
  // fields.
  head->fields.clear();
  head->content_length = 0;
  const char* p = buffer.data();
  const char* const end = p + std::min(buffer.size(), kHeadBytesMax);
  HeadResult result = ParseRequestLine(&p, end, head);
  FieldLines lines;
  if (result.state == HeadState::kComplete) {
    lines = ParseFieldLines(p, end, &head->fields);
    result = lines.result;
  }
  if (result.state == HeadState::kIncomplete && buffer.size() >= kHeadBytesMax) {
    return InvalidHead(431, "The request's headers are larger than 32 KiB in all.");
  }
  if (result.state != HeadState::kComplete) return result;
  head->size = static_cast<std::size_t>(lines.end - buffer.data());
  return Judge(lines.any_underscore, head);
}

}  // namespace

HeadResult ParseRequestHead(std::string_view buffer, std::size_t* scanned, RequestHead* head) {
  if (!WorthParsing(buffer, *scanned)) {
    *scanned = buffer.size();
    return kHeadIncomplete;
  }
  const HeadResult result = Parse(buffer, head);
  *scanned = result.state == HeadState::kIncomplete ? buffer.size() : 0;
  return result;
}

}  // namespace keypool::proxy
