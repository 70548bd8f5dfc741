#include <random>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/policy/pool.h"
#include "tests/sim/rivals/strategy.h"

namespace keypool::sim {
namespace {

constexpr char kModel[] = "gemini-2.5-flash";

class Ours final : public Strategy {
 public:
  Ours(const Holdings& holdings, const Now& now, bool knows_limits) : knows_limits_(knows_limits) {
    policy::PoolConfig config;
    config.pacific = holdings.pacific;
    config.default_limits = {.requests_per_minute = 1'000, .requests_per_day = 1'000'000};
    for (std::size_t p = 0; knows_limits && p < holdings.limits.size(); ++p) {
      LimitSet& set = config.limits.projects[absl::StrCat("project-", p)].own.all_models;
      set = {holdings.limits[p].requests_per_minute, holdings.limits[p].requests_per_day};
    }
    policy::Snapshot snapshot;
    snapshot.epoch = kEpoch;
    auto pool = policy::Pool::Restore(config, std::move(snapshot), now, &mutations_);
    KP_ASSERT(pool.ok());
    pool_ = *std::move(pool);
    for (std::size_t key = 0; key < holdings.keys(); ++key) {
      AddKeyCommand command;
      command.secret = std::make_shared<const Secret>(absl::StrCat("a-key-of-the-market-", key));
      command.project = ProjectId{absl::StrCat("project-", holdings.ProjectOf(key))};
      KP_ASSERT(pool_->Apply(command, now, &mutations_).ok());
    }
  }

  std::string name() const override {
    return knows_limits_ ? "this pool, limits configured" : "this pool, limits unknown";
  }

  Pick Choose(const std::vector<std::size_t>& tried, const Now& now) override {
    pool_->Tick(now, &mutations_);
    AcquireCommand command;
    command.model = kModel;
    for (const std::size_t key : tried) command.exclude_keys.push_back(KeyId{key + 1});
    AcquireReply reply = pool_->Apply(command, now, random_, &mutations_);
    mutations_.clear();
    if (const Grant* grant = std::get_if<Grant>(&reply)) {
      return {grant->key.value() - 1, grant->lease.value(), {}};
    }
    return {std::nullopt, 0, std::get<Refusal>(reply).retry_after.value_or(absl::ZeroDuration())};
  }

  void Report(const Pick& pick, const std::optional<Verdict429>& refused, const Now& now) override {
    ReportCommand report;
    report.lease = LeaseId{pick.ticket};
    report.epoch = kEpoch;
    report.key = KeyId{*pick.key + 1};
    report.model = kModel;
    report.facts.http_status = refused ? 429 : 200;
    if (refused) {
      const char* window = refused->per_day ? "PerDay" : "PerMinute";
      report.facts.violations = {
          {absl::StrCat("GenerateRequests", window, "PerProjectPerModel-FreeTier"), "", kModel,
           refused->limit}};
      report.facts.retry_delay = refused->retry_delay;
    }
    pool_->Apply(report, now, random_, &mutations_);
    mutations_.clear();
  }

 private:
  static constexpr Epoch kEpoch{1};
  const bool knows_limits_;
  policy::Mutations mutations_;
  std::unique_ptr<policy::Pool> pool_;
  std::mt19937_64 random_{1};
};

}  // namespace

std::unique_ptr<Strategy> OurPool(const Holdings& holdings, const Now& now, bool knows_limits) {
  return std::make_unique<Ours>(holdings, now, knows_limits);
}

}  // namespace keypool::sim
