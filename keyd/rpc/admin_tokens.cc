// What Admin does about admin tokens.
#include <utility>
#include <vector>

#include "keyd/rpc/admin_service.h"
#include "keyd/rpc/encoding.h"
#include "keyd/rpc/issue_token.h"

namespace keypool::rpc {
namespace {

template <class Call>
void Issue(engine::Engine* engine, Call* call) {
  IssueToken<v1::IssuedAdminToken, IssuedAdminToken>(
      kAdminToken, wire::Decode(call->request()), call,
      [engine](AdminTokenCommand command, engine::Engine::Done<AdminTokenStatus> done) {
        engine->ChangeAdminToken(std::move(command), std::move(done));
      });
}

}  // namespace

void AdminService::ServeAdminTokens(grpc::ServerCompletionQueue* queue) {
  list_admin_tokens_ = {calls_,
                        [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                          service_.RequestListAdminTokens(context, request, writer, queue, queue,
                                                          tag);
                        },
                        Admitted(&AdminService::ListAdminTokens)};
  add_admin_token_ = {calls_,
                      [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                        service_.RequestAddAdminToken(context, request, writer, queue, queue, tag);
                      },
                      Guarded<AddAdminTokenCall>([this](auto* call) { Issue(engine_, call); })};
  rotate_admin_token_ = {
      calls_,
      [this, queue](auto* context, auto* request, auto* writer, void* tag) {
        service_.RequestRotateAdminToken(context, request, writer, queue, queue, tag);
      },
      Guarded<RotateAdminTokenCall>([this](auto* call) { Issue(engine_, call); })};
  revoke_admin_token_ = {calls_,
                         [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                           service_.RequestRevokeAdminToken(context, request, writer, queue, queue,
                                                            tag);
                         },
                         Guarded(&AdminService::RevokeAdminToken)};
  ListAdminTokensCall::Await(&list_admin_tokens_);
  AddAdminTokenCall::Await(&add_admin_token_);
  RotateAdminTokenCall::Await(&rotate_admin_token_);
  RevokeAdminTokenCall::Await(&revoke_admin_token_);
}

void AdminService::ListAdminTokens(ListAdminTokensCall* call) {
  engine_->ListAdminTokens(
      Encoding<v1::ListAdminTokensResponse, std::vector<AdminTokenStatus>>(call));
}

void AdminService::RevokeAdminToken(RevokeAdminTokenCall* call) {
  absl::StatusOr<RevokeAdminTokenCommand> command = wire::Decode(call->request());
  if (!command.ok()) return call->Fail(command.status());
  engine_->ChangeAdminToken(*std::move(command), Encoding<v1::AdminToken, AdminTokenStatus>(call));
}

}  // namespace keypool::rpc
