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
#include "keyd/rpc/call_throttle.h"
#include "keyd/rpc/caller.h"
#include "keyd/rpc/calls.h"
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

  // The handler of a call that needs a good admin token if it came with one. `what`: as the audit
  // calls it.
  template <class Call>
  std::function<void(Call*)> Admitted(std::string_view what, std::function<void(Call*)> handle) {
    return [this, what, handle = std::move(handle)](Call* call) {
      gate_.Judge(call->context(), [this, call, what, handle](absl::StatusOr<AdminCaller> caller) {
        if (!caller.ok()) return Deny(what, call, caller.status());
        call->set_caller(*std::move(caller));
        handle(call);
      });
    };
  }
  // … of a call that looks at something.
  template <class Call>
  std::function<void(Call*)> Looking(std::string_view what, void (AdminService::*handle)(Call*)) {
    return Admitted<Call>(what, [this, what, handle](Call* call) { Look(what, call, handle); });
  }
  // … of a call that changes something, or that not everybody may make who may look.
  template <class Call>
  std::function<void(Call*)> Guarded(std::string_view what, std::function<void(Call*)> handle) {
    return Admitted<Call>(what, [this, what, handle = std::move(handle)](Call* call) {
      if (call->caller().access == AdminAccess::kChanges) return handle(call);
      Deny(what, call, NotAllowed());
    });
  }
  template <class Call>
  std::function<void(Call*)> Guarded(std::string_view what, void (AdminService::*handle)(Call*)) {
    return Guarded<Call>(what, [this, handle](Call* call) { (this->*handle)(call); });
  }
  // … of a call whose request is a command: `apply(command, call)` when it could be read.
  template <class Call, class Apply>
  std::function<void(Call*)> Changing(std::string_view what, Apply apply) {
    return Guarded<Call>(what, [this, what, apply = std::move(apply)](Call* call) {
      auto command = wire::Decode(call->request());
      if (!command.ok()) return Refuse(what, call, command.status());
      command->who = WhoCalls(*call);
      apply(*std::move(command), call);
    });
  }

  // Records it, now or with later ones that are alike, and then lets it go on.
  template <class Call>
  void Look(std::string_view what, Call* call, void (AdminService::*handle)(Call*)) {
    NoteLook({WhoCalls(*call), std::string(what), ""}, [this, call, handle](absl::Status recorded) {
      if (!recorded.ok()) return call->Fail(recorded);
      (this->*handle)(call);
    });
  }
  // Records it, now or with later ones, and then fails the call with `denied`.
  template <class Call>
  void Deny(std::string_view what, Call* call, const absl::Status& denied) {
    NoteDenied({WhoCalls(*call), std::string(what), ""}, denied,
               [call, denied](const absl::Status&) { call->Fail(denied); });
  }
  // Records it, and then fails the call with `status`.
  template <class Call>
  void Refuse(std::string_view what, Call* call, const absl::Status& status) {
    engine_->Record({WhoCalls(*call), std::string(what), ""}, status,
                    [call, status](const absl::Status& recorded) {
                      call->Fail(recorded.ok() ? status : recorded);
                    });
  }
  void NoteLook(AuditEntry entry, std::function<void(absl::Status)> done);
  void NoteDenied(AuditEntry entry, absl::Status denied, std::function<void(absl::Status)> done);
  static absl::Status NotAllowed();
  // Blocks. Errors: of Engine::Record.
  absl::Status RecordNow(AuditEntry entry, absl::Status result);

  // As the audit shows it: an admin token is somebody, whoever's connection it came on.
  std::string WhoCalls(const AdminCaller& caller, const grpc::ServerContext& context) const {
    return caller.token ? absl::StrCat("admin token ", *caller.token) : callers_->Of(context);
  }
  template <class Call>
  std::string WhoCalls(const Call& call) const {
    return WhoCalls(call.caller(), call.context());
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
  void Usage(UsageCall* call);
  void Produce(Watch* call);
  void Explain(ExplainCall* call);
  void Events(EventsCall* call);
  void ImportLimits(ImportLimitsCall* call);
  void ListLimits(ListLimitsCall* call);
  void RotateMasterKey(RotateMasterKeyCall* call);
  absl::StatusOr<RotatedMasterKey> RotateAndRecord(const std::string& who);
  void ListClients(ListClientsCall* call);
  void ListAdminTokens(ListAdminTokensCall* call);
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
  CallThrottle looks_{absl::Minutes(10)};
  CallThrottle denied_{absl::Minutes(1)};
};

}  // namespace keypool::rpc
