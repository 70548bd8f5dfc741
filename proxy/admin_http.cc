#include "proxy/admin_http.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "proxy/admin_credential.h"
#include "proxy/admin_json.h"
#include "proxy/error_body.h"

namespace keypool::proxy {
namespace {

Page Problem(int http_status, std::string_view message, std::string_view allow = {}) {
  ErrorAnswer error;
  error.http_status = http_status;
  error.message = message;
  return Page{http_status, BuildError(error, ErrorShape::kNative).body, allow};
}

Page TooManyGuesses(absl::Duration wait) {
  ErrorAnswer error;
  error.http_status = 429;
  error.message = "This address has shown too many wrong admin tokens; wait before the next.";
  error.retry_after = wait;
  ErrorText text = BuildError(error, ErrorShape::kNative);
  return Page{
      429, std::move(text.body), {}, absl::StrCat("Retry-After: ", text.retry_after, "\r\n")};
}

Page NotAuthenticated(std::string_view message) {
  Page page = Problem(401, message);
  page.fields = "WWW-Authenticate: Bearer realm=\"key pool administration\"\r\n";
  return page;
}

Page Problem(const absl::Status& status) {
  const std::string_view message = ToStd(status.message());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Problem(400, message);
    case absl::StatusCode::kUnauthenticated:
      return NotAuthenticated(message);
    case absl::StatusCode::kPermissionDenied:
      return Problem(403, message);
    case absl::StatusCode::kNotFound:
      return Problem(404, message);
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kResourceExhausted:
      return Problem(409, message);
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return Problem(503, message);
    default:
      return Problem(500, message);
  }
}

// An answer of keyd on its way to a session: written and read on the session's thread only.
template <class T>
struct Pending {
  std::optional<absl::StatusOr<T>> result;
  Wakeup* wakeup = nullptr;
};

// Calls start(done) and waits until `done` has run on gRPC's thread. UNAVAILABLE when it does not
// in time, or the client leaves.
template <class T, class Start>
Task<absl::StatusOr<T>> Ask(ClientConnection& client, boost::asio::io_context& io,
                            absl::Duration time_max, const Start& start) {
  const auto pending = std::make_shared<Pending<T>>();
  pending->wakeup = &client.wakeup();
  start([pending, &io](absl::StatusOr<T> result) {
    boost::asio::post(io, [pending, result = std::move(result)]() mutable {
      pending->result = std::move(result);
      if (pending->wakeup != nullptr) pending->wakeup->Notify();
    });
  });
  // The session may also be destroyed while it waits.
  struct Leave {
    Pending<T>* pending;
    ~Leave() { pending->wakeup = nullptr; }
  } const leave{pending.get()};
  client.SetDeadline(time_max);
  while (!pending->result.has_value()) {
    if (client.Interrupted() != Interrupt::kNone) {
      co_return absl::UnavailableError("keyd does not answer in time");
    }
    co_await client.wakeup().Wait();
  }
  co_return *std::move(pending->result);
}

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }
std::string_view QueryOf(std::string_view target) {
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

// What is behind `prefix`, or nothing.
std::optional<std::string_view> Behind(std::string_view path, std::string_view prefix) {
  if (path.substr(0, prefix.size()) != prefix) return std::nullopt;
  return path.substr(prefix.size());
}

// The fields of /admin/status's query. Errors: INVALID_ARGUMENT.
absl::StatusOr<StatusQuery> ParseQuery(std::string_view query) {
  StatusQuery result;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (const auto model = Behind(pair, "model=")) {
      result.model = *model;
    } else if (const auto token = Behind(pair, "page_token=")) {
      const std::optional<KeyId> after = ParseKeyId(*token);
      if (!after.has_value()) {
        return absl::InvalidArgumentError("query parameter page_token is not a token of this page");
      }
      result.after = *after;
    } else if (!pair.empty()) {
      return absl::InvalidArgumentError("query parameters are model and page_token");
    }
  }
  return result;
}

}  // namespace

struct AdminHttp::Call {
  std::string_view method, path, query, body;
  client::AdminClient& keyd;  // for whoever has sent the request
};

Task<Page> AdminHttp::Serve(ClientConnection& client, const RequestHead& head,
                            std::string_view body, std::string_view address) {
  // The same for HEAD, without its body.
  const std::string_view method = head.method == "HEAD" ? "GET" : head.method;
  const std::string_view path = PathOf(head.target);
  if (path == "/health") {
    if (method != "GET") co_return Problem(405, "Use GET for this page.", "GET, HEAD");
    co_return co_await HealthPage(client);
  }
  if (MayBeFromAnotherSite(head)) {
    co_return Problem(403,
                      "The admin pages answer programs, not pages in a browser: use curl or "
                      "poolctl.");
  }
  const AdminCredential credential = FindAdminCredential(head);
  if (credential.shown) {
    const absl::Duration wait = guesses_.WaitOf(address, clock_.MonoNow());
    if (wait > absl::ZeroDuration()) co_return TooManyGuesses(wait);
  }
  const std::unique_ptr<client::AdminClient> keyd = keyd_.ForHttp(credential.token);
  const Call call = {method, path, QueryOf(head.target), body, *keyd};
  const absl::Status admitted = co_await Admit(client, *keyd);
  if (admitted.ok()) co_return co_await ServeAdmin(client, call);
  if (absl::IsUnauthenticated(admitted) && credential.shown) {
    guesses_.Count(address, clock_.MonoNow());
  }
  co_return Problem(admitted);
}

