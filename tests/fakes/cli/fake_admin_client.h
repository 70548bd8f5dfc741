// An AdminClient over a pool in memory, for the tests of poolctl. Callbacks run on another thread,
// as those of the real one.
#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "keyd/client/admin_client.h"

namespace keypool::cli {

class FakeAdminClient final : public client::AdminClient {
 public:
  PoolStatus pool;                 // what Status answers, page by page
  absl::Status error;              // when not OK, the answer to everything
  std::size_t page_max = 1000;     // keys in one page, whatever is asked
  std::vector<std::string> calls;  // what was asked, in words
  std::vector<UsageRow> usage;     // what Usage answers, page by page, whatever is asked
  // What Watch delivers, one list for each call; then it ends with `watch_end`.
  std::vector<std::vector<PoolStatus>> watches;
  absl::Status watch_end = absl::OkStatus();
  std::vector<LimitRow> limits;                // what ListLimits answers, page by page
  std::vector<ClientStatus> clients;           // what ListClients answers, page by page
  std::vector<AdminTokenStatus> admin_tokens;  // what ListAdminTokens answers
  RotatedMasterKey rotated;                    // what RotateMasterKey answers
  LimitSet unset_leaves;                       // what UnsetLimits answers
  std::vector<AuditRow> audit;                 // what ListAudit answers, the last of them
  AuditVerdict verdict;                        // what VerifyAudit answers
  Explanation explanation;                     // what Explain answers, page by page
  std::vector<PoolEvents> events;  // what Events answers, one after the other; then `error`

  ~FakeAdminClient() override {
    for (std::thread& thread : threads_) thread.join();
  }

