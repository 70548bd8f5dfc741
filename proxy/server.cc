#include "proxy/server.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/base/log.h"
#include "keyd/base/status.h"

namespace keypool::proxy {

namespace asio = boost::asio;

namespace {

// Where to listen, and the setting that says so.
struct Place {
  asio::ip::tcp::endpoint endpoint;
  std::string_view setting;
};

absl::Status CannotListen(const Place& place, std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on HOST ", place.endpoint.address().to_string(), " ",
                   ToAbsl(place.setting), " ", place.endpoint.port(), ": ", ToAbsl(why)));
}

enum class Sharing { kAlone, kWithOtherThreads };

// A bound socket. Sets the port of `*place` to the real one.
absl::StatusOr<int> Bind(Place* place, Sharing sharing) {
  asio::ip::tcp::endpoint* const endpoint = &place->endpoint;
  const int fd =
      ::socket(endpoint->protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return CannotListen(*place, std::generic_category().message(errno));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (sharing == Sharing::kWithOtherThreads) {
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  }
  socklen_t size = static_cast<socklen_t>(endpoint->capacity());
  if (::bind(fd, endpoint->data(), static_cast<socklen_t>(endpoint->size())) != 0 ||
      ::getsockname(fd, endpoint->data(), &size) != 0) {
    const int error = errno;
    ::close(fd);
    return CannotListen(*place, std::generic_category().message(error));
  }
  return fd;
}

sigset_t OurSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  return signals;
}

// Signals as a descriptor: no handler runs in a thread of gRPC's or in the middle of anything.
int OpenSignals() {
  const sigset_t ours = OurSignals();
  const int fd = ::signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
  KP_ASSERT(fd >= 0);
  return fd;
}

// One listening socket for each thread, all on the same port, which is returned.
absl::StatusOr<int> Listen(Place place, bool tls,
                           std::vector<std::vector<Worker::Listener>>* threads) {
  if (place.endpoint.port() != 0) {
    // Threads share a port, but a second proxy on it would be a mistake that nobody notices.
    const absl::StatusOr<int> probe = Bind(&place, Sharing::kAlone);
    if (!probe.ok()) return probe.status();
    ::close(*probe);
  }
  for (std::vector<Worker::Listener>& listeners : *threads) {
    const absl::StatusOr<int> fd = Bind(&place, Sharing::kWithOtherThreads);
    if (!fd.ok()) return fd.status();
    listeners.push_back({*fd, tls});
    if (::listen(*fd, SOMAXCONN) != 0) {
      return CannotListen(place, std::generic_category().message(errno));
    }
  }
  return place.endpoint.port();
}

Place PlaceOf(const ProxyConfig& config, std::int64_t port, std::string_view setting) {
  return {{asio::ip::make_address(config.host), static_cast<std::uint16_t>(port)}, setting};
}

}  // namespace

Server::Server(const ProxyConfig& config) : config_(config) {
  client::AdminClientOptions options;
  options.address = config.Keyd();
  keyd_ = client::AdminClient::Open(std::move(options));
}

absl::StatusOr<std::unique_ptr<Server>> Server::Open(const ProxyConfig& config,
                                                     const Clock& clock) {
  std::unique_ptr<Server> server(new Server(config));
  if (!config.certificates.empty()) {
    auto certificates = Certificates::Load(config.certificates);
    if (!certificates.ok()) return certificates.status();
    server->certificates_ = *std::move(certificates);
  }
  server->common_.reset(new Worker::Common{
      config, clock, *server->keyd_, server->certificates_.get(),
      ConnectionCaps(config.max_connections_per_address),
      ConnectionCaps(config.max_connections_per_client), BodyMemory(config.max_body_memory_bytes)});
  std::vector<std::vector<Worker::Listener>> threads(static_cast<std::size_t>(config.threads));
  absl::Status status = server->ListenOnAll(&threads);
  for (const std::vector<Worker::Listener>& listeners : threads) {
    if (!status.ok()) {
      for (const Worker::Listener& listener : listeners) ::close(listener.descriptor);
      continue;
    }
    absl::StatusOr<std::unique_ptr<Worker>> worker = Worker::Create(*server->common_, listeners);
    status = worker.status();
    if (worker.ok()) server->workers_.push_back(*std::move(worker));
  }
  if (!status.ok()) return status;
  return server;
}

absl::Status Server::ListenOnAll(std::vector<std::vector<Worker::Listener>>* threads) {
  if (config_.serves_plain_http) {
    const auto port = Listen(PlaceOf(config_, config_.port, "PORT"), /*tls=*/false, threads);
    if (!port.ok()) return port.status();
    port_ = *port;
  }
  if (certificates_ != nullptr) {
    const auto port = Listen(PlaceOf(config_, config_.tls_port, "TLS_PORT"), /*tls=*/true, threads);
    if (!port.ok()) return port.status();
    tls_port_ = *port;
  }
  return absl::OkStatus();
}

void Server::ReloadCertificates() {
  if (certificates_ == nullptr) {
    log::Info("nothing_to_reload", {{"problem", "TLS_CERT_FILE is not set"}});
    return;
  }
  const absl::Status status = certificates_->Reload();
  if (status.ok()) {
    log::Info("certificates_reloaded", {{"files", config_.certificates.size()}});
    return;
  }
  // Those that were read before go on being used.
  const std::string problem(status.message());
  log::Error("certificates_not_reloaded", {{"problem", problem}});
}

void Server::BlockSignals() {
  const sigset_t ours = OurSignals();
  pthread_sigmask(SIG_BLOCK, &ours, nullptr);
}

void Server::Run() {
  asio::io_context control(1);
  std::size_t running = workers_.size();
  std::vector<std::thread> threads;
  asio::posix::stream_descriptor signals(control, OpenSignals());
  asio::steady_timer grace(control);

  const auto end_now = [this] {
    for (const auto& worker : workers_) worker->EndNow();
  };
  bool stopping = false;
  std::function<void()> await_signal = [&] {
    signals.async_wait(signals.wait_read, [&](const boost::system::error_code& error) {
      signalfd_siginfo received;
      if (error || ::read(signals.native_handle(), &received, sizeof(received)) <= 0) return;
      if (received.ssi_signo == SIGHUP) {
        ReloadCertificates();
        return await_signal();
      }
      if (std::exchange(stopping, true)) {
        log::Warning("proxy_stopping_now");
        end_now();
        return;
      }
      log::Info("proxy_stopping");
      for (const auto& worker : workers_) worker->BeginStop();
      grace.expires_after(
          std::chrono::nanoseconds(absl::ToInt64Nanoseconds(config_.shutdown_grace)));
      grace.async_wait([&](const boost::system::error_code& cancelled) {
        if (!cancelled) end_now();
      });
      await_signal();
    });
  };
  await_signal();

  for (const auto& worker : workers_) {
    threads.emplace_back([&, one = worker.get()] {
      one->Run();
      asio::post(control, [&] {
        if (--running == 0) control.stop();
      });
    });
  }
  log::Info("proxy_listening", {{"address", config_.host},
                                {"port", port_},
                                {"tls_port", tls_port_},
                                {"threads", threads.size()},
                                {"upstream", config_.gemini_base_url},
                                {"keyd", config_.keyd_address}});
  log::Flush();
  control.run();
  for (std::thread& thread : threads) thread.join();
  log::Info("proxy_stopped");
}

}  // namespace keypool::proxy
