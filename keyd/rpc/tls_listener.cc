#include "keyd/rpc/tls_listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/clock.h"
#include "keyd/base/log.h"
#include "keyd/base/mutex.h"
#include "keyd/base/status.h"
#include "keyd/rpc/socket.h"
#include "keyd/rpc/tls_identity.h"
#include "keyd/rpc/tls_relay.h"

namespace keypool::rpc {
namespace {

constexpr int kBacklog = 128;

struct HostPort {
  std::string host, port;
};

absl::StatusOr<HostPort> Split(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  int port = 0;
  const bool brackets = address.starts_with('[') && colon > 0 && address[colon - 1] == ']';
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 0 || port > 65535 || (!brackets && address.find(':') != colon)) {
    return absl::InvalidArgumentError(
        absl::StrCat("KEYD_TLS_LISTEN: \"", address, "\" is not host:port, like 10.0.0.5:8443"));
  }
  const std::string host = address.substr(0, colon);
  return HostPort{brackets ? host.substr(1, host.size() - 2) : host, address.substr(colon + 1)};
}

absl::StatusOr<Socket> Listen(const std::string& address) {
  const absl::StatusOr<HostPort> place = Split(address);
  if (!place.ok()) return place.status();
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(place->host.empty() ? nullptr : place->host.c_str(),
                                place->port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("KEYD_TLS_LISTEN: ", address, ": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> first(found, freeaddrinfo);
  Socket socket(::socket(first->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!socket.ok() || setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(socket.fd(), first->ai_addr, first->ai_addrlen) != 0 ||
      listen(socket.fd(), kBacklog) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("KEYD_TLS_LISTEN: ", address, ": ", ErrorText(errno)));
  }
  return socket;
}

std::uint16_t PortOf(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  const in_port_t port = address.ss_family == AF_INET6
                             ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                             : reinterpret_cast<const sockaddr_in&>(address).sin_port;
  return ntohs(port);
}

// Changes when the file does.
using Stamp = std::tuple<ino_t, off_t, std::int64_t, std::int64_t>;

class Certificates {
 public:
  static absl::StatusOr<Certificates> Read(const TlsListenerOptions& options) {
    Certificates certificates(options);
    const auto stamps = certificates.Stamps();
    absl::StatusOr<SslContext> context = MakeSslContext(options);
    if (!context.ok()) return context.status();
    certificates.context_ = *std::move(context);
    certificates.read_ = stamps;
    return certificates;
  }
  // Of the files as they are now, or as they were when they were good.
  const SslContext& Present() {
    const auto stamps = Stamps();
    if (stamps == read_) return context_;
    read_ = stamps;
    absl::StatusOr<SslContext> context = MakeSslContext(options_);
    if (context.ok()) {
      context_ = *std::move(context);
      log::Info("keyd_certificates_read", {});
    } else {
      log::Warning("keyd_certificates_wrong", {{"problem", ToStd(context.status().message())}});
    }
    return context_;
  }

 private:
  explicit Certificates(const TlsListenerOptions& options) : options_(options) {}
  std::array<Stamp, 3> Stamps() const {
    const auto stamp = [](const std::string& path) {
      struct stat s = {};
      if (stat(path.c_str(), &s) != 0) return Stamp();
      return Stamp(s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    };
    return {stamp(options_.certificate_file), stamp(options_.key_file),
            stamp(options_.client_ca_file)};
  }

  TlsListenerOptions options_;
  SslContext context_;
  std::array<Stamp, 3> read_;
};

class ListenerImpl final : public TlsListener {
 public:
  ListenerImpl(TlsListenerOptions options, Socket socket, Certificates certificates,
               OnConnection on_connection)
      : options_(std::move(options)),
        socket_(std::move(socket)),
        wake_(MakeWake()),
        certificates_(std::move(certificates)),
        on_connection_(std::move(on_connection)),
        thread_([this] {
          AcceptUntil(socket_, wake_, [this](Socket connection) { Take(std::move(connection)); });
        }) {}
  ~ListenerImpl() override { Stop(); }

  std::uint16_t port() const override { return PortOf(socket_.fd()); }
  void Stop() override;

 private:
  void Take(Socket socket);
  void Serve(int id, int fd, const SslContext& context);
  bool Handshake(SSL* tls, int fd) const;

  const TlsListenerOptions options_;
  const Socket socket_, wake_;
  Certificates certificates_;  // of the accepting thread
  const OnConnection on_connection_;

  Mutex mutex_;
  CondVar none_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int, int> open_ ABSL_GUARDED_BY(mutex_);  // connection → its socket
  std::thread thread_;                               // last: everything above exists when it starts
};

void ListenerImpl::Take(Socket socket) {
  const SslContext context = certificates_.Present();
  const MutexLock lock(&mutex_);
  if (stopping_ || open_.size() >= static_cast<std::size_t>(options_.connections_max)) return;
  const int on = 1;
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(socket.fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  const int id = ++last_id_;
  const int fd = socket.Release();
  open_[id] = fd;
  std::thread([this, id, fd, context] { Serve(id, fd, context); }).detach();
}

bool ListenerImpl::Handshake(SSL* tls, int fd) const {
  const MonoTime end = SystemClock().MonoNow() + options_.handshake_max;
  for (;;) {
    ERR_clear_error();
    const int result = SSL_accept(tls);
    if (result == 1) return true;
    const int error = SSL_get_error(tls, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
    const short events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    if (!WaitFor(fd, events, end - SystemClock().MonoNow())) return false;
  }
}

void ListenerImpl::Serve(int id, int fd, const SslContext& context) {
  {
    const SslPtr tls(SSL_new(context.get()));
    std::optional<Role> role;
    if (tls != nullptr && SSL_set_fd(tls.get(), fd) == 1 && Handshake(tls.get(), fd)) {
      role = RoleOfPeer(tls.get());
      if (!role) log::Warning("keyd_connection_refused", {{"why", "its certificate has no role"}});
    }
    int pair[2];
    if (role && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0) {
      const Socket plain(pair[0]);
      on_connection_(*role, NameOfPeer(tls.get()), pair[1]);
      RelayTls(tls.get(), fd, plain.fd());
      SSL_shutdown(tls.get());
    }
  }
  const MutexLock lock(&mutex_);
  open_.erase(id);
  close(fd);
  none_.NotifyAll();
}

void ListenerImpl::Stop() {
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
    for (const auto& [id, fd] : open_) shutdown(fd, SHUT_RDWR);
  }
  Wake(wake_);
  if (thread_.joinable()) thread_.join();
  const MutexLock lock(&mutex_);
  while (!open_.empty()) none_.Wait(&mutex_);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsListener>> TlsListener::Start(TlsListenerOptions options,
                                                                OnConnection on_connection) {
  absl::StatusOr<Certificates> certificates = Certificates::Read(options);
  if (!certificates.ok()) return certificates.status();
  absl::StatusOr<Socket> socket = Listen(options.address);
  if (!socket.ok()) return socket.status();
  return std::make_unique<ListenerImpl>(std::move(options), *std::move(socket),
                                        *std::move(certificates), std::move(on_connection));
}

}  // namespace keypool::rpc
