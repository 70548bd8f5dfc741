#include "proxy/respond.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "keyd/base/status.h"

namespace keypool::proxy {
namespace {

std::string HttpDate(const Clock& clock) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", clock.WallNow(), absl::UTCTimeZone());
}

struct Head {
  int http_status = 0;
  std::string_view reason;
  std::string_view content_type;
  std::string_view more;  // complete field lines
};

std::string HeadText(const Clock& clock, const Head& head, std::string_view body, AnswerTo to) {
  std::string text = absl::StrCat("HTTP/1.1 ", head.http_status, " ", ToAbsl(head.reason),
                                  "\r\nDate: ", HttpDate(clock), "\r\n", ToAbsl(head.more),
                                  ToAbsl(to.cors_fields));
  // What has no body by its status has no length either.
  if (head.http_status != 204) {
    absl::StrAppend(&text, "Content-Type: ", ToAbsl(head.content_type),
                    "\r\nContent-Length: ", body.size(), "\r\n");
  }
  absl::StrAppend(&text, to.keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
  return text;
}

Task<Interrupt> Send(ClientConnection& client, const Clock& clock, const Head& head,
                     std::string_view body, AnswerTo to) {
  std::string text = HeadText(clock, head, body, to);
  std::array<iovec, 2> parts = {iovec{text.data(), text.size()},
                                iovec{const_cast<char*>(body.data()), body.size()}};
  const std::span<iovec> sent = std::span(parts).first(to.head_only || body.empty() ? 1 : 2);
  co_return co_await client.Write(sent);
}

// The fields of an error that tell when, and whether, to come again.
std::string RetryFields(const ErrorText& text) {
  std::string fields;
  if (!text.retry_after.empty())
    absl::StrAppend(&fields, "Retry-After: ", text.retry_after, "\r\n");
  if (text.retry_in_vain) fields += "x-should-retry: false\r\n";
  return fields;
}

}  // namespace

std::string ErrorAtTheDoor(const Clock& clock, const ErrorAnswer& error) {
  const ErrorText text = BuildError(error, ErrorShape::kNative);
  const std::string more = RetryFields(text);
  const Head head = {error.http_status, text.reason, text.content_type, more};
  const AnswerTo to = {ErrorShape::kNative, /*head_only=*/false, /*keep_alive=*/false};
  return HeadText(clock, head, text.body, to) + text.body;
}

Task<Interrupt> RespondError(ClientConnection& client, const Clock& clock, const ErrorAnswer& error,
                             AnswerTo to) {
  const ErrorText text = BuildError(error, to.shape);
  const std::string more = RetryFields(text);
  const Head head = {error.http_status, text.reason, text.content_type, more};
  co_return co_await Send(client, clock, head, text.body, to);
}

Task<Interrupt> RespondPage(ClientConnection& client, const Clock& clock, const Page& page,
                            AnswerTo to) {
  std::string more = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  if (!page.allow.empty()) absl::StrAppend(&more, "Allow: ", ToAbsl(page.allow), "\r\n");
  more += page.fields;
  const Head head = {page.http_status, ReasonPhrase(page.http_status),
                     "application/json; charset=UTF-8", more};
  co_return co_await Send(client, clock, head, page.body, to);
}

Task<Interrupt> RespondPreflight(ClientConnection& client, const Clock& clock,
                                 std::string_view preflight_fields, AnswerTo to) {
  const Head head = {204, "No Content", {}, preflight_fields};
  co_return co_await Send(client, clock, head, {}, to);
}

}  // namespace keypool::proxy