// The least that an administrator may ask: so keyd judges before a page says anything.
Task<absl::Status> AdminHttp::Admit(ClientConnection& client, client::AdminClient& keyd) {
  const auto start = [&keyd](client::AdminClient::Done<PoolEvents> done) {
    keyd.Events({.after = 0, .limit = 1}, std::move(done));
  };
  const absl::StatusOr<PoolEvents> answer =
      co_await Ask<PoolEvents>(client, io_, kAnswerMax, start);
  co_return answer.status();
}

Task<Page> AdminHttp::ServeAdmin(ClientConnection& client, const Call& call) {
  const auto key_status = Behind(call.path, "/admin/status/");
  const auto key = Behind(call.path, "/admin/keys/");
  const bool get = call.method == "GET";
  if (call.path == "/admin/status") {
    if (!get) co_return Problem(405, "Use GET for this page.", "GET, HEAD");
    co_return co_await StatusPage(client, call);
  }
  if (key_status.has_value()) {
    if (!get) co_return Problem(405, "Use GET for this page.", "GET, HEAD");
    co_return co_await KeyPage(client, call, *key_status);
  }
  if (call.path == "/admin/reset") {
    if (call.method != "POST") co_return Problem(405, "Use POST for this page.", "POST");
    co_return co_await ResetPage(client, call);
  }
  if (call.path == "/admin/keys") {
    if (call.method != "POST") co_return Problem(405, "Use POST for this page.", "POST");
    co_return co_await AddPage(client, call);
  }
  if (key.has_value()) {
    if (call.method != "DELETE") co_return Problem(405, "Use DELETE for this page.", "DELETE");
    co_return co_await RemovePage(client, call, *key);
  }
  co_return Problem(404, "There is no such admin page.");
}

Task<Page> AdminHttp::HealthPage(ClientConnection& client) {
  const auto start = [this](client::AdminClient::Done<PoolStatus> done) {
    StatusQuery query;
    query.keys_max = 1;
    keyd_.Status(std::move(query), std::move(done));
  };
  const absl::StatusOr<PoolStatus> status =
      co_await Ask<PoolStatus>(client, io_, kHealthMax, start);
  Health health = HealthOf(status);
  co_return Page{health.healthy ? 200 : 503, std::move(health.body), {}};
}

Task<Page> AdminHttp::StatusPage(ClientConnection& client, const Call& call) {
  const absl::StatusOr<StatusQuery> parsed = ParseQuery(call.query);
  if (!parsed.ok()) co_return Problem(parsed.status());
  const auto start = [&call, &parsed](client::AdminClient::Done<PoolStatus> done) {
    call.keyd.Status(*parsed, std::move(done));
  };
  const absl::StatusOr<PoolStatus> status =
      co_await Ask<PoolStatus>(client, io_, kAnswerMax, start);
  if (!status.ok()) co_return Problem(status.status());
  co_return Page{200, StatusJson(*status), {}};
}

Task<Page> AdminHttp::KeyPage(ClientConnection& client, const Call& call, std::string_view id) {
  const std::optional<KeyId> key = ParseKeyId(id);
  if (!key.has_value()) co_return Problem(404, "There is no key with this id.");
  const auto start = [&call, key](client::AdminClient::Done<KeyStatus> done) {
    call.keyd.Key(*key, "", std::move(done));
  };
  const absl::StatusOr<KeyStatus> status = co_await Ask<KeyStatus>(client, io_, kAnswerMax, start);
  if (!status.ok()) co_return Problem(status.status());
  co_return Page{200, KeyJson(*status), {}};
}

Task<Page> AdminHttp::ResetPage(ClientConnection& client, const Call& call) {
  const absl::StatusOr<ResetCommand> command = ParseReset(call.body);
  if (!command.ok()) co_return Problem(command.status());
  const auto start = [&call, &command](client::AdminClient::Done<std::int64_t> done) {
    call.keyd.Reset(*command, std::move(done));
  };
  const absl::StatusOr<std::int64_t> buckets =
      co_await Ask<std::int64_t>(client, io_, kAnswerMax, start);
  if (!buckets.ok()) co_return Problem(buckets.status());
  co_return Page{200, ResetJson(*buckets), {}};
}

Task<Page> AdminHttp::AddPage(ClientConnection& client, const Call& call) {
  const absl::StatusOr<AddKeyCommand> command = ParseAddKey(call.body);
  if (!command.ok()) co_return Problem(command.status());
  const auto start = [&call, &command](client::AdminClient::Done<KeyStatus> done) {
    call.keyd.AddKey(*command, std::move(done));
  };
  const absl::StatusOr<KeyStatus> added = co_await Ask<KeyStatus>(client, io_, kAnswerMax, start);
  if (!added.ok()) co_return Problem(added.status());
  co_return Page{201, KeyJson(*added), {}};
}

Task<Page> AdminHttp::RemovePage(ClientConnection& client, const Call& call, std::string_view id) {
  const std::optional<KeyId> key = ParseKeyId(id);
  if (!key.has_value()) co_return Problem(404, "There is no key with this id.");
  using Done = std::function<void(absl::StatusOr<std::monostate>)>;
  const auto start = [&call, key](Done done) {
    call.keyd.RemoveKey(*key, [done = std::move(done)](absl::Status status) {
      done(status.ok() ? absl::StatusOr<std::monostate>(std::monostate()) : status);
    });
  };
  const absl::StatusOr<std::monostate> removed =
      co_await Ask<std::monostate>(client, io_, kAnswerMax, start);
  if (!removed.ok()) co_return Problem(removed.status());
  co_return Page{200, RemovedJson(*key), {}};
}

}  // namespace keypool::proxy
