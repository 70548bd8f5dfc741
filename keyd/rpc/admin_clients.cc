// What Admin does about clients.
#include <utility>

#include "keyd/rpc/admin_service.h"
#include "keyd/rpc/encoding.h"
#include "keyd/rpc/issue_token.h"
#include "keyd/wire/client_wire.h"

namespace keypool::rpc {
namespace {

template <class Command, class Call>
void Issue(engine::Engine* engine, absl::StatusOr<Command> command, Call* call) {
  IssueToken<v1::IssuedClient, IssuedClient>(
      kClientToken, std::move(command), call,
      [engine](ClientCommand command, engine::Engine::Done<ClientStatus> done) {
        engine->ChangeClient(std::move(command), std::move(done));
      });
}

template <class Command, class Call>
void Change(engine::Engine* engine, absl::StatusOr<Command> command, Call* call) {
  if (!command.ok()) return call->Fail(command.status());
  engine->ChangeClient(*std::move(command), Encoding<v1::Client, ClientStatus>(call));
}

}  // namespace

void AdminService::ServeClients(grpc::ServerCompletionQueue* queue) {
  list_clients_ = {calls_,
                   [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                     service_.RequestListClients(context, request, writer, queue, queue, tag);
                   },
                   Admitted(&AdminService::ListClients)};
  add_client_ = {calls_,
                 [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                   service_.RequestAddClient(context, request, writer, queue, queue, tag);
                 },
                 Guarded<AddClientCall>(audit::kAddClient, [this](auto* call) {
                   Issue(engine_, ReadChange(call), call);
                 })};
  set_client_ = {calls_,
                 [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                   service_.RequestSetClient(context, request, writer, queue, queue, tag);
                 },
                 Guarded<SetClientCall>(audit::kSetClient, [this](auto* call) {
                   Change(engine_, ReadChange(call), call);
                 })};
  rotate_client_ = {calls_,
                    [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                      service_.RequestRotateClient(context, request, writer, queue, queue, tag);
                    },
                    Guarded<RotateClientCall>(audit::kRotateClient, [this](auto* call) {
                      Issue(engine_, ReadChange(call), call);
                    })};
  revoke_client_ = {calls_,
                    [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                      service_.RequestRevokeClient(context, request, writer, queue, queue, tag);
                    },
                    Guarded<RevokeClientCall>(audit::kRevokeClient, [this](auto* call) {
                      Change(engine_, ReadChange(call), call);
                    })};
  remove_client_ = {calls_,
                    [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                      service_.RequestRemoveClient(context, request, writer, queue, queue, tag);
                    },
                    Guarded<RemoveClientCall>(audit::kRemoveClient, [this](auto* call) {
                      Change(engine_, ReadChange(call), call);
                    })};
  ListClientsCall::Await(&list_clients_);
  AddClientCall::Await(&add_client_);
  SetClientCall::Await(&set_client_);
  RotateClientCall::Await(&rotate_client_);
  RevokeClientCall::Await(&revoke_client_);
  RemoveClientCall::Await(&remove_client_);
}

void AdminService::ListClients(ListClientsCall* call) {
  absl::StatusOr<ClientsQuery> query = wire::Decode(call->request());
  if (!query.ok()) return call->Fail(query.status());
  engine_->ListClients(*std::move(query), Encoding<v1::ListClientsResponse, ClientsPage>(call));
}

}  // namespace keypool::rpc
