// What Admin does about admin tokens.
#include <utility>
#include <vector>

#include "keyd/rpc/admin_service.h"
#include "keyd/rpc/encoding.h"
#include "keyd/rpc/issue_token.h"

namespace keypool::rpc {
namespace {

template <class Command, class Call>
void Issue(engine::Engine* engine, absl::StatusOr<Command> command, Call* call) {
  IssueToken<v1::IssuedAdminToken, IssuedAdminToken>(
      kAdminToken, std::move(command), call,
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
                      Guarded<AddAdminTokenCall>(audit::kAddAdminToken, [this](auto* call) {
                        Issue(engine_, ReadChange(call), call);
                      })};
  rotate_admin_token_ = {
      calls_,
      [this, queue](auto* context, auto* request, auto* writer, void* tag) {
        service_.RequestRotateAdminToken(context, request, writer, queue, queue, tag);
      },
      Guarded<RotateAdminTokenCall>(audit::kRotateAdminToken, [this](auto* call) {
        Issue(engine_, ReadChange(call), call);
      })};
  revoke_admin_token_ = {calls_,
                         [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                           service_.RequestRevokeAdminToken(context, request, writer, queue, queue,
                                                            tag);
                         },
                         Guarded(audit::kRevokeAdminToken, &AdminService::RevokeAdminToken)};
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
  absl::StatusOr<RevokeAdminTokenCommand> command = ReadChange(call);
  if (!command.ok()) return call->Fail(command.status());
  engine_->ChangeAdminToken(*std::move(command), Encoding<v1::AdminToken, AdminTokenStatus>(call));
}

}  // namespace keypool::rpc
