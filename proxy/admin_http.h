// The proxy's own pages: /health and /admin/…, a face of keyd's Admin service.
//
//   GET    /health                    200 when a key can serve, else 503
//   GET    /admin/status              ?page_token=key_1000 for the next thousand keys, ?model=…
//   GET    /admin/status/{key_id}
//   POST   /admin/reset               nothing or {"key_id": "key_7"}
//   POST   /admin/keys                {"key": "…", "project_id": "…"}: 201 and the new key
//   DELETE /admin/keys/{key_id}
//
// /admin needs an admin token (`Authorization: Bearer gka_…`), which goes along with every call to
// keyd, who judges it. An address that has shown too many wrong ones gets 429, and keyd is not
// asked. Pages of other sites, in the browser of somebody who can reach the proxy, get 403.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "keyd/client/admin_client.h"
#include "proxy/client_connection.h"
#include "proxy/guess_limit.h"
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

  // Everything must outlive it.
  AdminHttp(client::AdminClient& keyd, boost::asio::io_context& io, const Clock& clock,
            GuessLimit& guesses)
      : keyd_(keyd), io_(io), clock_(clock), guesses_(guesses) {}

  // The page for a request from `address` whose path is /health or under /admin. A client that goes
  // away gets some page or other.
  Task<Page> Serve(ClientConnection& client, const RequestHead& head, std::string_view body,
                   std::string_view address);

 private:
  struct Call;
  Task<absl::Status> Admit(ClientConnection& client, client::AdminClient& keyd);
  Task<Page> ServeAdmin(ClientConnection& client, const Call& call);
  Task<Page> HealthPage(ClientConnection& client);
  Task<Page> StatusPage(ClientConnection& client, const Call& call);
  Task<Page> KeyPage(ClientConnection& client, const Call& call, std::string_view id);
  Task<Page> ResetPage(ClientConnection& client, const Call& call);
  Task<Page> AddPage(ClientConnection& client, const Call& call);
  Task<Page> RemovePage(ClientConnection& client, const Call& call, std::string_view id);

  client::AdminClient& keyd_;
  boost::asio::io_context& io_;
  const Clock& clock_;
  GuessLimit& guesses_;
};

}  // namespace keypool::proxy
