// What Admin does about clients.
#include <utility>

#include "keyd/rpc/admin_service.h"
#include "keyd/rpc/encoding.h"
#include "keyd/rpc/issue_token.h"
#include "keyd/wire/client_wire.h"

namespace keypool::rpc {

void AdminService::ServeClients(grpc::ServerCompletionQueue* queue) {
  const auto issue = [this](auto command, auto* call) {
    IssueToken<v1::IssuedClient, IssuedClient>(
        kClientToken, std::move(command), call,
        [this](ClientCommand issued, engine::Engine::Done<ClientStatus> done) {
          engine_->ChangeClient(std::move(issued), std::move(done));
        });
  };
  const auto change = [this](auto command, auto* call) {
    engine_->ChangeClient(std::move(command), Encoding<v1::Client, ClientStatus>(call));
  };
  list_clients_ = {calls_,
                   [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                     service_.RequestListClients(context, request, writer, queue, queue, tag);
                   },
                   Looking(audit::kReadClients, &AdminService::ListClients)};
  add_client_ = {calls_,
                 [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                   service_.RequestAddClient(context, request, writer, queue, queue, tag);
                 },
                 Changing<AddClientCall>(audit::kAddClient, issue)};
  set_client_ = {calls_,
                 [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                   service_.RequestSetClient(context, request, writer, queue, queue, tag);
                 },
                 Changing<SetClientCall>(audit::kSetClient, change)};
  rotate_client_ = {calls_,
                    [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                      service_.RequestRotateClient(context, request, writer, queue, queue, tag);
                    },
                    Changing<RotateClientCall>(audit::kRotateClient, issue)};
  revoke_client_ = {calls_,
                    [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                      service_.RequestRevokeClient(context, request, writer, queue, queue, tag);
                    },
                    Changing<RevokeClientCall>(audit::kRevokeClient, change)};
  remove_client_ = {calls_,
                    [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                      service_.RequestRemoveClient(context, request, writer, queue, queue, tag);
                    },
                    Changing<RemoveClientCall>(audit::kRemoveClient, change)};
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
