#include "keyd/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>

#include <future>
#include <mutex>
#include <utility>

#include "keyd/base/log.h"
#include "keyd/base/status.h"
#include "keyd/rpc/grpc_part.h"
#include "keyd/rpc/socket_path.h"
#include "keyd/rpc/tls_listener.h"
#include "keyd/rpc/unix_listener.h"
#include "keyd/wire/library.h"
#include "keyd/wire/unix_address.h"

namespace keypool::rpc {
namespace {

class ServerImpl final : public Server {
 public:
  ServerImpl(engine::Engine* engine, const wire::GrantTerms& terms, const ServerOptions& options)
      : local_(Serves::kEverything, engine, terms, options),
        proxies_(Serves::kProxy, engine, terms, options),
        admins_(Serves::kAdmin, engine, terms, options) {}
  ~ServerImpl() override { Stop(); }

  absl::Status Start(const std::string& socket_path, const ServerOptions& options);
  void Stop() override;
  std::uint16_t tls_port() const override { return tls_ == nullptr ? 0 : tls_->port(); }

 private:
  GrpcPart local_, proxies_, admins_;
  std::unique_ptr<UnixListener> unix_;
  std::unique_ptr<TlsListener> tls_;
};

absl::Status ServerImpl::Start(const std::string& socket_path, const ServerOptions& options) {
  KP_RETURN_IF_ERROR(local_.Start(options.threads));
  absl::StatusOr<std::unique_ptr<UnixListener>> listener = UnixListener::Start(
      socket_path, options.sharing,
      [this](std::string who, int fd) { local_.AddConnection(std::move(who), fd); });
  if (!listener.ok()) return listener.status();
  unix_ = *std::move(listener);
  if (options.tls.address.empty()) return absl::OkStatus();
  KP_RETURN_IF_ERROR(proxies_.Start(options.threads));
  KP_RETURN_IF_ERROR(admins_.Start(options.threads));
  absl::StatusOr<std::unique_ptr<TlsListener>> tls =
      TlsListener::Start(options.tls, [this](Role role, std::string who, int fd) {
        (role == Role::kProxy ? proxies_ : admins_).AddConnection(std::move(who), fd);
      });
  if (!tls.ok()) return tls.status();
  tls_ = *std::move(tls);
  log::Info("keyd_listening", {{"address", options.tls.address}, {"tls_port", tls_->port()}});
  return absl::OkStatus();
}

void ServerImpl::Stop() {
  if (unix_ != nullptr) unix_->Stop();
  // What is under way ends in order first: the connections carry it.
  local_.Stop();
  proxies_.Stop();
  admins_.Stop();
  if (tls_ != nullptr) tls_->Stop();
}

// The reign, which every grant names, never changes while the engine runs.
absl::StatusOr<Epoch> AskEpoch(engine::Engine* engine) {
  auto answer = std::make_shared<std::promise<absl::StatusOr<PoolStatus>>>();
  std::future<absl::StatusOr<PoolStatus>> status = answer->get_future();
  engine->Status({.model = "", .after = KeyId(), .keys_max = 1},
                 [answer](absl::StatusOr<PoolStatus> s) { answer->set_value(std::move(s)); });
  absl::StatusOr<PoolStatus> got = status.get();
  if (!got.ok()) return got.status();
  return got->summary.epoch;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      engine::Engine* engine) {
  const absl::StatusOr<std::string> path = wire::ParseUnixAddress(options.listen);
  if (!path.ok()) return Annotate(path.status(), "KEYD_LISTEN");
  KP_RETURN_IF_ERROR(ClearSocketPath(*path));
  const absl::StatusOr<Epoch> epoch = AskEpoch(engine);
  if (!epoch.ok()) return epoch.status();
  wire::SetUpGrpc();
  static std::once_flag reflection;
  std::call_once(reflection, [] { grpc::reflection::InitProtoReflectionServerBuilderPlugin(); });
  auto server = std::make_unique<ServerImpl>(
      engine, wire::GrantTerms{*epoch, options.send_by, options.lease_time_to_live}, options);
  KP_RETURN_IF_ERROR(server->Start(*path, options));
  return server;
}

}  // namespace keypool::rpc
