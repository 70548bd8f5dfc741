// The words of the pool: what limits it and what is remembered; what is asked and answered is in
// base/lease.h and base/admin.h. Plain data, no behaviour.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/admin.h"
#include "keyd/base/admin_tokens.h"
#include "keyd/base/audit.h"
#include "keyd/base/clients.h"
#include "keyd/base/clock.h"
#include "keyd/base/ids.h"
#include "keyd/base/lease.h"
#include "keyd/base/secret.h"
#include "keyd/policy/limits.h"

namespace keypool::policy {

// --- What limits a bucket
// -----------------------------------------------------------------------------------------

struct PoolConfig {
  Limits default_limits;
  LimitRules limits;  // over the defaults; what was said at run time is over these
  // A request may arrive this long after its grant; minute windows are charged this much longer, so
  // that what Google sees stays inside the limit too.
  absl::Duration send_by = absl::Milliseconds(500);
  // An open lease without a report expires after this; it stays counted.
  absl::Duration lease_time_to_live = absl::Minutes(10);
  // An expired lease is still known this long, so that a late report finds it.
  absl::Duration late_report_grace = absl::Minutes(50);
  std::size_t keys_max = 200'000;
  std::size_t leases_max = 262'144;   // open and expired together
  std::size_t removed_max = 200'000;  // RemovedKeyRecords; beyond, the lowest id is forgotten
  std::size_t waiting_max = 16'384;   // acquires that are held back
  // Names of which it is known where they live; beyond, the one that expires first is forgotten.
  std::size_t resources_max = 200'000;
  std::size_t clients_max = kClientsMax;  // revoked ones included
  std::size_t admin_tokens_max = kAdminTokensMax;
  // Nobody is served without a token. In force by itself as soon as there is a client.
  bool require_client_token = false;
  std::size_t models_max = 2'048;  // distinct model names tracked at a time
  // America/Los_Angeles from the machine's tzdata; the day of Google's daily quotas.
  absl::TimeZone pacific;
  // The accounts. Names of each dimension; those beyond count as "(other)". Rows of all dimensions;
  // beyond, the oldest hours are folded into their days, and then the oldest days go.
  std::size_t usage_names_max = 10'000;
  std::size_t usage_rows_max = 500'000;
};

// --- What is remembered: records are written whole, the last one wins
// ---------------------------------------------------

struct KeyRecord {
  KeyId id;
  ProjectId project;
  SecretPtr secret;
  bool active = true;
  std::string disabled_reason;
  absl::Time disabled_at;
  absl::Time added_at;
  // Disabled because of Google's answers: when requests may try it again. InfiniteFuture: never by
  // itself, an operator has disabled it.
  absl::Time retry_at = absl::InfiniteFuture();
};

// Grants of one moment in a minute window, or their tokens.
struct Charge {
  absl::Time at;
  std::int64_t count = 0;
};

struct LearnedLimit {
  std::int64_t limit = 0;
  absl::Time at;  // when it was last told
};

// The model under whose name Google counts this one; its own, when that was told against a guess.
struct LearnedAlias {
  std::string model;
  absl::Time at;  // when it was last told
  // By "modelVersion" of an answer: less sure than by "quotaDimensions.model" of a 429.
  bool by_answer = false;
};

// Quota state of one (project, model) as the store has it. It never says less than what was
// granted: counts include a block that may not have been granted yet (`ahead`).
struct BucketRecord {
  ProjectId project;
  std::string model;
  // Pacific civil day, as days since 1970-01-01, and the requests granted on it, `ahead` included.
  std::int64_t day = 0;
  std::int64_t day_used = 0;
  // Grants that still weigh on the minute, oldest first, without `ahead`.
  std::vector<Charge> minute;
  // Promised beyond `minute`, at times unknown to the store: after a restart charged to the present
  // minute.
  std::int64_t ahead = 0;
  // Cooldown; absl::InfinitePast() when none.
  absl::Time cooling_until = absl::InfinitePast();
  std::string cooling_reason;
  // Limits that Google has told in a 429.
  std::optional<LearnedLimit> learned_minute = std::nullopt;
  std::optional<LearnedLimit> learned_day = std::nullopt;
  // Input tokens of the same requests, as day_used, minute and ahead are of the requests.
  std::int64_t day_tokens = 0;
  std::vector<Charge> minute_tokens = {};
  std::int64_t ahead_tokens = 0;
  std::optional<LearnedLimit> learned_tokens_minute = std::nullopt;
  std::optional<LearnedLimit> learned_tokens_day = std::nullopt;
  std::optional<LearnedAlias> alias = std::nullopt;  // of the model, told in this project
};

// The next id to hand out, so that ids of removed keys stay unused.
struct PoolRecord {
  KeyId next_key{1};
};

// A key that was removed. An import at the start does not bring it back; adding it explicitly does,
// and forgets this record. One for a secret at most.
struct RemovedKeyRecord {
  KeyId id;                 // that the key had
  std::string fingerprint;  // SecretFingerprint of its secret: 32 bytes
};

// Where something lives that requests name. A name is in one project.
struct ResourceRecord {
  std::string name;  // "files/abc"
  ProjectId project;
  absl::Time expires;
  std::string client = {};  // that made it; empty: nobody's, from when there were no clients
};

// What went through the pool under one name in one hour, or day.
struct UsageName {
  UsageDimension dimension = UsageDimension::kKey;
  UsageRow::Place place;
  friend auto operator<=>(const UsageName&, const UsageName&) = default;
};
struct UsageRecord {
  UsageName name;
  UsageCounts counts;
};

// What an operator has said about one scope at run time.
using LimitRecord = ScopeLimits;

// A token is kept as a digest only.
struct KeptToken {
  TokenDigest digest = {};
  absl::Time made_at;
  absl::Time valid_until = absl::InfiniteFuture();
  friend bool operator==(const KeptToken&, const KeptToken&) = default;
};
// Who may use the pool.
struct ClientRecord {
  std::string name;
  ClientTerms terms;
  absl::Time added_at;
  absl::Time revoked_at = absl::InfiniteFuture();  // that is: not
  std::vector<KeptToken> tokens = {};              // the newest first; none when revoked
  friend bool operator==(const ClientRecord&, const ClientRecord&) = default;
};
// What a client has used of its own quota, as BucketRecord has it of a bucket: never less than what
// was granted to it.
struct ClientUseRecord {
  std::string name;
  std::int64_t day = 0;
  std::int64_t day_used = 0;  // `ahead` included
  std::vector<Charge> minute = {};
  std::int64_t ahead = 0;
  std::int64_t day_tokens = 0;  // with what is promised beyond
};

// Who may use /admin over HTTP.
struct AdminTokenRecord {
  std::string name;
  absl::Time added_at;
  absl::Time expires = absl::InfiniteFuture();
  std::vector<KeptToken> tokens = {};  // the newest first
  friend bool operator==(const AdminTokenRecord&, const AdminTokenRecord&) = default;
};

// --- The audit: its records are AuditRecord, and no rule of the pool looks at them

// A record by its place in the chain. The value before the first record is zero.
struct AuditLink {
  std::uint64_t number = 0;
  AuditChain chain = {};
  friend bool operator==(const AuditLink&, const AuditLink&) = default;
};
// Every so many records their link is known after a start, so that the oldest can be given up.
inline constexpr std::uint64_t kAuditLinkEvery = 1000;
// From where to where the audit goes; written with every record.
struct AuditState {
  AuditLink before_first;  // what was given up ends there
  AuditLink last;
  // Not empty: what was found damaged once, so that its records were begun anew; and where.
  std::string broken = {};
  std::uint64_t broken_number = 0;
  AuditChain mac = {};  // over all of this
  friend bool operator==(const AuditState&, const AuditState&) = default;
};
// What the chain is made with. Sealed at rest.
struct AuditKeyRecord {
  SecretPtr key;
};
struct DeleteAudit {
  std::uint64_t through = 0;  // and all before
};
// All of the audit but its records.
struct AuditBasis {
  SecretPtr key;                    // null: there is none
  std::optional<AuditState> state;  // nothing: there is none
  std::string damage;               // not empty: why one of the two cannot be read
};
struct AuditSnapshot {
  AuditBasis basis;
  std::uint64_t newest = 0;      // number of the newest record; 0: there is none
  std::vector<AuditLink> links;  // of every kAuditLinkEvery-th that can be read, the oldest first
};

struct BucketName {
  ProjectId project;
  std::string model;
};

struct Snapshot {
  Epoch epoch;  // of this reign: one more than the last
  PoolRecord pool;
  std::vector<KeyRecord> keys;
  std::vector<BucketRecord> buckets;
  std::vector<ResourceRecord> resources;       // in any order
  std::vector<RemovedKeyRecord> removed;       // in any order
  std::vector<UsageRecord> usage;              // in any order
  std::vector<LimitRecord> limits;             // in any order
  std::vector<ClientRecord> clients;           // in any order
  std::vector<ClientUseRecord> client_use;     // in any order
  std::vector<AdminTokenRecord> admin_tokens;  // in any order
  AuditSnapshot audit;
};

struct DeleteKey {
  KeyId id;
};
struct DeleteBucket {
  BucketName name;
};
struct DeleteResource {
  std::string name;
};
struct DeleteRemovedKey {
  KeyId id;
};
struct DeleteUsage {
  UsageName name;
};
struct DeleteLimit {
  LimitScopeName scope;
};
// With what it has used.
struct DeleteClient {
  std::string name;
};
struct DeleteAdminToken {
  std::string name;
};
using Mutation = std::variant<PoolRecord, KeyRecord, BucketRecord, ResourceRecord, DeleteKey,
                              DeleteBucket, DeleteResource, RemovedKeyRecord, DeleteRemovedKey,
                              UsageRecord, DeleteUsage, LimitRecord, DeleteLimit, ClientRecord,
                              ClientUseRecord, DeleteClient, AdminTokenRecord, DeleteAdminToken,
                              AuditRecord, AuditState, AuditKeyRecord, DeleteAudit>;
using Mutations = std::vector<Mutation>;

}  // namespace keypool::policy