  void Status(StatusQuery query, Done<PoolStatus> done) override {
    calls.push_back("status after " + ToString(query.after) + " of " + query.model);
    PoolStatus page;
    page.summary = pool.summary;
    for (const KeyStatus& key : pool.keys) {
      if (key.id <= query.after) continue;
      page.more = page.keys.size() == std::min(page_max, query.keys_max);
      if (page.more) break;
      page.keys.push_back(key);
    }
    Answer<PoolStatus>(std::move(page), std::move(done));
  }
  void Key(KeyId id, std::string model, Done<KeyStatus> done) override {
    calls.push_back("key " + ToString(id) + " of " + model);
    AnswerKey(id, std::move(done));
  }
  void AddKey(AddKeyCommand command, Done<KeyStatus> done) override {
    calls.push_back("add " + command.secret->Masked() + " to " +
                    (command.project ? command.project->value() : std::string("its own")));
    KeyStatus key;
    key.id = KeyId{7};
    key.project = command.project ? *command.project : OwnProject(key.id);
    key.masked_secret = command.secret->Masked();
    Answer<KeyStatus>(std::move(key), std::move(done));
  }
  void RemoveKey(KeyId id, std::function<void(absl::Status)> done) override {
    calls.push_back("remove " + ToString(id));
    threads_.emplace_back([done = std::move(done), status = error] { done(status); });
  }
  void DisableKey(DisableKeyCommand command, Done<KeyStatus> done) override {
    calls.push_back("disable " + ToString(command.key) + " because " + command.reason);
    KeyStatus key;
    key.id = command.key;
    key.active = false;
    key.disabled_reason = command.reason.empty() ? "disabled by the operator" : command.reason;
    Answer<KeyStatus>(std::move(key), std::move(done));
  }
  void EnableKey(KeyId id, Done<KeyStatus> done) override {
    calls.push_back("enable " + ToString(id));
    KeyStatus key;
    key.id = id;
    Answer<KeyStatus>(std::move(key), std::move(done));
  }
  void Reset(ResetCommand command, Done<std::int64_t> done) override {
    calls.push_back("reset " + (command.key ? ToString(*command.key) : std::string("all")));
    Answer<std::int64_t>(5, std::move(done));
  }
  void Usage(UsageQuery query, Done<UsagePage> done) override {
    calls.push_back("usage by " + std::string(NameOf(query.by)) + " of " +
                    std::to_string(query.days) + (query.hourly ? " days, hourly" : " days") +
                    (query.after ? " after " + query.after->name : ""));
    UsagePage page;
    for (const UsageRow& row : usage) {
      if (query.after && row.place <= *query.after) continue;
      page.more = page.rows.size() == std::min(page_max, query.rows_max);
      if (page.more) break;
      page.rows.push_back(row);
    }
    Answer<UsagePage>(std::move(page), std::move(done));
  }
  void Explain(ExplainQuery query, Done<Explanation> done) override {
    calls.push_back("explain " + query.model + " after " + ToString(query.after) +
                    (query.project ? " of " + query.project->value() : std::string()));
    Explanation page = explanation;
    page.keys.clear();
    for (const KeyExplanation& key : explanation.keys) {
      if (key.key <= query.after) continue;
      page.more = page.keys.size() == std::min(page_max, query.keys_max);
      if (page.more) break;
      page.keys.push_back(key);
    }
    Answer<Explanation>(std::move(page), std::move(done));
  }
  void Events(EventsQuery query, Done<PoolEvents> done) override {
    calls.push_back("events after " + std::to_string(query.after) + " limit " +
                    std::to_string(query.limit));
    PoolEvents next;
    if (events_told_ < events.size()) {
      next = events[events_told_++];
    } else if (error.ok()) {
      error = absl::PermissionDeniedError("no more");
    }
    Answer<PoolEvents>(std::move(next), std::move(done));
  }
  void SetLimits(SetLimitsCommand command, Done<ScopeLimits> done) override {
    calls.push_back("set " + ToText(command.said.scope) + ": " + ToText(command.said.limits) +
                    (command.said.tier.empty() ? "" : " of tier " + command.said.tier));
    Answer<ScopeLimits>(std::move(command.said), std::move(done));
  }
  void UnsetLimits(UnsetLimitsCommand command, Done<ScopeLimits> done) override {
    calls.push_back("unset " + ToText(command.scope) + (command.requests_per_minute ? " rpm" : "") +
                    (command.requests_per_day ? " rpd" : "") +
                    (command.input_tokens_per_minute ? " tpm" : "") +
                    (command.input_tokens_per_day ? " tpd" : "") + (command.tier ? " tier" : ""));
    Answer<ScopeLimits>({std::move(command.scope), unset_leaves, {}}, std::move(done));
  }
  void ImportLimits(ImportLimitsText text, Done<ImportedLimits> done) override {
    calls.push_back((text.dry_run ? "try " : "import ") + text.name + ": " + text.text);
    Answer<ImportedLimits>({12, 3}, std::move(done));
  }
  void RotateMasterKey(Done<RotatedMasterKey> done) override {
    calls.push_back("rotate master key");
    Answer<RotatedMasterKey>(rotated, std::move(done));
  }
  void ListLimits(LimitsQuery query, Done<LimitsPage> done) override {
    calls.push_back("limits" + (query.after ? " after " + ToText(query.after->scope) : ""));
    LimitsPage page;
    for (const LimitRow& row : limits) {
      const LimitRow::Place place{row.said.scope, row.origin};
      if (query.after && place <= *query.after) continue;
      page.more = page.rows.size() == std::min(page_max, query.rows_max);
      if (page.more) break;
      page.rows.push_back(row);
    }
    Answer<LimitsPage>(std::move(page), std::move(done));
  }
  static std::string WordsOf(const ClientChange& terms) {
    std::string words;
    for (const ClientNumber& n : kClientNumbers) {
      if (terms.*n.change) {
        words += " " + std::string(n.flag) + " " + std::to_string(*(terms.*n.change));
      }
    }
    for (const std::string& model : terms.models.value_or(std::vector<std::string>{})) {
      words += " model " + model;
    }
    if (terms.expires_in) words += " for " + absl::FormatDuration(*terms.expires_in);
    if (terms.weight) words += " weight " + std::to_string(*terms.weight);
    return words;
  }
  static constexpr char kToken[] = "gkp_ATokenThatIsShownOnce";
  static ClientStatus Named(const std::string& name) {
    ClientStatus client;
    client.name = name;
    return client;
  }
  static IssuedClient Issued(const std::string& name) {
    return {Named(name), std::make_shared<const Secret>(kToken)};
  }
  void AddClient(AddClientCommand command, Done<IssuedClient> done) override {
    calls.push_back("add client " + command.name + WordsOf(command.terms));
    Answer<IssuedClient>(Issued(command.name), std::move(done));
  }
  void SetClient(SetClientCommand command, Done<ClientStatus> done) override {
    calls.push_back("set client " + command.name + WordsOf(command.terms));
    Answer<ClientStatus>(Named(command.name), std::move(done));
  }
  void RotateClient(RotateClientCommand command, Done<IssuedClient> done) override {
    calls.push_back("rotate client " + command.name + " over " +
                    absl::FormatDuration(command.overlap));
    IssuedClient issued = Issued(command.name);
    issued.client.tokens.resize(command.overlap > absl::ZeroDuration() ? 2 : 1);
    Answer<IssuedClient>(std::move(issued), std::move(done));
  }
  void RevokeClient(RevokeClientCommand command, Done<ClientStatus> done) override {
    calls.push_back("revoke client " + command.name);
    Answer<ClientStatus>(Named(command.name), std::move(done));
  }
  void RemoveClient(RemoveClientCommand command, Done<ClientStatus> done) override {
    calls.push_back("remove client " + command.name);
    Answer<ClientStatus>(Named(command.name), std::move(done));
  }
  void ListClients(ClientsQuery query, Done<ClientsPage> done) override {
    calls.push_back("clients" + (query.name.empty() ? "" : " named " + query.name) +
                    (query.after.empty() ? "" : " after " + query.after));
    ClientsPage page;
    for (const ClientStatus& client : clients) {
      if (client.name <= query.after || (!query.name.empty() && client.name != query.name))
        continue;
      page.more = page.rows.size() == std::min(page_max, query.rows_max);
      if (page.more) break;
      page.rows.push_back(client);
    }
    Answer<ClientsPage>(std::move(page), std::move(done));
  }
  static constexpr char kAdminToken[] = "gka_ATokenThatIsShownOnce";
  static IssuedAdminToken IssuedAdmin(const std::string& name) {
    AdminTokenStatus status;
    status.name = name;
    return {status, std::make_shared<const Secret>(kAdminToken)};
  }
  // Only the proxy asks for somebody else.
  std::unique_ptr<AdminClient> ForHttp(SecretPtr) override { return nullptr; }
  void AddAdminToken(AddAdminTokenCommand command, Done<IssuedAdminToken> done) override {
    calls.push_back("add admin token " + command.name + " for " +
                    absl::FormatDuration(command.expires_in));
    Answer<IssuedAdminToken>(IssuedAdmin(command.name), std::move(done));
  }
  void RotateAdminToken(RotateAdminTokenCommand command, Done<IssuedAdminToken> done) override {
    calls.push_back(
        "rotate admin token " + command.name + " over " + absl::FormatDuration(command.overlap) +
        (command.expires_in ? " for " + absl::FormatDuration(*command.expires_in) : ""));
    IssuedAdminToken issued = IssuedAdmin(command.name);
    issued.status.tokens.resize(command.overlap > absl::ZeroDuration() ? 2 : 1);
    Answer<IssuedAdminToken>(std::move(issued), std::move(done));
  }
  void RevokeAdminToken(RevokeAdminTokenCommand command, Done<AdminTokenStatus> done) override {
    calls.push_back("revoke admin token " + command.name);
    Answer<AdminTokenStatus>(IssuedAdmin(command.name).status, std::move(done));
  }
  void ListAdminTokens(Done<std::vector<AdminTokenStatus>> done) override {
    calls.push_back("admin tokens");
    Answer<std::vector<AdminTokenStatus>>(admin_tokens, std::move(done));
  }
  void ListAudit(AuditQuery query, Done<AuditPage> done) override {
    calls.push_back("audit before " + std::to_string(query.before) + " at most " +
                    std::to_string(query.rows_max));
    Answer<AuditPage>({audit, false}, std::move(done));
  }
  void VerifyAudit(Done<AuditVerdict> done) override {
    calls.push_back("verify audit");
    Answer<AuditVerdict>(verdict, std::move(done));
  }
  absl::Status Watch(StatusQuery query, absl::Duration,
                     std::function<bool(PoolStatus)> on_status) override {
    calls.push_back("watch after " + ToString(query.after));
    if (!error.ok()) return error;
    if (watched_ == watches.size()) return watch_end;
    for (const PoolStatus& status : watches[watched_++]) {
      if (!on_status(status)) return absl::OkStatus();
    }
    return watched_ == watches.size() ? watch_end : absl::UnavailableError("keyd went away");
  }

 private:
  template <class T>
  void Answer(T answer, Done<T> done) {
    absl::StatusOr<T> result = error.ok() ? absl::StatusOr<T>(std::move(answer)) : error;
    threads_.emplace_back([done = std::move(done), result = std::move(result)]() mutable {
      done(std::move(result));
    });
  }
  void AnswerKey(KeyId id, Done<KeyStatus> done) {
    for (const KeyStatus& key : pool.keys) {
      if (key.id == id) return Answer<KeyStatus>(key, std::move(done));
    }
    threads_.emplace_back(
        [done = std::move(done), id] { done(absl::NotFoundError("there is no " + ToString(id))); });
  }

  std::size_t watched_ = 0;
  std::size_t events_told_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace keypool::cli
