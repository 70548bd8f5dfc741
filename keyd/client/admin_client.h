// The only way to the Admin service, blocking (poolctl) and with callbacks (the proxy's /admin
// pages).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/admin.h"
#include "keyd/base/admin_tokens.h"
#include "keyd/base/audit.h"
#include "keyd/base/clients.h"
#include "keyd/client/keyd_address.h"

namespace keypool::client {

struct AdminClientOptions {
  KeydAddress address;
  absl::Duration timeout = absl::Seconds(5);
};

// Thread-safe. Errors: UNAVAILABLE (keyd cannot be reached; the address is named),
// DEADLINE_EXCEEDED, and those of admin.proto.
class AdminClient {
 public:
  static std::unique_ptr<AdminClient> Open(AdminClientOptions options);
  // Callbacks of calls under way run with CANCELLED before it returns.
  virtual ~AdminClient() = default;

  // The same for somebody who came over HTTP: keyd answers UNAUTHENTICATED unless the admin token
  // that was shown is good. `token`: nullptr for none. To be used while this one exists; its calls
  // go on without it.
  virtual std::unique_ptr<AdminClient> ForHttp(SecretPtr token) = 0;

  // The callbacks run once each, on a thread of gRPC's.
  template <class T>
  using Done = std::function<void(absl::StatusOr<T>)>;
  virtual void Status(StatusQuery query, Done<PoolStatus> done) = 0;
  virtual void Key(KeyId id, std::string model, Done<KeyStatus> done) = 0;
  virtual void AddKey(AddKeyCommand command, Done<KeyStatus> done) = 0;
  virtual void RemoveKey(KeyId id, std::function<void(absl::Status)> done) = 0;
  virtual void DisableKey(DisableKeyCommand command, Done<KeyStatus> done) = 0;
  virtual void EnableKey(KeyId id, Done<KeyStatus> done) = 0;
  virtual void Reset(ResetCommand command, Done<std::int64_t> done) = 0;
  virtual void Usage(UsageQuery query, Done<UsagePage> done) = 0;
  virtual void Explain(ExplainQuery query, Done<Explanation> done) = 0;
  virtual void Events(EventsQuery query, Done<PoolEvents> done) = 0;
  virtual void SetLimits(SetLimitsCommand command, Done<ScopeLimits> done) = 0;
  virtual void UnsetLimits(UnsetLimitsCommand command, Done<ScopeLimits> done) = 0;
  virtual void ImportLimits(ImportLimitsText text, Done<ImportedLimits> done) = 0;
  virtual void ListLimits(LimitsQuery query, Done<LimitsPage> done) = 0;
  virtual void RotateMasterKey(Done<RotatedMasterKey> done) = 0;
  // keyd makes the tokens: those in the commands are not sent.
  virtual void AddClient(AddClientCommand command, Done<IssuedClient> done) = 0;
  virtual void SetClient(SetClientCommand command, Done<ClientStatus> done) = 0;
  virtual void RotateClient(RotateClientCommand command, Done<IssuedClient> done) = 0;
  virtual void RevokeClient(RevokeClientCommand command, Done<ClientStatus> done) = 0;
  virtual void RemoveClient(RemoveClientCommand command, Done<ClientStatus> done) = 0;
  virtual void ListClients(ClientsQuery query, Done<ClientsPage> done) = 0;
  virtual void ListAudit(AuditQuery query, Done<AuditPage> done) = 0;
  virtual void VerifyAudit(Done<AuditVerdict> done) = 0;

  virtual void AddAdminToken(AddAdminTokenCommand command, Done<IssuedAdminToken> done) = 0;
  virtual void RotateAdminToken(RotateAdminTokenCommand command, Done<IssuedAdminToken> done) = 0;
  virtual void RevokeAdminToken(RevokeAdminTokenCommand command, Done<AdminTokenStatus> done) = 0;
  virtual void ListAdminTokens(Done<std::vector<AdminTokenStatus>> done) = 0;

  // Blocks, and calls `on_status` for every status that keyd sends, until it returns false (then
  // OK) or the stream ends.
  virtual absl::Status Watch(StatusQuery query, absl::Duration min_interval,
                             std::function<bool(PoolStatus)> on_status) = 0;
};

}  // namespace keypool::client
