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

namespace keypool::proxy {

namespace asio = boost::asio;

namespace {

absl::Status CannotListen(const asio::ip::tcp::endpoint& endpoint, std::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on HOST ",
                                             endpoint.address().to_string(), " PORT ",
                                             endpoint.port(), ": ", std::string(why)));
}

enum class Sharing { kAlone, kWithOtherThreads };

// A bound socket. Sets the port in `*endpoint` to the real one.
absl::StatusOr<int> Bind(asio::ip::tcp::endpoint* endpoint, Sharing sharing) {
  const int fd =
      ::socket(endpoint->protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return CannotListen(*endpoint, std::generic_category().message(errno));
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
    return CannotListen(*endpoint, std::generic_category().message(error));
  }
  return fd;
}

sigset_t StopSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  return stop;
}

// Signals as a descriptor: no handler runs in a thread of gRPC's or in the middle of anything.
int OpenSignals() {
  const sigset_t stop = StopSignals();
  const int fd = ::signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
  KP_ASSERT(fd >= 0);
  return fd;
}

// One listening socket for each thread, all on the same port.
absl::StatusOr<std::vector<int>> Listen(const ProxyConfig& config, int* port) {
  asio::ip::tcp::endpoint endpoint(asio::ip::make_address(config.host),
                                   static_cast<std::uint16_t>(config.port));
  if (config.port != 0) {
    // Threads share a port, but a second proxy on it would be a mistake that nobody notices.
    const absl::StatusOr<int> probe = Bind(&endpoint, Sharing::kAlone);
    if (!probe.ok()) return probe.status();
    ::close(*probe);
  }
  std::vector<int> listeners;
  absl::Status status;
  while (static_cast<std::int64_t>(listeners.size()) < config.threads && status.ok()) {
    const absl::StatusOr<int> fd = Bind(&endpoint, Sharing::kWithOtherThreads);
    status = fd.status();
    if (!fd.ok()) break;
    listeners.push_back(*fd);
    if (::listen(*fd, SOMAXCONN) != 0) {
      status = CannotListen(endpoint, std::generic_category().message(errno));
    }
  }
  if (!status.ok()) {
    for (const int fd : listeners) ::close(fd);
    return status;
  }
  *port = endpoint.port();
  return listeners;
}

}  // namespace

Server::Server(const ProxyConfig& config, const Clock& clock) : config_(config) {
  client::AdminClientOptions options;
  options.address = config.keyd_address;
  keyd_ = client::AdminClient::Open(std::move(options));
  common_.reset(new Worker::Common{config, clock, *keyd_});
}

absl::StatusOr<std::unique_ptr<Server>> Server::Open(const ProxyConfig& config,
                                                     const Clock& clock) {
  std::unique_ptr<Server> server(new Server(config, clock));
  absl::StatusOr<std::vector<int>> listeners = Listen(config, &server->port_);
  if (!listeners.ok()) return listeners.status();
  absl::Status status;
  for (const int listener : *listeners) {
    if (!status.ok()) {
      ::close(listener);
      continue;
    }
    absl::StatusOr<std::unique_ptr<Worker>> worker = Worker::Create(*server->common_, listener);
    status = worker.status();
    if (worker.ok()) server->workers_.push_back(*std::move(worker));
  }
  if (!status.ok()) return status;
  return server;
}

void Server::BlockSignals() {
  const sigset_t stop = StopSignals();
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
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
                                {"threads", threads.size()},
                                {"upstream", config_.gemini_base_url},
                                {"keyd", config_.keyd_address}});
  log::Flush();
  control.run();
  for (std::thread& thread : threads) thread.join();
  log::Info("proxy_stopped");
}

}  // namespace keypool::proxy
