#include "tests/conformance/store_fixture.h"

#include <algorithm>
#include <future>
#include <tuple>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "keyd/base/status.h"
#include "keyd/store/audit_chain.h"
#include "keyd/store/mem_store.h"
#include "keyd/store/sqlite_store.h"
#include "tests/fakes/keyd/faulty_store.h"
#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::store {
namespace {

std::unique_ptr<Store> OpenSqlite(const std::string& directory) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store =
      SqliteStore::Open(directory + "/keyd.db", fakes::TestSealerSource);
  EXPECT_TRUE(store.ok()) << store.status();
  return std::move(store).value();
}

StoreUnderTest Wrapped(std::unique_ptr<Store> inner) {
  auto outer = std::make_unique<fakes::FaultyStore>(*inner);
  return {std::move(inner), std::move(outer)};
}

std::string Text(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
}

std::string Text(const std::vector<policy::KeptToken>& tokens) {
  std::string out;
  for (const policy::KeptToken& token : tokens) {
    const std::string digest(token.digest.begin(), token.digest.end());
    absl::StrAppend(&out, " ", absl::BytesToHexString(digest), " ", Text(token.made_at), " ",
                    Text(token.valid_until));
  }
  return out;
}

std::string Text(const policy::ClientRecord& client) {
  const ClientTerms& terms = client.terms;
  std::string out = absl::StrCat(
      "client ", client.name, " ", terms.requests_per_minute, " ", terms.requests_per_day, " ",
      terms.input_tokens_per_day, " ", absl::StrJoin(terms.models, ","), " ", Text(terms.expires),
      " ", terms.weight, " ", Text(client.added_at), " ", Text(client.revoked_at));
  return out + Text(client.tokens);
}

std::string Text(const policy::ClientUseRecord& use) {
  std::string out = absl::StrCat("use ", use.name, " ", use.day, " ", use.day_used, " ", use.ahead,
                                 " ", use.day_tokens);
  for (const policy::Charge& charge : use.minute) {
    absl::StrAppend(&out, " ", Text(charge.at), "*", charge.count);
  }
  return out;
}

}  // namespace

std::vector<StoreKind> AllStores() {
  return {{"Mem",
           [](const std::string&) {
             return StoreUnderTest{{}, std::make_unique<MemStore>()};
           }},
          {"Sqlite",
           [](const std::string& d) {
             return StoreUnderTest{{}, OpenSqlite(d)};
           }},
          {"FaultyMem", [](const std::string&) { return Wrapped(std::make_unique<MemStore>()); }},
          {"FaultySqlite", [](const std::string& d) { return Wrapped(OpenSqlite(d)); }}};
}

absl::Status CommitNow(Store& store, Epoch epoch, policy::Mutations batch, Durability durability) {
  std::promise<absl::Status> promise;
  store.Commit(epoch, std::move(batch), durability,
               [&promise](absl::Status status) { promise.set_value(std::move(status)); });
  return promise.get_future().get();
}

policy::Snapshot LoadNow(Store& store) {
  absl::StatusOr<policy::Snapshot> snapshot = store.Load();
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();
  return std::move(snapshot).value();
}

