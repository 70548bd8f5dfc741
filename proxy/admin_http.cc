#include "proxy/admin_http.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
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

Page Problem(const absl::Status& status) {
  const std::string_view message = ToStd(status.message());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Problem(400, message);
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

bool IsFromThisMachine(const RequestHead& head) {
  for (const Field& field : head.fields) {
    const absl::string_view name = ToAbsl(field.name);
    if (absl::EqualsIgnoreCase(name, "origin")) return false;
    if (absl::EqualsIgnoreCase(name, "sec-fetch-site") && field.value != "none" &&
        field.value != "same-origin") {
      return false;
    }
  }
  std::string_view host = head.host;
  if (!host.empty() && host.front() == '[') {
    host = host.substr(1, std::min(host.find(']'), host.size()) - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (absl::EqualsIgnoreCase(ToAbsl(host), "localhost")) return true;
  boost::system::error_code not_an_address;
  const auto address = boost::asio::ip::make_address(std::string(host), not_an_address);
  return !not_an_address && address.is_loopback();
}

struct AdminHttp::Call {
  std::string_view method, path, query, body;
};

Task<Page> AdminHttp::Serve(ClientConnection& client, const RequestHead& head,
                            std::string_view body) {
  Call call{head.method, PathOf(head.target), QueryOf(head.target), body};
  if (call.method == "HEAD") call.method = "GET";  // the same, without its body
  if (call.path == "/health") {
    if (call.method != "GET") co_return Problem(405, "Use GET for this page.", "GET, HEAD");
    co_return co_await HealthPage(client);
  }
  if (!IsFromThisMachine(head)) {
    co_return Problem(403,
                      "The admin pages answer programs on this machine, not pages in a browser: "
                      "use curl or poolctl, with localhost or 127.0.0.1 as the host.");
  }
  co_return co_await ServeAdmin(client, call);
}

Task<Page> AdminHttp::ServeAdmin(ClientConnection& client, Call call) {
  const auto key_status = Behind(call.path, "/admin/status/");
  const auto key = Behind(call.path, "/admin/keys/");
  const bool get = call.method == "GET";
  if (call.path == "/admin/status") {
    if (!get) co_return Problem(405, "Use GET for this page.", "GET, HEAD");
    co_return co_await StatusPage(client, call.query);
  }
  if (key_status.has_value()) {
    if (!get) co_return Problem(405, "Use GET for this page.", "GET, HEAD");
    co_return co_await KeyPage(client, *key_status);
  }
  if (call.path == "/admin/reset") {
    if (call.method != "POST") co_return Problem(405, "Use POST for this page.", "POST");
    co_return co_await ResetPage(client, call.body);
  }
  if (call.path == "/admin/keys") {
    if (call.method != "POST") co_return Problem(405, "Use POST for this page.", "POST");
    co_return co_await AddPage(client, call.body);
  }
  if (key.has_value()) {
    if (call.method != "DELETE") co_return Problem(405, "Use DELETE for this page.", "DELETE");
    co_return co_await RemovePage(client, *key);
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

Task<Page> AdminHttp::StatusPage(ClientConnection& client, std::string_view query) {
  const absl::StatusOr<StatusQuery> parsed = ParseQuery(query);
  if (!parsed.ok()) co_return Problem(parsed.status());
  const auto start = [this, &parsed](client::AdminClient::Done<PoolStatus> done) {
    keyd_.Status(*parsed, std::move(done));
  };
  const absl::StatusOr<PoolStatus> status =
      co_await Ask<PoolStatus>(client, io_, kAnswerMax, start);
  if (!status.ok()) co_return Problem(status.status());
  co_return Page{200, StatusJson(*status), {}};
}

Task<Page> AdminHttp::KeyPage(ClientConnection& client, std::string_view id) {
  const std::optional<KeyId> key = ParseKeyId(id);
  if (!key.has_value()) co_return Problem(404, "There is no key with this id.");
  const auto start = [this, key](client::AdminClient::Done<KeyStatus> done) {
    keyd_.Key(*key, "", std::move(done));
  };
  const absl::StatusOr<KeyStatus> status = co_await Ask<KeyStatus>(client, io_, kAnswerMax, start);
  if (!status.ok()) co_return Problem(status.status());
  co_return Page{200, KeyJson(*status), {}};
}

Task<Page> AdminHttp::ResetPage(ClientConnection& client, std::string_view body) {
  const absl::StatusOr<ResetCommand> command = ParseReset(body);
  if (!command.ok()) co_return Problem(command.status());
  const auto start = [this, &command](client::AdminClient::Done<std::int64_t> done) {
    keyd_.Reset(*command, std::move(done));
  };
  const absl::StatusOr<std::int64_t> buckets =
      co_await Ask<std::int64_t>(client, io_, kAnswerMax, start);
  if (!buckets.ok()) co_return Problem(buckets.status());
  co_return Page{200, ResetJson(*buckets), {}};
}

Task<Page> AdminHttp::AddPage(ClientConnection& client, std::string_view body) {
  const absl::StatusOr<AddKeyCommand> command = ParseAddKey(body);
  if (!command.ok()) co_return Problem(command.status());
  const auto start = [this, &command](client::AdminClient::Done<KeyStatus> done) {
    keyd_.AddKey(*command, std::move(done));
  };
  const absl::StatusOr<KeyStatus> added = co_await Ask<KeyStatus>(client, io_, kAnswerMax, start);
  if (!added.ok()) co_return Problem(added.status());
  co_return Page{201, KeyJson(*added), {}};
}

Task<Page> AdminHttp::RemovePage(ClientConnection& client, std::string_view id) {
  const std::optional<KeyId> key = ParseKeyId(id);
  if (!key.has_value()) co_return Problem(404, "There is no key with this id.");
  using Done = std::function<void(absl::StatusOr<std::monostate>)>;
  const auto start = [this, key](Done done) {
    keyd_.RemoveKey(*key, [done = std::move(done)](absl::Status status) {
      done(status.ok() ? absl::StatusOr<std::monostate>(std::monostate()) : status);
    });
  };
  const absl::StatusOr<std::monostate> removed =
      co_await Ask<std::monostate>(client, io_, kAnswerMax, start);
  if (!removed.ok()) co_return Problem(removed.status());
  co_return Page{200, RemovedJson(*key), {}};
}

}  // namespace keypool::proxy
