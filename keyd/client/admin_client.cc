#include "keyd/client/admin_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "keyd/base/mutex.h"
#include "keyd/client/channel.h"
#include "keyd/wire/admin_token_wire.h"
#include "keyd/wire/admin_wire.h"
#include "keyd/wire/audit_wire.h"
#include "keyd/wire/client_token_wire.h"
#include "keyd/wire/client_wire.h"
#include "keyd/wire/deadline.h"
#include "keyd/wire/event.h"
#include "keypool/v1/admin.grpc.pb.h"

namespace keypool::client {
namespace {

template <class Response>
using Raw = std::function<void(absl::StatusOr<const Response*>)>;
template <class Request, class Response>
using Prepare = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (v1::Admin::Stub::*)(
    grpc::ClientContext*, const Request&, grpc::CompletionQueue*);
// Adds to a call what tells on whose behalf it is made.
using Introduce = std::function<void(grpc::ClientContext*)>;

// The way to keyd, and the calls that are under way on it.
class Connection {
 public:
  explicit Connection(AdminClientOptions options)
      : options_(std::move(options)),
        channel_(OpenChannel(options_.address)),
        stub_(v1::Admin::NewStub(channel_)),
        thread_([this] { Run(); }) {}

  ~Connection() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      for (grpc::ClientContext* context : under_way_) context->TryCancel();
    }
    changed_.NotifyAll();
    thread_.join();
  }

  const std::string& address() const { return options_.address.text; }
  v1::Admin::Stub& stub() { return *stub_; }

  template <class Request, class Response>
  void Start(const Request& request, Prepare<Request, Response> prepare, const Introduce& introduce,
             Raw<Response> done) {
    auto call = std::make_unique<Call<Response>>(this);
    call->done = std::move(done);
    call->context.set_deadline(wire::After(options_.timeout));
    if (introduce) introduce(&call->context);
    {
      MutexLock lock(&mutex_);
      under_way_.insert(&call->context);
      call->reader = (stub_.get()->*prepare)(&call->context, request, &queue_);
      call->reader->StartCall();
      Call<Response>* raw = call.release();  // Run deletes it
      raw->reader->Finish(&raw->response, &raw->status, raw->Tag());
    }
    changed_.NotifyOne();
  }

 private:
  // One unary call under way; deletes itself.
  template <class Response>
  struct Call final : wire::Event {
    explicit Call(Connection* c) : connection(c) {}
    void Run(bool) override {
      const std::unique_ptr<Call> self(this);
      if (status.ok()) {
        done(&response);
      } else {
        done(FromGrpc(status, connection->address()));
      }
      reader = nullptr;  // before the context that holds its memory
      MutexLock lock(&connection->mutex_);
      connection->under_way_.erase(&context);
    }

    Connection* const connection;
    Raw<Response> done;
    grpc::ClientContext context;
    Response response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader;
  };

