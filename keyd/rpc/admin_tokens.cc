// What Admin does about admin tokens.
#include <utility>
#include <vector>

#include "keyd/rpc/admin_service.h"
#include "keyd/rpc/encoding.h"
#include "keyd/rpc/issue_token.h"

namespace keypool::rpc {
void AdminService::ServeAdminTokens(grpc::ServerCompletionQueue* queue) {
  const auto issue = [this](auto command, auto* call) {
    IssueToken<v1::IssuedAdminToken, IssuedAdminToken>(
        kAdminToken, std::move(command), call,
        [this](AdminTokenCommand issued, engine::Engine::Done<AdminTokenStatus> done) {
          engine_->ChangeAdminToken(std::move(issued), std::move(done));
        });
  };
  list_admin_tokens_ = {calls_,
                        [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                          service_.RequestListAdminTokens(context, request, writer, queue, queue,
                                                          tag);
                        },
                        Looking(audit::kReadAdminTokens, &AdminService::ListAdminTokens)};
  add_admin_token_ = {calls_,
                      [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                        service_.RequestAddAdminToken(context, request, writer, queue, queue, tag);
                      },
                      Changing<AddAdminTokenCall>(audit::kAddAdminToken, issue)};
  rotate_admin_token_ = {calls_,
                         [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                           service_.RequestRotateAdminToken(context, request, writer, queue, queue,
                                                            tag);
                         },
                         Changing<RotateAdminTokenCall>(audit::kRotateAdminToken, issue)};
  revoke_admin_token_ = {
      calls_,
      [this, queue](auto* context, auto* request, auto* writer, void* tag) {
        service_.RequestRevokeAdminToken(context, request, writer, queue, queue, tag);
      },
      Changing<RevokeAdminTokenCall>(
          audit::kRevokeAdminToken, [this](RevokeAdminTokenCommand command, auto* call) {
            engine_->ChangeAdminToken(std::move(command),
                                      Encoding<v1::AdminToken, AdminTokenStatus>(call));
          })};
  ListAdminTokensCall::Await(&list_admin_tokens_);
  AddAdminTokenCall::Await(&add_admin_token_);
  RotateAdminTokenCall::Await(&rotate_admin_token_);
  RevokeAdminTokenCall::Await(&revoke_admin_token_);
}

void AdminService::ListAdminTokens(ListAdminTokensCall* call) {
  engine_->ListAdminTokens(
      Encoding<v1::ListAdminTokensResponse, std::vector<AdminTokenStatus>>(call));
}

}  // namespace keypool::rpc
