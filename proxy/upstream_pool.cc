#include "proxy/upstream_pool.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keypool::proxy {
namespace {

// Addresses that are tried for one connection.
constexpr std::size_t kAddressesMax = 4;

std::string ErrorText(int error) { return std::generic_category().message(error); }

// A socket on its way to `endpoint`, or -1 and errno.
int StartConnect(const NameCache::Endpoint& endpoint) {
  const int fd = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                          IPPROTO_TCP);
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (::connect(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0 ||
      errno == EINPROGRESS) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

int SocketError(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

UpstreamPool::UpstreamPool(boost::asio::io_context& io, SocketEvents& events, const Origin& origin,
                           TlsContext* tls, const Clock& clock)
    : events_(events), origin_(origin), tls_(tls), clock_(clock), names_(io, origin, clock) {}

UpstreamPool::Connection UpstreamPool::TakeIdle(Wakeup* wakeup) {
  while (!idle_.empty()) {
    Connection connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->Stale()) continue;
    connection->NotifyTo(wakeup);
    return connection;
  }
  return nullptr;
}

void UpstreamPool::Give(Connection connection) {
  connection->NotifyTo(nullptr);
  connection->idle_since = clock_.MonoNow();
  if (idle_.size() == kIdleMax) idle_.erase(idle_.begin());
  idle_.push_back(std::move(connection));
}

void UpstreamPool::Tick() {
  const MonoTime oldest = clock_.MonoNow() - kIdleTimeMax;
  const auto young = std::find_if(
      idle_.begin(), idle_.end(),
      [oldest](const Connection& connection) { return connection->idle_since > oldest; });
  idle_.erase(idle_.begin(), young);
}

Task<UpstreamPool::Connected> UpstreamPool::Connect(ClientConnection& client) {
  client.SetDeadline(kConnectMax);
  names_.Refresh();
  while (names_.Addresses().empty() && names_.Asking()) {
    const Interrupt interrupt = client.Interrupted();
    if (interrupt != Interrupt::kNone) {
      co_return Connected{nullptr, interrupt,
                          absl::StrCat("the name ", origin_.host, " was not resolved in time")};
    }
    NameCache::Waiter waiter(names_, &client.wakeup());
    co_await client.wakeup().Wait();
  }
  // A copy: the cache may change while this waits.
  std::vector<NameCache::Endpoint> endpoints = names_.Addresses();
  if (endpoints.size() > kAddressesMax) endpoints.resize(kAddressesMax);
  Connected last{
      nullptr, Interrupt::kNone,
      absl::StrCat("the name ", origin_.host, " cannot be resolved: ", names_.Problem())};
  for (const NameCache::Endpoint& endpoint : endpoints) {
    client.SetDeadline(kConnectMax / static_cast<double>(endpoints.size()));
    last = co_await ConnectTo(client, endpoint);
    if (last.connection != nullptr) {
      names_.Prefer(endpoint);
      co_return last;
    }
    if (last.interrupt == Interrupt::kGone) co_return last;
  }
  co_return last;
}

Task<UpstreamPool::Connected> UpstreamPool::ConnectTo(ClientConnection& client,
                                                      const NameCache::Endpoint& endpoint) {
  const std::string place = absl::StrCat(endpoint.address().to_string(), " port ", endpoint.port());
  const int fd = StartConnect(endpoint);
  if (fd < 0) {
    const int error = errno;
    co_return Connected{nullptr, Interrupt::kNone, absl::StrCat(place, ": ", ErrorText(error)),
                        error == EMFILE || error == ENFILE};
  }
  Socket socket(events_, fd, &client.wakeup());
  if (!socket.IsOpen()) {
    co_return Connected{nullptr, Interrupt::kNone, absl::StrCat(place, ": cannot be watched")};
  }
  socket.ArmWrite();
  while (socket.WriteArmed()) {
    const Interrupt interrupt = client.Interrupted();
    if (interrupt != Interrupt::kNone) {
      co_return Connected{nullptr, interrupt, absl::StrCat(place, " did not answer in time")};
    }
    co_await client.wakeup().Wait();
  }
  if (const int error = SocketError(fd); error != 0) {
    co_return Connected{nullptr, Interrupt::kNone, absl::StrCat(place, ": ", ErrorText(error))};
  }
  SslPtr ssl = tls_ == nullptr ? nullptr : tls_->Connect(fd);
  if (tls_ != nullptr && ssl == nullptr) {
    co_return Connected{nullptr, Interrupt::kNone, absl::StrCat(place, ": no memory for TLS")};
  }
  Connected connected;
  connected.connection = std::make_unique<UpstreamConnection>(std::move(socket), std::move(ssl));
  UpstreamConnection& connection = *connected.connection;
  for (;;) {
    const IoStatus status = connection.Handshake();
    if (status == IoStatus::kDone) co_return connected;
    if (status != IoStatus::kWantRead && status != IoStatus::kWantWrite) {
      co_return Connected{nullptr, Interrupt::kNone,
                          absl::StrCat(place, ": ", TlsContext::Problem(connection.ssl()))};
    }
    connection.Arm(status);
    while (connection.Armed(status)) {
      const Interrupt interrupt = client.Interrupted();
      if (interrupt != Interrupt::kNone) {
        co_return Connected{nullptr, interrupt,
                            absl::StrCat(place, " did not finish the TLS handshake in time")};
      }
      co_await client.wakeup().Wait();
    }
  }
}

}  // namespace keypool::proxy
