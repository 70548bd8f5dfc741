// Whatever upstream says of where an upload goes on, and whatever a client says of where it came:
// the address for the client is by way of the proxy or not the proxy's at all, has no credential,
// and brings no field of its own into the head.
#include <algorithm>
#include <string>

#include "proxy/headers.h"
#include "proxy/public_address.h"
#include "proxy/request_head.h"
#include "proxy/response_head.h"
#include "proxy/upload_urls.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/query_oracle.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kBase = "https://pool.example/gemini";
constexpr UrlRewrite kRewrites[] = {
    {kBase, "generativelanguage.googleapis.com", ""},
    {kBase, "127.0.0.1:9000", "/prefix"},
    {"", "127.0.0.1:9000", "/prefix"},
};

void CheckUrl(const UrlRewrite& rewrite, std::string_view url) {
  const std::string told = ForClient(rewrite, url);
  const std::size_t mark = told.find('?');
  if (mark != std::string::npos) {
    for (const std::string& parameter : Split(std::string_view(told).substr(mark + 1), '&')) {
      FUZZ_CHECK(!IsCredential(parameter));
    }
  }
  FUZZ_CHECK(told.size() <= url.size() + kBase.size());
  FUZZ_CHECK(ForClient(rewrite, told) == told);
  const std::string authority(AuthorityIn(url));
  if (!rewrite.base.empty() && authority == rewrite.authority) {
    FUZZ_CHECK(AuthorityIn(told) == AuthorityIn(rewrite.base) || told == rewrite.base);
  } else if (!told.starts_with(kBase)) {
    const std::size_t end = std::min(url.find('?'), url.size());
    FUZZ_CHECK(std::string_view(told).substr(0, mark) == url.substr(0, end));
  }
}

// An answer whose upload addresses are `value`, as it goes to the client.
void CheckHead(const UrlRewrite& rewrite, const std::string& value) {
  if (value.find('\n') != std::string::npos) return;  // that is no value, but other fields
  const std::string bytes = "HTTP/1.1 200 OK\r\nX-Goog-Upload-URL: " + value +
                            "\r\nX-Goog-Upload-Status: active\r\nlocation: " + value +
                            "\r\nContent-Length: 0\r\n\r\n";
  ResponseHead head;
  std::size_t scanned = 0;
  if (ParseResponseHead(bytes, "POST", &scanned, &head).state != HeadState::kComplete) return;
  ClientHeadOptions options;
  options.body = {Framing::kSized, 0};
  options.upload_urls = &rewrite;
  std::string sent;
  AppendClientHead(head, options, &sent);
  ResponseHead again;
  scanned = 0;
  const HeadResult result = ParseResponseHead(sent, "POST", &scanned, &again);
  FUZZ_CHECK(result.state == HeadState::kComplete && again.size == sent.size());
  FUZZ_CHECK(again.fields.size() == head.fields.size());
  FUZZ_CHECK(again.framing == Framing::kSized && again.content_length == 0);
  for (const Field& field : head.fields) {
    if (!IsUploadUrl(field.name)) continue;
    const auto same = std::find_if(
        again.fields.begin(), again.fields.end(),
        [&field](const Field& other) { return std::string(other.name) == field.name; });
    FUZZ_CHECK(same != again.fields.end());
    std::string told = ForClient(rewrite, field.value);
    // White space at the end is not part of a value.
    told.erase(told.find_last_not_of(" \t") + 1);
    told.erase(0, std::min(told.find_first_not_of(" \t"), told.size()));
    FUZZ_CHECK(same->value == told);
  }
}

// A request that says of itself where it came, with `value` in each place.
void CheckAddress(const std::string& value) {
  const std::string bytes = "POST / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: " + value +
                            "\r\nX-Forwarded-Host: " + value + "\r\n\r\n";
  RequestHead head;
  std::size_t scanned = 0;
  if (ParseRequestHead(bytes, &scanned, &head).state != HeadState::kComplete) return;
  FUZZ_CHECK(AddressUsed(head, /*tls=*/false, /*trusts_peer=*/false) == "http://localhost");
  const std::string address = AddressUsed(head, /*tls=*/true, /*trusts_peer=*/true);
  FUZZ_CHECK(address.starts_with("https://") || address.starts_with("http://"));
  const std::string authority = address.substr(address.find("://") + 3);
  FUZZ_CHECK(!authority.empty());
  FUZZ_CHECK(authority.find_first_of("/?#@\\ \t,\"<>") == std::string::npos);
}

}  // namespace

void Fuzz(std::string_view bytes) {
  const std::string value(bytes);
  CheckAddress(value);
  for (const UrlRewrite& rewrite : kRewrites) {
    CheckUrl(rewrite, bytes);
    CheckHead(rewrite, value);
  }
}

}  // namespace keypool::proxy
