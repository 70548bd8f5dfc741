// keypool.v1.Admin on the completion queue.
#pragma once

#include <grpcpp/completion_queue.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/audit.h"
#include "keyd/base/mutex.h"
#include "keyd/engine/engine.h"
#include "keyd/rpc/admin_access.h"
#include "keyd/rpc/caller.h"
#include "keyd/rpc/calls.h"
#include "keyd/rpc/denied_calls.h"
#include "keyd/rpc/limits_text.h"
#include "keyd/rpc/master_key_rotation.h"
#include "keyd/rpc/unary_call.h"
#include "keyd/rpc/watch_call.h"
#include "keyd/wire/admin_token_wire.h"
#include "keyd/wire/admin_wire.h"
#include "keyd/wire/client_wire.h"
#include "keypool/v1/admin.grpc.pb.h"

namespace keypool::rpc {

class AdminService {
 public:
  // `access`: see AdminGate. Everything must outlive it; it must outlive the server.
  AdminService(AdminAccess access, engine::Engine* engine, ParseLimitsText parse_limits,
               MasterKeyRotation rotate_master_key, const Callers* callers, Calls* calls)
      : gate_(access, engine),
        engine_(engine),
        parse_limits_(std::move(parse_limits)),
        rotate_master_key_now_(std::move(rotate_master_key)),
        callers_(callers),
        calls_(calls) {}
  // Waits for a rotation under way.
  ~AdminService();

  grpc::Service* service() { return &service_; }
  // After the server was built.
  void Serve(grpc::ServerCompletionQueue* queue);

 private:
  using StatusCall = UnaryCall<v1::StatusRequest, v1::StatusResponse>;
  using GetKeyCall = UnaryCall<v1::GetKeyRequest, v1::KeyStatus>;
  using ResetCall = UnaryCall<v1::ResetRequest, v1::ResetResponse>;
  using AddKeyCall = UnaryCall<v1::AddKeyRequest, v1::KeyStatus>;
  using RemoveKeyCall = UnaryCall<v1::RemoveKeyRequest, v1::RemoveKeyResponse>;
  using DisableKeyCall = UnaryCall<v1::DisableKeyRequest, v1::KeyStatus>;
  using EnableKeyCall = UnaryCall<v1::EnableKeyRequest, v1::KeyStatus>;
  using UsageCall = UnaryCall<v1::UsageRequest, v1::UsageResponse>;
  using ExplainCall = UnaryCall<v1::ExplainRequest, v1::ExplainResponse>;
  using EventsCall = UnaryCall<v1::EventsRequest, v1::EventsResponse>;
  using SetLimitsCall = UnaryCall<v1::SetLimitsRequest, v1::ScopeLimits>;
  using UnsetLimitsCall = UnaryCall<v1::UnsetLimitsRequest, v1::ScopeLimits>;
  using ImportLimitsCall = UnaryCall<v1::ImportLimitsRequest, v1::ImportLimitsResponse>;
  using ListLimitsCall = UnaryCall<v1::ListLimitsRequest, v1::ListLimitsResponse>;
  using RotateMasterKeyCall = UnaryCall<v1::RotateMasterKeyRequest, v1::RotateMasterKeyResponse>;
  using ListClientsCall = UnaryCall<v1::ListClientsRequest, v1::ListClientsResponse>;
  using AddClientCall = UnaryCall<v1::AddClientRequest, v1::IssuedClient>;
  using SetClientCall = UnaryCall<v1::SetClientRequest, v1::Client>;
  using RotateClientCall = UnaryCall<v1::RotateClientRequest, v1::IssuedClient>;
  using RevokeClientCall = UnaryCall<v1::RevokeClientRequest, v1::Client>;
  using RemoveClientCall = UnaryCall<v1::RemoveClientRequest, v1::Client>;
  using ListAdminTokensCall = UnaryCall<v1::ListAdminTokensRequest, v1::ListAdminTokensResponse>;
  using AddAdminTokenCall = UnaryCall<v1::AddAdminTokenRequest, v1::IssuedAdminToken>;
  using RotateAdminTokenCall = UnaryCall<v1::RotateAdminTokenRequest, v1::IssuedAdminToken>;
  using RevokeAdminTokenCall = UnaryCall<v1::RevokeAdminTokenRequest, v1::AdminToken>;
  using ListAuditCall = UnaryCall<v1::ListAuditRequest, v1::ListAuditResponse>;
  using VerifyAuditCall = UnaryCall<v1::VerifyAuditRequest, v1::VerifyAuditResponse>;
  using Watch = WatchCall<v1::WatchRequest, v1::StatusResponse>;

