// An engine without a pool: grants everything it is asked for, on a thread of its own, and does
// what a test tells it to.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "keyd/base/mutex.h"
#include "keyd/engine/engine.h"

namespace keypool::fakes {

// Thread-safe. An acquire of model "exhausted" is refused; every other one is granted on key_1.
class FakeEngine final : public engine::Engine {
 public:
  static constexpr char kSecret[] = "AIzaSyFakeFakeFakeFakeFakeFakeFakeFake";
  static constexpr std::uint64_t kEpoch = 7;

  FakeEngine();
  ~FakeEngine() override { Stop(); }

  // While held, commands wait in the mailbox.
  void Hold();
  void Release();
  // So many of the next Posts are turned away because the mailbox is full.
  void TurnAway(int posts);
  void BecomeUnhealthy(absl::Status status);
  // What each Record answers from now on; OK again: they are remembered.
  void FailRecords(absl::Status status);
  void Change() { ++changes_; }
  // Keys 1 to n, each in a project of its own, with this many buckets each.
  void MakeKeys(int n, int buckets = 1);

  // Rows of Usage.
  void MakeUsage(int rows);

  // Commands of each Post that was accepted, in order.
  std::vector<std::size_t> PostSizes() const;
  // Every report that was applied, in order, previous ones included.
  std::vector<ReportCommand> Reports() const;
  // Every acquire that was applied, in order.
  std::vector<AcquireCommand> Acquires() const;
  // Of the client's last token.
  TokenDigest ClientToken(const std::string& name) const;
  TokenDigest AdminToken(const std::string& name) const;
  // What was applied, in order: "acquire MODEL" or "report LEASE".
  std::vector<std::string> Log() const;
  std::size_t Waiting() const;
  // Who has called AddKey or ChangeClient last.
  std::string LastCaller() const;

  void Post(std::vector<engine::LeaseCommand> commands, LeaseDone done) override;
  // It holds nothing back.
  void Withdraw(std::shared_ptr<engine::Waiter>, std::optional<std::uint64_t>) override {}
  void AddKey(AddKeyCommand command, Done<KeyStatus> done) override;
  void RemoveKey(RemoveKeyCommand command, std::function<void(absl::Status)> done) override;
  void DisableKey(DisableKeyCommand command, Done<KeyStatus> done) override;
  void EnableKey(EnableKeyCommand command, Done<KeyStatus> done) override;
  void Reset(ResetCommand command, Done<std::int64_t> done) override;
  void Status(StatusQuery query, Done<PoolStatus> done) override;
  void Key(KeyId id, std::string model, Done<KeyStatus> done) override;
  // By project: "a", "b" … with as many requests as their number, on one day; by anything else: no
  // row.
  void Usage(UsageQuery query, Done<UsagePage> done) override;
  // Every key of the page is ready, and key_1 is next; NOT_FOUND of project "none".
  void Explain(ExplainQuery query, Done<Explanation> done) override;
  // Five events, as far as the query wants them.
  void Events(EventsQuery query, Done<PoolEvents> done) override;
  // Remembers what is said of each scope, as it was said last; an import is a set of each.
  void SetLimits(SetLimitsCommand command, Done<ScopeLimits> done) override;
  void UnsetLimits(UnsetLimitsCommand command, Done<ScopeLimits> done) override;
  void ImportLimits(ImportLimitsCommand command, Done<ImportedLimits> done) override;
  void ListLimits(LimitsQuery query, Done<LimitsPage> done) override;
  // Remembers names and terms; NOT_FOUND for what was not added.
  void ChangeClient(ClientCommand command, Done<ClientStatus> done) override;
  void ListClients(ClientsQuery query, Done<ClientsPage> done) override;
  // Remembers names and the last token of each, which is good until it is revoked.
  void ChangeAdminToken(AdminTokenCommand command, Done<AdminTokenStatus> done) override;
  void ListAdminTokens(Done<std::vector<AdminTokenStatus>> done) override;
  void NameOfAdminToken(std::optional<TokenDigest> digest, Done<std::string> done) override;
  // Remembers what was recorded; numbers count from 1.
  void Record(AuditEntry entry, absl::Status result,
              std::function<void(absl::Status)> done) override;
  void ListAudit(AuditQuery query, Done<AuditPage> done) override;
  // As many records as were recorded, and broken at the second one.
  void VerifyAudit(Done<AuditVerdict> done) override;
  absl::Status Health() const override;
  void OnUnhealthy(std::function<void(absl::Status)> on_change) override;
  std::uint64_t ChangeCount() const override { return changes_; }
  void Stop() override;

 private:
  void Run();
  void Enqueue(std::function<void()> job);
  engine::LeaseReply Apply(const engine::LeaseCommand& command);
  void Apply(const ReportCommand& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  KeyStatus* Find(KeyId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<std::uint64_t> changes_ = 1;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int turn_away_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t last_lease_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_key_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<KeyStatus> keys_ ABSL_GUARDED_BY(mutex_);
  int usage_rows_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::size_t> post_sizes_ ABSL_GUARDED_BY(mutex_);
  std::vector<ReportCommand> reports_ ABSL_GUARDED_BY(mutex_);
  std::vector<AcquireCommand> acquires_ ABSL_GUARDED_BY(mutex_);
  std::map<LimitScopeName, ScopeLimits> limits_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, ClientStatus> clients_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, TokenDigest> client_tokens_ ABSL_GUARDED_BY(mutex_);  // the last one
  std::map<std::string, TokenDigest> admin_tokens_ ABSL_GUARDED_BY(mutex_);   // the same
  std::vector<AuditRow> audit_ ABSL_GUARDED_BY(mutex_);
  absl::Status record_error_ ABSL_GUARDED_BY(mutex_);
  std::string last_caller_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace keypool::fakes
