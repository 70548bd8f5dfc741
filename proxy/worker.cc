#include "proxy/worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "keyd/base/log.h"
#include "proxy/refusals.h"
#include "proxy/respond.h"

namespace keypool::proxy {

namespace asio = boost::asio;

namespace {

// Connections that are accepted in a row before others get their turn.
constexpr int kAcceptBatch = 32;
constexpr std::uint64_t kTicksASecond = 4;

// Without the port; empty for what is not an internet address.
std::string AddressText(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text,
                sizeof(text));
  } else if (address.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text,
                sizeof(text));
  }
  return text;
}

}  // namespace

struct Worker::Listening {
  Listening(asio::io_context& io, const Listener& listener)
      : descriptor(io, listener.descriptor), tls(listener.tls) {}
  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> descriptor;
  bool tls;
  bool waiting = false;  // for the next client
};

absl::StatusOr<std::unique_ptr<Worker>> Worker::Create(Common& common,
                                                       const std::vector<Listener>& listeners) {
  const auto close_all = [&listeners] {
    for (const Listener& listener : listeners) ::close(listener.descriptor);
  };
  std::unique_ptr<TlsContext> tls;
  if (common.config.origin.tls) {
    auto made = TlsContext::Create(common.config.origin, common.config.upstream_ca_file);
    if (!made.ok()) {
      close_all();
      return made.status();
    }
    tls = *std::move(made);
  }
  auto io = std::make_unique<asio::io_context>(1);
  auto events = SocketEvents::Create(*io);
  if (!events.ok()) {
    close_all();
    return events.status();
  }
  return std::unique_ptr<Worker>(
      new Worker(common, std::move(io), *std::move(events), listeners, std::move(tls)));
}

Worker::Worker(Common& common, std::unique_ptr<asio::io_context> io,
               std::unique_ptr<SocketEvents> events, const std::vector<Listener>& listeners,
               std::unique_ptr<TlsContext> tls)
    : common_(common),
      io_(std::move(io)),
      events_(std::move(events)),
      wheel_(common.clock.MonoNow()),
      tls_(std::move(tls)),
      leases_(
          std::make_unique<LeaseClient>(common.config.Keyd(), common.poller, *io_, common.clock)),
      upstream_(*io_, *events_, common.config.origin, tls_.get(), common.clock),
      admin_(common.keyd, *io_, common.clock, common.guesses),
      services_{common.config, common.clock, *events_, wheel_,         buffers_,
                upstream_,     *leases_,     admin_,   common.clients, common.body_memory},
      ticker_(*io_) {
  for (const Listener& listener : listeners) {
    listening_.push_back(std::make_unique<Listening>(*io_, listener));
  }
  if (!common.validates.exchange(true)) validator_.emplace(services_);
}

Worker::~Worker() = default;

void Worker::Run() {
  Accept();
  ScheduleTick();
  io_->run();
  sessions_.clear();
  retired_.clear();
  validator_.reset();
  leases_.reset();
}

void Worker::BeginStop() {
  asio::post(*io_, [this] {
    if (services_.stopping) return;
    services_.stopping = true;
    listening_.clear();
    std::vector<Session*> all;
    all.reserve(sessions_.size());
    for (const auto& [session, owned] : sessions_) all.push_back(session);
    // Those that end are kept until a later turn of the loop: the pointers stay good.
    for (Session* session : all) session->Poke();
    FinishIfIdle();
  });
}

void Worker::EndNow() {
  asio::post(*io_, [this] {
    services_.stopping = true;
    io_->stop();
  });
}

void Worker::Accept() {
  for (const auto& listening : listening_) AcceptFrom(*listening);
}

void Worker::AcceptFrom(Listening& listening) {
  for (int i = 0; i < kAcceptBatch; ++i) {
    if (common_.connections.load(std::memory_order_relaxed) >= common_.config.max_connections) {
      if (!PauseAccepting()) {
        log::Warning("connections_full", {{"max_connections", common_.config.max_connections}});
      }
      return;
    }
    if (!AcceptOne(listening)) break;
  }
  if (accepting_paused_ || std::exchange(listening.waiting, true)) return;
  listening.descriptor.async_wait(listening.descriptor.wait_read,
                                  [this, &listening](const boost::system::error_code& error) {
                                    // Nothing to come back to when it was closed meanwhile.
                                    if (error || listening_.empty()) return;
                                    listening.waiting = false;
                                    AcceptFrom(listening);
                                  });
}

