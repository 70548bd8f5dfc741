// The proxy's own pages: /health and /admin/…, a face of keyd's Admin service.
//
//   GET    /health                    200 when a key can serve, else 503
//   GET    /admin/status              ?page_token=key_1000 for the next thousand keys, ?model=…
//   GET    /admin/status/{key_id}
//   POST   /admin/reset               nothing or {"key_id": "key_7"}
//   POST   /admin/keys                {"key": "…", "project_id": "…"}: 201 and the new key
//   DELETE /admin/keys/{key_id}
//
// Pages of other sites must not reach /admin through the browser of somebody on this machine:
// requests with an Origin, from another site, or under a Host that is not this machine's loopback
// are refused.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <string_view>

#include "absl/time/time.h"
#include "keyd/client/admin_client.h"
#include "proxy/client_connection.h"
#include "proxy/http_types.h"
#include "proxy/respond.h"
#include "proxy/task.h"

namespace keypool::proxy {

// Used by the thread of `io`. Answers of keyd may come as long as `io` exists.
class AdminHttp {
 public:
  static constexpr std::size_t kBodyBytesMax = 64 * 1024;
  // A page of /admin waits this long for keyd; /health must not wait for a keyd that hangs.
  static constexpr absl::Duration kAnswerMax = absl::Seconds(6);
  static constexpr absl::Duration kHealthMax = absl::Milliseconds(500);

  // Both must outlive it.
  AdminHttp(client::AdminClient& keyd, boost::asio::io_context& io) : keyd_(keyd), io_(io) {}

  // The page for a request whose path is /health or under /admin. A client that goes away gets
  // some page or other.
  Task<Page> Serve(ClientConnection& client, const RequestHead& head, std::string_view body);

 private:
  struct Call;
  Task<Page> ServeAdmin(ClientConnection& client, Call call);
  Task<Page> HealthPage(ClientConnection& client);
  Task<Page> StatusPage(ClientConnection& client, std::string_view query);
  Task<Page> KeyPage(ClientConnection& client, std::string_view id);
  Task<Page> ResetPage(ClientConnection& client, std::string_view body);
  Task<Page> AddPage(ClientConnection& client, std::string_view body);
  Task<Page> RemovePage(ClientConnection& client, std::string_view id);

  client::AdminClient& keyd_;
  boost::asio::io_context& io_;
};

// True when `head` cannot come from a page of another site in a browser. Pure.
bool IsFromThisMachine(const RequestHead& head);

}  // namespace keypool::proxy
