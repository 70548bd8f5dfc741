#include "proxy/response_head.h"

#include <algorithm>

#include "proxy/char_class.h"
#include "proxy/field_names.h"
#include "proxy/head_fields.h"

namespace keypool::proxy {
namespace {

// Every problem here is upstream's, so the status for the client is one.
constexpr HeadResult Invalid(std::string_view problem) { return InvalidHead(502, problem); }

HeadResult ParseStatus(const char** p, const char* end, ResponseHead* head) {
  constexpr HeadResult kNoStatus = Invalid("The upstream's status line is malformed.");
  const char* at = *p;
  if (at == end) return kHeadIncomplete;
  if (*at++ != ' ') return kNoStatus;
  int status = 0;
  for (int i = 0; i < 3; ++i, ++at) {
    if (at == end) return kHeadIncomplete;
    if (!Is(kDigitChar, *at)) return kNoStatus;
    status = status * 10 + (*at - '0');
  }
  if (status < 100 || status > 599) return Invalid("The upstream's status is none that HTTP has.");
  if (at == end) return kHeadIncomplete;
  // The space before an empty reason is often forgotten; nothing else can be meant.
  if (*at != ' ' && *at != '\r') return kNoStatus;
  const char* const reason = *at == ' ' ? at + 1 : at;
  at = FindControl(reason, end);
  while (at != end && *at == '\t') at = FindControl(at + 1, end);
  head->status = status;
  head->reason = {reason, static_cast<std::size_t>(at - reason)};
  *p = at;
  return kHeadComplete;
}

HeadResult ParseStatusLine(const char** p, const char* end, ResponseHead* head) {
  HeadResult result = ParseVersion(p, end, &head->minor_version);
  if (result.state == HeadState::kComplete) result = ParseStatus(p, end, head);
  if (result.state == HeadState::kComplete) result = ParseLineEnd(p, end);
  return result;
}

struct Framers {
  std::optional<std::uint64_t> length;
  bool chunked = false;
  ConnectionTokens connection;
};

// Equal values cannot be read in two ways, so repeating a length is not held against upstream.
HeadResult ReadLength(std::string_view value, Framers* framers) {
  bool any = false;
  const bool good = ForEachElement(value, [&](std::string_view element) {
    const std::optional<std::uint64_t> length = ParseContentLength(element);
    if (!length || (framers->length && *framers->length != *length)) return false;
    framers->length = length;
    any = true;
    return true;
  });
  if (good && any) return kHeadComplete;
  return Invalid("The upstream's Content-Length is malformed or contradicts itself.");
}

HeadResult ReadField(const Field& field, Framers* framers, ResponseHead* head) {
  switch (Identify(field.name)) {
    case FieldName::kContentLength:
      return ReadLength(field.value, framers);
    case FieldName::kTransferEncoding:
      if (framers->chunked || !IsIgnoringCase(field.value, "chunked")) {
        return Invalid("The upstream's Transfer-Encoding is other than chunked.");
      }
      framers->chunked = true;
      return kHeadComplete;
    case FieldName::kConnection:
      ReadConnection(field.value, &framers->connection);
      return kHeadComplete;
    case FieldName::kContentType:
      head->content_type = field.value;
      return kHeadComplete;
    case FieldName::kContentEncoding:
      head->content_encoding = field.value;
      return kHeadComplete;
    default:
      return kHeadComplete;
  }
}

HeadResult Frame(const Framers& framers, std::string_view request_method, ResponseHead* head) {
  if (framers.chunked && (framers.length || head->minor_version == 0)) {
    return Invalid("The upstream's answer can be read as ending in two places.");
  }
  if (framers.connection.malformed || framers.connection.names_protected) {
    return Invalid(
        "The upstream's Connection is malformed, or names what is not the connection's.");
  }
  const bool promises_body = framers.chunked || framers.length.value_or(0) != 0;
  head->keep_alive =
      !framers.connection.close && (head->minor_version == 1 || framers.connection.keep_alive);
  head->framing = Framing::kNone;
  if (head->status < 200) {
    if (promises_body) return Invalid("The upstream's interim answer announces a body.");
    // What follows is another protocol.
    if (head->status == 101) head->keep_alive = false;
    return kHeadComplete;
  }
  if (head->status == 204) {
    // Has no body whatever it says; whether one follows nevertheless is not to be found out.
    if (promises_body) head->keep_alive = false;
    return kHeadComplete;
  }
  head->content_length = framers.length.value_or(0);
  if (head->status == 304 || request_method == "HEAD") return kHeadComplete;
  if (framers.chunked) {
    head->framing = Framing::kChunked;
  } else if (framers.length) {
    head->framing = Framing::kSized;
  } else {
    head->framing = Framing::kToClose;
    head->keep_alive = false;
  }
  return kHeadComplete;
}

HeadResult Parse(std::string_view buffer, std::string_view request_method, ResponseHead* head) {
  // What is not set in every case; assigning a whole head would copy its kilobyte of fields.
  head->fields.clear();
  head->content_length = 0;
  head->content_type = {};
  head->content_encoding = {};
  const char* p = buffer.data();
  const char* const end = p + std::min(buffer.size(), kHeadBytesMax);
  HeadResult result = ParseStatusLine(&p, end, head);
  FieldLines lines;
  if (result.state == HeadState::kComplete) {
    lines = ParseFieldLines(p, end, &head->fields);
    result = lines.result;
  }
  if (result.state == HeadState::kIncomplete && buffer.size() >= kHeadBytesMax) {
    return Invalid("The upstream's headers are larger than 32 KiB in all.");
  }
  if (result.state == HeadState::kInvalid) return Invalid(result.problem);
  if (result.state != HeadState::kComplete) return result;
  head->size = static_cast<std::size_t>(lines.end - buffer.data());
  Framers framers;
  for (const Field& field : head->fields) {
    result = ReadField(field, &framers, head);
    if (result.state != HeadState::kComplete) return result;
  }
  return Frame(framers, request_method, head);
}

}  // namespace

HeadResult ParseResponseHead(std::string_view buffer, std::string_view request_method,
                             std::size_t* scanned, ResponseHead* head) {
  if (!WorthParsing(buffer, *scanned)) {
    *scanned = buffer.size();
    return kHeadIncomplete;
  }
  const HeadResult result = Parse(buffer, request_method, head);
  *scanned = result.state == HeadState::kIncomplete ? buffer.size() : 0;
  return result;
}

}  // namespace keypool::proxy
