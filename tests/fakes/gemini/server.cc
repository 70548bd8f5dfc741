#include "tests/fakes/gemini/server.h"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "keyd/base/clock.h"
#include "tests/fakes/gemini/session.h"
#include "tests/fakes/gemini/shared.h"
#include "tests/fakes/gemini/transport.h"

namespace keypool::fake {

namespace asio = boost::asio;
using asio::ip::tcp;

FakeCounts State::Counts() const {
  MutexLock lock(&mutex);
  FakeCounts counts;
  counts.requests = journal.total();
  counts.malformed = journal.malformed;
  counts.connections = connections;
  counts.connections_open = connections_open;
  counts.buckets = api.quota().Counts();
  counts.today = api.quota().Today();
  for (const BucketCount& bucket : counts.buckets) {
    counts.admitted += bucket.admitted;
    counts.refused += bucket.refused;
  }
  return counts;
}

void State::Reset() {
  MutexLock lock(&mutex);
  api.Reset();
  faults.Clear();
  journal.Clear();
}

namespace {

absl::Status AsStatus(const boost::system::error_code& error, std::string_view what) {
  return absl::UnavailableError(std::string(what) + ": " + error.message());
}

class Server final : public FakeGemini {
 public:
  Server(FakeOptions options, absl::TimeZone pacific)
      : options_(std::move(options)),
        state_(options_.quota, options_.models, pacific, options_.requests_kept_max),
        tls_(asio::ssl::context::tls_server),
        shared_(state_, options_.latency, !options_.tls_certificate_file.empty()),
        acceptor_(shared_.io) {}

  ~Server() override {
    shared_.io.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen() {
    boost::system::error_code error;
    if (shared_.tls) {
      tls_.use_certificate_chain_file(options_.tls_certificate_file, error);
      if (!error) tls_.use_private_key_file(options_.tls_key_file, asio::ssl::context::pem, error);
      if (error) return absl::InvalidArgumentError("certificate or key: " + error.message());
    }
    const tcp::endpoint endpoint(asio::ip::make_address(options_.address, error), options_.port);
    if (error) return AsStatus(error, "address");
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return AsStatus(error, "listen on port " + std::to_string(options_.port));
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(shared_.io, Accept(), asio::detached);
    thread_ = std::thread(&Server::Run, this);
    return absl::OkStatus();
  }

  std::uint16_t port() const override { return port_; }
  std::string base_url() const override {
    return (shared_.tls ? "https://" : "http://") + options_.address + ":" + std::to_string(port_);
  }
  void AddKey(std::string key, std::string project) override {
    MutexLock lock(&state_.mutex);
    state_.api.quota().AddKey(std::move(key), std::move(project));
  }
  void RemoveKey(const std::string& key) override {
    MutexLock lock(&state_.mutex);
    state_.api.quota().RemoveKey(key);
  }
  void AddFault(Fault fault) override {
    MutexLock lock(&state_.mutex);
    state_.faults.Add(std::move(fault));
  }
  void ClearFaults() override {
    MutexLock lock(&state_.mutex);
    state_.faults.Clear();
  }
  void Step(int pieces) override {
    asio::post(shared_.io, [this, pieces] { shared_.Step(pieces); });
  }
  FakeCounts Counts() const override { return state_.Counts(); }
  std::vector<SeenRequest> Requests(std::uint64_t after) const override {
    MutexLock lock(&state_.mutex);
    return state_.journal.After(after);
  }
  bool WaitFor(const std::function<bool()>& condition, absl::Duration deadline) const override;
  void Reset() override { state_.Reset(); }

 private:
  void Run() { shared_.io.run(); }

  asio::awaitable<void> Accept() {
    while (true) {
      boost::system::error_code error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) continue;
      asio::co_spawn(shared_.io, Serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> Serve(tcp::socket socket) {
    std::uint64_t number = 0;
    {
      MutexLock lock(&state_.mutex);
      number = ++state_.connections;
      ++state_.connections_open;
    }
    Session session(MakeTransport(std::move(socket), shared_.tls ? &tls_ : nullptr), shared_,
                    number);
    co_await session.Run();
  }

  const FakeOptions options_;
  mutable State state_;
  asio::ssl::context tls_;
  // Destroyed first of these: the sessions inside it use the others.
  Shared shared_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

bool Server::WaitFor(const std::function<bool()>& condition, absl::Duration deadline) const {
  const MonoTime end = SystemClock().MonoNow() + deadline;
  while (true) {
    std::uint64_t seen = 0;
    {
      MutexLock lock(&state_.mutex);
      seen = state_.changes;
    }
    if (condition()) return true;
    MutexLock lock(&state_.mutex);
    while (state_.changes == seen) {
      const absl::Duration left = end - SystemClock().MonoNow();
      if (left <= absl::ZeroDuration()) return false;
      state_.changed.WaitFor(&state_.mutex, absl::ToChronoNanoseconds(left));
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<FakeGemini>> FakeGemini::Start(FakeOptions options) {
  absl::TimeZone pacific;
  if (!absl::LoadTimeZone("America/Los_Angeles", &pacific)) {
    return absl::InvalidArgumentError("no time zone America/Los_Angeles: install tzdata");
  }
  auto server = std::make_unique<Server>(std::move(options), pacific);
  if (absl::Status status = server->Listen(); !status.ok()) return status;
  return std::unique_ptr<FakeGemini>(std::move(server));
}

}  // namespace keypool::fake
