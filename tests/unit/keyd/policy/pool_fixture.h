// A pool with a clock to turn and a store that remembers what it committed.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "keyd/policy/pool.h"

namespace keypool::policy {

inline absl::TimeZone Pacific() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("America/Los_Angeles", &zone));
  return zone;
}

inline SecretPtr MakeSecret(std::string_view text) { return std::make_shared<const Secret>(text); }

class PoolTest : public testing::Test {
 protected:
  PoolTest() {
    config.pacific = Pacific();
    config.default_limits = {.requests_per_minute = 2, .requests_per_day = 5};
    wall = At(2026, 6, 10, 12, 0);
    Start();
  }

  absl::Time At(int year, int month, int day, int hour, int minute, int second = 0) const {
    return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second),
                           config.pacific);
  }
  Now now() const { return {wall, mono}; }
  void Advance(absl::Duration d) {
    wall += d;
    mono = mono + d;
  }
  void AdvanceTo(absl::Time t) { Advance(t - wall); }

  // Begins a reign with what was committed: at first, after a crash, with another config.
  void Start() {
    ++epoch;
    Snapshot snapshot;
    snapshot.epoch = Epoch{epoch};
    snapshot.pool = stored_pool;
    for (const auto& [id, record] : stored_keys) snapshot.keys.push_back(record);
    for (const auto& [name, record] : stored) snapshot.buckets.push_back(record);
    for (const auto& [name, record] : stored_resources) snapshot.resources.push_back(record);
    for (const auto& [id, record] : stored_removed) snapshot.removed.push_back(record);
    for (const auto& [name, counts] : stored_usage) snapshot.usage.push_back({name, counts});
    for (const auto& [scope, record] : stored_limits) snapshot.limits.push_back(record);
    for (const auto& [name, record] : stored_clients) snapshot.clients.push_back(record);
    for (const auto& [name, record] : stored_client_use) snapshot.client_use.push_back(record);
    for (const auto& [name, record] : stored_admin_tokens) snapshot.admin_tokens.push_back(record);
    auto restored = Pool::Restore(config, std::move(snapshot), now(), &mutations);
    ASSERT_TRUE(restored.ok()) << restored.status();
    pool = *std::move(restored);
    Commit();
  }

  KeyId Add(std::string_view secret, std::optional<std::string> project = std::nullopt) {
    AddKeyCommand command;
    command.secret = MakeSecret(secret);
    if (project) command.project = ProjectId{*project};
    const absl::StatusOr<KeyId> id = pool->Apply(command, now(), &mutations);
    EXPECT_TRUE(id.ok()) << id.status();
    Commit();
    return id.value_or(KeyId{});
  }

  AcquireReply Acquire(const AcquireCommand& command) {
    AcquireReply reply = pool->Apply(command, now(), random, &mutations);
    Commit();
    return reply;
  }
  static AcquireCommand Metered(std::string model = "m") {
    AcquireCommand command;
    command.model = std::move(model);
    return command;
  }
  static AcquireCommand Unmetered() {
    AcquireCommand command;
    command.kind = Kind::kUnmetered;
    return command;
  }
  Grant Granted(const AcquireCommand& command = Metered()) {
    const AcquireReply reply = Acquire(command);
    const Grant* grant = std::get_if<Grant>(&reply);
    EXPECT_TRUE(grant) << "refused: " << (grant ? "" : std::get<Refusal>(reply).message);
    return grant ? *grant : Grant{};
  }
  Refusal Refused(const AcquireCommand& command = Metered()) {
    const AcquireReply reply = Acquire(command);
    const Refusal* refusal = std::get_if<Refusal>(&reply);
    EXPECT_TRUE(refusal) << "granted";
    return refusal ? *refusal : Refusal{};
  }

  ReportCommand ReportOf(const Grant& grant, AnswerFacts facts) const {
    ReportCommand report;
    report.lease = grant.lease;
    report.epoch = Epoch{epoch};
    report.facts = std::move(facts);
    report.key = grant.key;
    report.model = "m";
    return report;
  }
  ReportReply Apply(const ReportCommand& report) {
    const ReportReply reply = pool->Apply(report, now(), random, &mutations);
    Commit();
    return reply;
  }
  ReportReply Report(const Grant& grant, AnswerFacts facts) {
    return Apply(ReportOf(grant, std::move(facts)));
  }
  ReportReply ReportUnsent(const Grant& grant) {
    ReportCommand report = ReportOf(grant, {});
    report.sent = false;
    return Apply(report);
  }
  static AnswerFacts Status(int http_status) {
    AnswerFacts facts;
    facts.http_status = http_status;
    return facts;
  }
  static AnswerFacts QuotaExceeded(std::vector<std::string> windows,
                                   std::optional<absl::Duration> delay = std::nullopt) {
    AnswerFacts facts = Status(429);
    for (const std::string& window : windows) {
      QuotaViolation violation;
      violation.quota_id = "GenerateRequests" + window + "PerProjectPerModel-FreeTier";
      facts.violations.push_back(violation);
    }
    facts.retry_delay = delay;
    return facts;
  }

  void TickUntilDone() {
    while (pool->Tick(now(), &mutations)) {
    }
    Commit();
  }
  KeyStatus Key(KeyId id) const { return pool->Key(id, "", now()).value(); }
  BucketStatus Bucket(KeyId id, std::string_view model = "m") const {
    const KeyStatus key = pool->Key(id, model, now()).value();
    return key.buckets.empty() ? BucketStatus{} : key.buckets.front();
  }
  PoolSummary Summary() const { return pool->Status({}, now()).summary; }

  void Commit() {
    committed += static_cast<int>(mutations.size());
    for (const Mutation& mutation : mutations) Store(mutation);
    mutations.clear();
  }

  PoolConfig config;
  absl::Time wall;
  MonoTime mono = MonoTime::FromNanoseconds(1'000'000'000'000);
  std::uint64_t epoch = 0;
  std::unique_ptr<Pool> pool;
  Mutations mutations;
  int committed = 0;
  PoolRecord stored_pool;
  std::map<KeyId, KeyRecord> stored_keys;
  std::map<KeyId, RemovedKeyRecord> stored_removed;
  std::map<std::string, ResourceRecord> stored_resources;
  std::map<std::pair<std::string, std::string>, BucketRecord> stored;
  std::map<UsageName, UsageCounts> stored_usage;
  std::map<LimitScopeName, LimitRecord> stored_limits;
  std::map<std::string, ClientRecord> stored_clients;
  std::map<std::string, ClientUseRecord> stored_client_use;
  std::map<std::string, AdminTokenRecord> stored_admin_tokens;
  std::mt19937_64 random{1};

 private:
  void Store(const Mutation& mutation) {
    if (const auto* r = std::get_if<PoolRecord>(&mutation)) stored_pool = *r;
    if (const auto* r = std::get_if<KeyRecord>(&mutation)) stored_keys[r->id] = *r;
    if (const auto* r = std::get_if<DeleteKey>(&mutation)) stored_keys.erase(r->id);
    if (const auto* r = std::get_if<RemovedKeyRecord>(&mutation)) stored_removed[r->id] = *r;
    if (const auto* r = std::get_if<DeleteRemovedKey>(&mutation)) stored_removed.erase(r->id);
    if (const auto* r = std::get_if<BucketRecord>(&mutation)) {
      stored[{r->project.value(), r->model}] = *r;
    }
    if (const auto* r = std::get_if<ResourceRecord>(&mutation)) stored_resources[r->name] = *r;
    if (const auto* r = std::get_if<DeleteResource>(&mutation)) stored_resources.erase(r->name);
    if (const auto* r = std::get_if<UsageRecord>(&mutation)) stored_usage[r->name] = r->counts;
    if (const auto* r = std::get_if<DeleteUsage>(&mutation)) stored_usage.erase(r->name);
    if (const auto* r = std::get_if<LimitRecord>(&mutation)) stored_limits[r->scope] = *r;
    if (const auto* r = std::get_if<DeleteLimit>(&mutation)) stored_limits.erase(r->scope);
    if (const auto* r = std::get_if<ClientRecord>(&mutation)) stored_clients[r->name] = *r;
    if (const auto* r = std::get_if<ClientUseRecord>(&mutation)) stored_client_use[r->name] = *r;
    if (const auto* r = std::get_if<DeleteClient>(&mutation)) {
      stored_clients.erase(r->name);
      stored_client_use.erase(r->name);
    }
    if (const auto* r = std::get_if<AdminTokenRecord>(&mutation)) stored_admin_tokens[r->name] = *r;
    if (const auto* r = std::get_if<DeleteAdminToken>(&mutation)) {
      stored_admin_tokens.erase(r->name);
    }
    if (const auto* r = std::get_if<DeleteBucket>(&mutation)) {
      stored.erase({r->name.project.value(), r->name.model});
    }
  }
};

}  // namespace keypool::policy