  // The handler of a call that looks at something, with the caller already judged.
  template <class Call>
  std::function<void(Call*)> Admitted(void (AdminService::*handle)(Call*)) {
    return Admitted(
        std::function<void(Call*)>([this, handle](Call* call) { (this->*handle)(call); }));
  }
  template <class Call>
  std::function<void(Call*)> Admitted(std::function<void(Call*)> handle) {
    return [this, handle = std::move(handle)](Call* call) {
      gate_.Judge(call->context(), [call, handle](absl::StatusOr<AdminCaller> caller) {
        if (!caller.ok()) return call->Fail(caller.status());
        call->set_caller(*std::move(caller));
        handle(call);
      });
    };
  }
  // The handler of a call that changes something. `what`: as the audit calls it.
  template <class Call>
  std::function<void(Call*)> Guarded(std::string_view what, void (AdminService::*handle)(Call*)) {
    return Guarded(
        what, std::function<void(Call*)>([this, handle](Call* call) { (this->*handle)(call); }));
  }
  template <class Call>
  std::function<void(Call*)> Guarded(std::string_view what, std::function<void(Call*)> handle) {
    return Admitted<Call>([this, what, handle = std::move(handle)](Call* call) {
      if (call->caller().access == AdminAccess::kChanges) return handle(call);
      Deny(what, WhoCalls(*call), [call](const absl::Status& denied) { call->Fail(denied); });
    });
  }
  // Records it, and then fails the call.
  void Deny(std::string_view what, std::string who, std::function<void(absl::Status)> fail);
  // Blocks. Errors: of Engine::Record.
  absl::Status RecordNow(AuditEntry entry, absl::Status result);

  // As the audit shows it: an admin token is somebody, whoever's connection it came on.
  template <class Call>
  std::string WhoCalls(const Call& call) const {
    const std::optional<std::string>& token = call.caller().token;
    return token ? absl::StrCat("admin token ", *token) : callers_->Of(call.context());
  }
  // The command that a call asks for, with who asks.
  template <class Call>
  auto ReadChange(const Call* call) const {
    auto command = wire::Decode(call->request());
    if (command.ok()) command->who = WhoCalls(*call);
    return command;
  }

  void ServeReads(grpc::ServerCompletionQueue* queue);
  void ServeChanges(grpc::ServerCompletionQueue* queue);
  void ServeWatch(grpc::ServerCompletionQueue* queue);
  void ServeQuestions(grpc::ServerCompletionQueue* queue);
  void ServeLimits(grpc::ServerCompletionQueue* queue);
  void ServeMasterKey(grpc::ServerCompletionQueue* queue);
  void ServeClients(grpc::ServerCompletionQueue* queue);      // admin_clients.cc
  void ServeAdminTokens(grpc::ServerCompletionQueue* queue);  // admin_tokens.cc
  void ServeAudit(grpc::ServerCompletionQueue* queue);        // admin_audit.cc

  void Status(StatusCall* call);
  void GetKey(GetKeyCall* call);
  void Reset(ResetCall* call);
  void AddKey(AddKeyCall* call);
  void RemoveKey(RemoveKeyCall* call);
  void DisableKey(DisableKeyCall* call);
  void EnableKey(EnableKeyCall* call);
  void Usage(UsageCall* call);
  void Produce(Watch* call);
  void Explain(ExplainCall* call);
  void Events(EventsCall* call);
  void SetLimits(SetLimitsCall* call);
  void UnsetLimits(UnsetLimitsCall* call);
  void ImportLimits(ImportLimitsCall* call);
  void ListLimits(ListLimitsCall* call);
  void RotateMasterKey(RotateMasterKeyCall* call);
  absl::StatusOr<RotatedMasterKey> RotateAndRecord(const std::string& who);
  void ListClients(ListClientsCall* call);
  void ListAdminTokens(ListAdminTokensCall* call);
  void RevokeAdminToken(RevokeAdminTokenCall* call);
  void ListAudit(ListAuditCall* call);
  void VerifyAudit(VerifyAuditCall* call);

  const AdminGate gate_;
  engine::Engine* const engine_;
  const ParseLimitsText parse_limits_;
  const MasterKeyRotation rotate_master_key_now_;
  const Callers* const callers_;
  Calls* const calls_;
  v1::Admin::AsyncService service_;
  StatusCall::Method status_;
  GetKeyCall::Method get_key_;
  ResetCall::Method reset_;
  AddKeyCall::Method add_key_;
  RemoveKeyCall::Method remove_key_;
  DisableKeyCall::Method disable_key_;
  EnableKeyCall::Method enable_key_;
  Watch::Method watch_;
  UsageCall::Method usage_;
  ExplainCall::Method explain_;
  EventsCall::Method events_;
  SetLimitsCall::Method set_limits_;
  UnsetLimitsCall::Method unset_limits_;
  ImportLimitsCall::Method import_limits_;
  ListLimitsCall::Method list_limits_;
  RotateMasterKeyCall::Method rotate_master_key_;
  std::atomic<bool> rotating_ = false;
  Mutex rotation_mutex_;
  std::thread rotation_ ABSL_GUARDED_BY(rotation_mutex_);
  ListClientsCall::Method list_clients_;
  AddClientCall::Method add_client_;
  SetClientCall::Method set_client_;
  RotateClientCall::Method rotate_client_;
  RevokeClientCall::Method revoke_client_;
  RemoveClientCall::Method remove_client_;
  ListAdminTokensCall::Method list_admin_tokens_;
  AddAdminTokenCall::Method add_admin_token_;
  RotateAdminTokenCall::Method rotate_admin_token_;
  RevokeAdminTokenCall::Method revoke_admin_token_;
  ListAuditCall::Method list_audit_;
  VerifyAuditCall::Method verify_audit_;
  DeniedCalls denied_;
};

}  // namespace keypool::rpc