bool Worker::AcceptOne(Listening& listening) {
  sockaddr_storage address = {};
  socklen_t address_bytes = sizeof(address);
  const int fd =
      ::accept4(listening.descriptor.native_handle(), reinterpret_cast<sockaddr*>(&address),
                &address_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    return OnAcceptFailure(errno, listening);
  }
  pause_told_ = false;
  std::string client_address = AddressText(address);
  ConnectionCaps::Place place;
  if (!common_.config.trusted.Has(client_address)) {
    place = common_.addresses.Take(CountedAddress(client_address));
    if (!place.taken()) {
      const ErrorAnswer error = ForCrowdedAddress(common_.config.max_connections_per_address);
      // To who expects TLS nothing can be said.
      doorman_.Refuse(fd, listening.tls ? "" : ErrorAtTheDoor(common_.clock, error));
      TellRefused(client_address, "max_connections_per_address");
      return true;
    }
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  SslPtr ssl;
  if (listening.tls) {
    ssl = common_.certificates->Accept(fd);
    if (ssl == nullptr) {
      ::close(fd);
      return true;
    }
  }
  common_.connections.fetch_add(1, std::memory_order_relaxed);
  auto session =
      std::make_unique<Session>(services_, fd, std::move(ssl), std::move(client_address));
  Session* const started = session.get();
  sessions_.emplace(started, Guest{std::move(session), std::move(place)});
  started->Start([](void* worker, Session* ended) { static_cast<Worker*>(worker)->Retire(ended); },
                 this);
  return true;
}

bool Worker::OnAcceptFailure(int error, Listening& listening) {
  if (error == EINTR || error == ECONNABORTED) return true;
  if (error == EAGAIN || error == EWOULDBLOCK) return false;
  const bool no_descriptor = error == EMFILE || error == ENFILE;
  const std::string answer =
      listening.tls ? std::string() : ErrorAtTheDoor(common_.clock, ForNoDescriptors());
  if (no_descriptor && doorman_.RefuseNext(listening.descriptor.native_handle(), answer)) {
    TellRefused("", "no descriptors");
    return true;
  }
  // Out of memory, say: trying again at once would only burn the processor.
  const std::string problem = std::generic_category().message(error);
  if (!PauseAccepting()) log::Warning("accept_failed", {{"problem", problem}});
  return false;
}

// Once in a while: who is refused comes again, and may do so on purpose.
void Worker::TellRefused(std::string_view address, std::string_view why) {
  constexpr absl::Duration kTellEvery = absl::Seconds(10);
  ++refused_since_;
  const MonoTime now = common_.clock.MonoNow();
  if (refused_told_at_ && now - *refused_told_at_ < kTellEvery) return;
  refused_told_at_ = now;
  log::Warning("connections_refused",
               {{"count", std::exchange(refused_since_, 0)}, {"address", address}, {"why", why}});
}

// Until the next tick. True: it was paused before, and nothing was accepted since.
bool Worker::PauseAccepting() {
  accepting_paused_ = true;
  return std::exchange(pause_told_, true);
}

void Worker::ScheduleTick() {
  ticker_.expires_after(std::chrono::nanoseconds(absl::ToInt64Nanoseconds(TimerWheel::kTick)));
  ticker_.async_wait([this](const boost::system::error_code& error) {
    if (!error) OnTick();
  });
}

void Worker::OnTick() {
  wheel_.Advance(common_.clock.MonoNow());
  leases_->Tick();
  if (validator_.has_value()) validator_->Tick();
  if (++ticks_ % kTicksASecond == 0) upstream_.Tick();
  doorman_.Tick();
  if (std::exchange(accepting_paused_, false)) Accept();
  ScheduleTick();
}

void Worker::Retire(Session* session) {
  const auto found = sessions_.find(session);
  // It is still on the stack.
  if (retired_.empty()) asio::post(*io_, [this] { retired_.clear(); });
  retired_.push_back(std::move(found->second.session));
  sessions_.erase(found);
  common_.connections.fetch_sub(1, std::memory_order_relaxed);
  FinishIfIdle();
}

void Worker::FinishIfIdle() {
  if (services_.stopping && sessions_.empty()) io_->stop();
}

}  // namespace keypool::proxy
