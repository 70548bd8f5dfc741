// The clients: who they are, by which token, and what each has used of its own quota.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/clients.h"
#include "keyd/policy/client_quota.h"
#include "keyd/policy/moment.h"
#include "keyd/policy/token_index.h"
#include "keyd/policy/types.h"

namespace keypool::policy {

struct Client {
  ClientRecord record;
  ClientQuota quota;
  std::uint64_t serial = 0;  // not used again in this reign; from 1

  bool revoked() const { return record.revoked_at != absl::InfiniteFuture(); }
};

// At most `max` of them, each with at most two tokens. Finding one is O(1). Not thread-safe. What
// changes it appends the records that must be written.
class ClientBook {
 public:
  explicit ClientBook(std::size_t max) : max_(max) {}

  // From the store. Errors: DATA_LOSS (a client is there twice, or two have one token).
  absl::Status Restore(ClientRecord record, std::int64_t today);
  // What a client that is there has used; one that is not there any more is left out.
  void Restore(const ClientUseRecord& record, absl::Time record_day_ends, const Moment& m);

  // Whose token it is, if that is good now; else nullptr.
  Client* FindByToken(const TokenDigest& digest, absl::Time now);
  // nullptr: there is none, or not any more.
  Client* FindBySerial(std::uint64_t serial);
  Client* FindByName(std::string_view name);
  // No client at all, not even a revoked one.
  bool empty() const { return by_name_.empty(); }
  std::size_t size() const { return by_name_.size(); }

  // Errors: see base/clients.h.
  absl::StatusOr<ClientStatus> Apply(const ClientCommand& command, const Moment& m,
                                     Mutations* mutations);
  // Errors: NOT_FOUND.
  absl::StatusOr<ClientsPage> Page(const ClientsQuery& query, const Moment& m) const;

 private:
  using ByName = std::map<std::string, std::unique_ptr<Client>, std::less<>>;

  absl::StatusOr<ClientStatus> Add(const AddClientCommand& command, const Moment& m,
                                   Mutations* mutations);
  absl::StatusOr<ClientStatus> Set(const SetClientCommand& command, const Moment& m,
                                   Mutations* mutations);
  absl::StatusOr<ClientStatus> Rotate(const RotateClientCommand& command, const Moment& m,
                                      Mutations* mutations);
  absl::StatusOr<ClientStatus> Revoke(const RevokeClientCommand& command, const Moment& m,
                                      Mutations* mutations);
  absl::StatusOr<ClientStatus> Remove(const RemoveClientCommand& command, const Moment& m,
                                      Mutations* mutations);
  // Errors: NOT_FOUND, FAILED_PRECONDITION (revoked).
  absl::StatusOr<Client*> InUse(std::string_view name);
  Client* Insert(ClientRecord record, std::int64_t today);
  static ClientStatus Describe(const Client& client, const Moment& m);

  const std::size_t max_;
  std::uint64_t last_serial_ = 0;
  ByName by_name_;
  TokenIndex<Client> by_token_;
  absl::flat_hash_map<std::uint64_t, Client*> by_serial_;
};

}  // namespace keypool::policy