policy::KeyRecord KeyOf(std::uint64_t id, std::string_view secret) {
  return {.id = KeyId{id},
          .project = OwnProject(KeyId{id}),
          .secret = std::make_shared<const Secret>(secret),
          .disabled_reason = {},
          .disabled_at = absl::InfinitePast(),
          .added_at = absl::FromUnixSeconds(1'700'000'000),
          .retry_at = absl::InfiniteFuture()};
}

policy::BucketRecord BucketOf(std::string project, std::string model, std::int64_t day_used) {
  policy::BucketRecord bucket;
  bucket.project = ProjectId{std::move(project)};
  bucket.model = std::move(model);
  bucket.day_used = day_used;
  return bucket;
}

policy::ResourceRecord ResourceOf(std::string name, std::string project) {
  return {std::move(name), ProjectId{std::move(project)}, absl::FromUnixSeconds(1'700'000'000)};
}

policy::UsageRecord UsageOf(UsageDimension dimension, std::string name, std::int64_t requests) {
  policy::UsageRecord record;
  record.name = {dimension, {20'000, std::move(name), 480'007}};
  record.counts.requests = requests;
  return record;
}

policy::Mutations AuditOf(std::uint64_t records) {
  policy::AuditKeyRecord key{MakeAuditKey()};
  policy::Mutations mutations = {key};
  policy::AuditState state;
  for (std::uint64_t number = 1; number <= records; ++number) {
    AuditRecord record;
    record.number = number;
    record.at = absl::FromUnixSeconds(1'700'000'000) + absl::Seconds(number);
    record.entry = {"uid 1000 (ada)", "add client", absl::StrCat("team-", number)};
    record.result = std::string(kAuditOk);
    record.chain = ChainOf(*key.key, state.last.chain, record);
    state.last = {number, record.chain};
    mutations.push_back(std::move(record));
  }
  state.mac = MacOf(*key.key, state);
  mutations.push_back(state);
  return mutations;
}

absl::StatusOr<AuditRead> ReadAuditNow(Store& store, AuditRange range) {
  std::promise<absl::StatusOr<AuditRead>> promise;
  store.ReadAudit(
      range, [&promise](absl::StatusOr<AuditRead> read) { promise.set_value(std::move(read)); });
  return promise.get_future().get();
}

AuditVerdict VerifyNow(Store& store) {
  std::promise<absl::StatusOr<AuditVerdict>> promise;
  VerifyAudit(store, [&promise](absl::StatusOr<AuditVerdict> verdict) {
    promise.set_value(std::move(verdict));
  });
  absl::StatusOr<AuditVerdict> verdict = promise.get_future().get();
  EXPECT_TRUE(verdict.ok()) << verdict.status();
  return std::move(verdict).value();
}

std::string Describe(policy::Snapshot snapshot) {
  auto& [epoch, pool, keys, buckets, resources, removed, usage, limits, clients, uses, admin_tokens,
         audit] = snapshot;
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::sort(clients.begin(), clients.end(), by_name);
  std::sort(uses.begin(), uses.end(), by_name);
  std::sort(admin_tokens.begin(), admin_tokens.end(), by_name);
  std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::sort(removed.begin(), removed.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  std::sort(buckets.begin(), buckets.end(), [](const auto& a, const auto& b) {
    return std::tie(a.project, a.model) < std::tie(b.project, b.model);
  });
  std::sort(resources.begin(), resources.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  std::sort(usage.begin(), usage.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  std::sort(limits.begin(), limits.end(),
            [](const auto& a, const auto& b) { return a.scope < b.scope; });
  std::string out = absl::StrCat("next ", pool.next_key.value(), "\n");
  for (const policy::KeyRecord& key : keys) {
    absl::StrAppend(&out, "key ", key.id.value(), " ", absl::CHexEscape(key.project.value()), " ",
                    absl::CHexEscape(std::string(key.secret->Reveal())), " ", key.active, " ",
                    absl::CHexEscape(key.disabled_reason), " ", Text(key.disabled_at), " ",
                    Text(key.added_at), " ", Text(key.retry_at), "\n");
  }
  for (const policy::BucketRecord& bucket : buckets) {
    absl::StrAppend(&out, "bucket ", absl::CHexEscape(bucket.project.value()), " ",
                    absl::CHexEscape(bucket.model), " ", bucket.day, " ", bucket.day_used, " ",
                    bucket.ahead, " ", Text(bucket.cooling_until), " ",
                    absl::CHexEscape(bucket.cooling_reason));
    for (const policy::Charge& charge : bucket.minute) {
      absl::StrAppend(&out, " ", Text(charge.at), "*", charge.count);
    }
    absl::StrAppend(&out, "\n");
  }
  for (const policy::ResourceRecord& resource : resources) {
    absl::StrAppend(&out, "resource ", absl::CHexEscape(resource.name), " ",
                    absl::CHexEscape(resource.project.value()), " ", Text(resource.expires), "\n");
  }
  for (const policy::RemovedKeyRecord& key : removed) {
    absl::StrAppend(&out, "removed ", key.id.value(), " ", absl::BytesToHexString(key.fingerprint),
                    "\n");
  }
  for (const auto& [name, c] : usage) {
    absl::StrAppend(&out, "usage ", ToAbsl(NameOf(name.dimension)), " ", name.place.day, " ",
                    absl::CHexEscape(name.place.name), " ", name.place.hour, " ", c.requests, " ",
                    c.limited, " ", c.errors, " ", c.input_tokens, " ", c.cached_tokens, " ",
                    c.output_tokens, " ", c.thought_tokens, "\n");
  }
  for (const policy::LimitRecord& said : limits) {
    absl::StrAppend(&out, "limits ", static_cast<int>(said.scope.level), " ",
                    absl::CHexEscape(said.scope.name), " ", static_cast<int>(said.scope.models),
                    " ", absl::CHexEscape(said.scope.model), " ", ToText(said.limits), " ",
                    absl::CHexEscape(said.tier), "\n");
  }
  if (audit.newest > 0) absl::StrAppend(&out, "audit up to ", audit.newest, "\n");
  for (const policy::ClientRecord& client : clients) absl::StrAppend(&out, Text(client), "\n");
  for (const policy::ClientUseRecord& use : uses) absl::StrAppend(&out, Text(use), "\n");
  for (const policy::AdminTokenRecord& token : admin_tokens) {
    absl::StrAppend(&out, "admin token ", token.name, " ", Text(token.added_at), " ",
                    Text(token.expires), Text(token.tokens), "\n");
  }
  return out;
}

}  // namespace keypool::store
