// The heads that are sent on. Every field in them is one that was decided to be sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "keyd/base/secret.h"
#include "proxy/http_types.h"
#include "proxy/request_plan.h"
#include "proxy/upload_urls.h"

namespace keypool::proxy {

// How the body goes out, which may differ from how it came in.
struct OutBody {
  Framing framing = Framing::kNone;
  std::uint64_t size = 0;  // with kSized
};

// Appends the head for upstream: the client's fields in their order and spelling, without
// hop-by-hop fields, without any client credential (x-goog-api-key, authorization,
// x-goog-user-project, cookie), Host replaced, Expect removed, Accept-Encoding cut down to what can
// be searched for keys (gzip, deflate), framing as `body` says, and exactly one key; for a Live
// session the upgrade to a WebSocket, and its ephemeral token if it has one in place of the key.
// X-Server-Timeout says `server_timeout` instead, unless that is empty. Adds nothing that tells who
// the client is; what the client says of itself (Via, X-Forwarded-For, …) stays. `body` is not
// kToClose.
void AppendUpstreamHead(const RequestHead& head, const Plan& plan, std::string_view upstream_host,
                        const Secret& key, OutBody body, std::string* out,
                        std::string_view server_timeout = {});

struct ClientHeadOptions {
  OutBody body;                  // not kChunked for an HTTP/1.0 client
  bool keep_alive = true;        // taken as false with kToClose
  int client_minor_version = 1;  // HTTP/1.0 or 1.1
  // Not null: addresses to go on with an upload are told as the client should use them.
  const UrlRewrite* upload_urls = nullptr;
  // Complete lines for a page in a browser, if upstream has none of its own.
  std::string_view cors_fields = {};
  bool websocket = false;  // 101: the connection goes on as a WebSocket
};
// Appends the head for the client: upstream's status, reason and fields in their order and
// spelling, without hop-by-hop fields and alt-svc, framing as `body` says (with kNone, answers to
// HEAD and 304 keep upstream's Content-Length), "Connection: close" unless `keep_alive`.
void AppendClientHead(const ResponseHead& head, const ClientHeadOptions& options, std::string* out);

}  // namespace keypool::proxy