  // Polls only while a call is under way: an idle poller would take wake-ups, and a thread switch
  // each, from the lease sessions of the same process.
  void Run() {
    while (true) {
      {
        MutexLock lock(&mutex_);
        while (under_way_.empty() && !stopping_) changed_.Wait(&mutex_);
        if (under_way_.empty()) break;
      }
      void* tag = nullptr;
      bool ok = false;
      if (!queue_.Next(&tag, &ok)) break;
      wire::Event::Dispatch(tag, ok);
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  const AdminClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Admin::Stub> stub_;
  grpc::CompletionQueue queue_;
  Mutex mutex_;
  CondVar changed_;
  absl::flat_hash_set<grpc::ClientContext*> under_way_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the last member: it uses all others
};

class Admin final : public AdminClient {
 public:
  Admin(Connection& connection, Introduce introduce)
      : connection_(connection), introduce_(std::move(introduce)) {}
  explicit Admin(std::unique_ptr<Connection> own) : own_(std::move(own)), connection_(*own_) {}

  std::unique_ptr<AdminClient> ForHttp(SecretPtr token) override {
    return std::make_unique<Admin>(connection_,
                                   [token = std::move(token)](grpc::ClientContext* context) {
                                     wire::ShowAdminToken(token, context);
                                   });
  }

  void Status(StatusQuery query, Done<PoolStatus> done) override {
    Start(Encoded<v1::StatusRequest>(query), &v1::Admin::Stub::PrepareAsyncStatus,
          Decoding<v1::StatusResponse>(std::move(done)));
  }
  void Key(KeyId id, std::string model, Done<KeyStatus> done) override {
    Start(Encoded<v1::GetKeyRequest>(wire::KeyQuery{id, std::move(model)}),
          &v1::Admin::Stub::PrepareAsyncGetKey, Decoding<v1::KeyStatus>(std::move(done)));
  }
  void AddKey(AddKeyCommand command, Done<KeyStatus> done) override {
    Start(Encoded<v1::AddKeyRequest>(command), &v1::Admin::Stub::PrepareAsyncAddKey,
          Decoding<v1::KeyStatus>(std::move(done)));
  }
  void RemoveKey(KeyId id, std::function<void(absl::Status)> done) override {
    Start<v1::RemoveKeyRequest, v1::RemoveKeyResponse>(
        Encoded<v1::RemoveKeyRequest>(RemoveKeyCommand{id}),
        &v1::Admin::Stub::PrepareAsyncRemoveKey,
        [done = std::move(done)](absl::StatusOr<const v1::RemoveKeyResponse*> response) {
          done(response.status());
        });
  }
  void DisableKey(DisableKeyCommand command, Done<KeyStatus> done) override {
    Start(Encoded<v1::DisableKeyRequest>(command), &v1::Admin::Stub::PrepareAsyncDisableKey,
          Decoding<v1::KeyStatus>(std::move(done)));
  }
  void EnableKey(KeyId id, Done<KeyStatus> done) override {
    Start(Encoded<v1::EnableKeyRequest>(EnableKeyCommand{id}),
          &v1::Admin::Stub::PrepareAsyncEnableKey, Decoding<v1::KeyStatus>(std::move(done)));
  }
  void Reset(ResetCommand command, Done<std::int64_t> done) override {
    Start<v1::ResetRequest, v1::ResetResponse>(
        Encoded<v1::ResetRequest>(command), &v1::Admin::Stub::PrepareAsyncReset,
        [done = std::move(done)](absl::StatusOr<const v1::ResetResponse*> response) {
          if (!response.ok()) return done(response.status());
          done(static_cast<std::int64_t>((*response)->buckets()));
        });
  }
  void Explain(ExplainQuery query, Done<Explanation> done) override {
    Start(Encoded<v1::ExplainRequest>(query), &v1::Admin::Stub::PrepareAsyncExplain,
          Decoding<v1::ExplainResponse>(std::move(done)));
  }
  void Events(EventsQuery query, Done<PoolEvents> done) override {
    Start(Encoded<v1::EventsRequest>(query), &v1::Admin::Stub::PrepareAsyncEvents,
          Decoding<v1::EventsResponse>(std::move(done)));
  }
  void SetLimits(SetLimitsCommand command, Done<ScopeLimits> done) override {
    Start(Encoded<v1::SetLimitsRequest>(command), &v1::Admin::Stub::PrepareAsyncSetLimits,
          Decoding<v1::ScopeLimits>(std::move(done)));
  }
  void UnsetLimits(UnsetLimitsCommand command, Done<ScopeLimits> done) override {
    Start(Encoded<v1::UnsetLimitsRequest>(command), &v1::Admin::Stub::PrepareAsyncUnsetLimits,
          Decoding<v1::ScopeLimits>(std::move(done)));
  }
  void ImportLimits(ImportLimitsText text, Done<ImportedLimits> done) override {
    Start(Encoded<v1::ImportLimitsRequest>(text), &v1::Admin::Stub::PrepareAsyncImportLimits,
          Decoding<v1::ImportLimitsResponse>(std::move(done)));
  }
  void ListLimits(LimitsQuery query, Done<LimitsPage> done) override {
    Start(Encoded<v1::ListLimitsRequest>(query), &v1::Admin::Stub::PrepareAsyncListLimits,
          Decoding<v1::ListLimitsResponse>(std::move(done)));
  }
  void RotateMasterKey(Done<RotatedMasterKey> done) override {
    Start<v1::RotateMasterKeyRequest, v1::RotateMasterKeyResponse>(
        {}, &v1::Admin::Stub::PrepareAsyncRotateMasterKey,
        [done = std::move(done)](absl::StatusOr<const v1::RotateMasterKeyResponse*> response) {
          if (!response.ok()) return done(response.status());
          done(RotatedMasterKey{static_cast<std::int64_t>((*response)->secrets()),
                                (*response)->place()});
        });
  }
  void AddClient(AddClientCommand command, Done<IssuedClient> done) override {
    Start(Encoded<v1::AddClientRequest>(command), &v1::Admin::Stub::PrepareAsyncAddClient,
          Decoding<v1::IssuedClient>(std::move(done)));
  }
  void SetClient(SetClientCommand command, Done<ClientStatus> done) override {
    Start(Encoded<v1::SetClientRequest>(command), &v1::Admin::Stub::PrepareAsyncSetClient,
          Decoding<v1::Client>(std::move(done)));
  }
  void RotateClient(RotateClientCommand command, Done<IssuedClient> done) override {
    Start(Encoded<v1::RotateClientRequest>(command), &v1::Admin::Stub::PrepareAsyncRotateClient,
          Decoding<v1::IssuedClient>(std::move(done)));
  }
  void RevokeClient(RevokeClientCommand command, Done<ClientStatus> done) override {
    Start(Encoded<v1::RevokeClientRequest>(command), &v1::Admin::Stub::PrepareAsyncRevokeClient,
          Decoding<v1::Client>(std::move(done)));
  }
  void RemoveClient(RemoveClientCommand command, Done<ClientStatus> done) override {
    Start(Encoded<v1::RemoveClientRequest>(command), &v1::Admin::Stub::PrepareAsyncRemoveClient,
          Decoding<v1::Client>(std::move(done)));
  }
  void ListClients(ClientsQuery query, Done<ClientsPage> done) override {
    Start(Encoded<v1::ListClientsRequest>(query), &v1::Admin::Stub::PrepareAsyncListClients,
          Decoding<v1::ListClientsResponse>(std::move(done)));
  }
  void AddAdminToken(AddAdminTokenCommand command, Done<IssuedAdminToken> done) override {
    Start(Encoded<v1::AddAdminTokenRequest>(command), &v1::Admin::Stub::PrepareAsyncAddAdminToken,
          Decoding<v1::IssuedAdminToken>(std::move(done)));
  }
  void RotateAdminToken(RotateAdminTokenCommand command, Done<IssuedAdminToken> done) override {
    Start(Encoded<v1::RotateAdminTokenRequest>(command),
          &v1::Admin::Stub::PrepareAsyncRotateAdminToken,
          Decoding<v1::IssuedAdminToken>(std::move(done)));
  }
  void RevokeAdminToken(RevokeAdminTokenCommand command, Done<AdminTokenStatus> done) override {
    Start(Encoded<v1::RevokeAdminTokenRequest>(command),
          &v1::Admin::Stub::PrepareAsyncRevokeAdminToken,
          Decoding<v1::AdminToken>(std::move(done)));
  }
  void ListAdminTokens(Done<std::vector<AdminTokenStatus>> done) override {
    Start(v1::ListAdminTokensRequest(), &v1::Admin::Stub::PrepareAsyncListAdminTokens,
          Decoding<v1::ListAdminTokensResponse>(std::move(done)));
  }
  void ListAudit(AuditQuery query, Done<AuditPage> done) override {
    Start(Encoded<v1::ListAuditRequest>(query), &v1::Admin::Stub::PrepareAsyncListAudit,
          Decoding<v1::ListAuditResponse>(std::move(done)));
  }
  void VerifyAudit(Done<AuditVerdict> done) override {
    Start(v1::VerifyAuditRequest(), &v1::Admin::Stub::PrepareAsyncVerifyAudit,
          Decoding<v1::VerifyAuditResponse>(std::move(done)));
  }
  void Usage(UsageQuery query, Done<UsagePage> done) override {
    Start(Encoded<v1::UsageRequest>(query), &v1::Admin::Stub::PrepareAsyncUsage,
          Decoding<v1::UsageResponse>(std::move(done)));
  }

  absl::Status Watch(StatusQuery query, absl::Duration min_interval,
                     std::function<bool(PoolStatus)> on_status) override {
    grpc::ClientContext context;
    if (introduce_) introduce_(&context);
    v1::WatchRequest request;
    wire::Encode(wire::WatchQuery{std::move(query), min_interval}, &request);
    const auto reader = connection_.stub().Watch(&context, request);
    v1::StatusResponse response;
    while (reader->Read(&response)) {
      absl::StatusOr<PoolStatus> status = wire::Decode(response);
      if (!status.ok()) return status.status();
      if (!on_status(*std::move(status))) return absl::OkStatus();
    }
    return FromGrpc(reader->Finish(), connection_.address());
  }

 private:
  template <class Request, class From>
  static Request Encoded(const From& from) {
    Request request;
    wire::Encode(from, &request);
    return request;
  }

  template <class Response, class To>
  static Raw<Response> Decoding(Done<To> done) {
    return [done = std::move(done)](absl::StatusOr<const Response*> response) {
      if (!response.ok()) return done(response.status());
      done(wire::Decode(**response));
    };
  }

  template <class Request, class Response>
  void Start(const Request& request, Prepare<Request, Response> prepare, Raw<Response> done) {
    connection_.Start(request, prepare, introduce_, std::move(done));
  }

  const std::unique_ptr<Connection> own_;  // of the one that was opened
  Connection& connection_;
  const Introduce introduce_;
};

}  // namespace

std::unique_ptr<AdminClient> AdminClient::Open(AdminClientOptions options) {
  return std::make_unique<Admin>(std::make_unique<Connection>(std::move(options)));
}

}  // namespace keypool::client
