// How the pool looks, without touching it. O(page).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

constexpr std::string_view kUnmeteredName = "(unmetered)";

BucketStatus DescribeBucket(const Bucket& bucket, const Moment& m) {
  const bool metered = bucket.model()->metered;
  BucketStatus status;
  status.model = metered ? std::string_view(bucket.model()->name) : kUnmeteredName;
  if (metered) {
    status.per_minute = bucket.MinuteStatus(m);
    status.per_day = bucket.DayStatus(m);
    status.tokens_per_minute = bucket.TokensMinuteStatus(m);
    status.tokens_per_day = bucket.TokensDayStatus(m);
  }
  const Standing standing = bucket.Look(m);
  if (standing.kind == Standing::Kind::kReady) return status;
  status.ready_at = m.ToWall(standing.at);
  status.state = BucketState::kExhausted;
  status.reason = bucket.WhyNot(standing, m);
  if (standing.kind == Standing::Kind::kSpent) {
    status.ready_at = std::max(*status.ready_at, m.day_ends);
  }
  if (bucket.CoolingUntil(m)) {
    status.state = BucketState::kCooling;
    status.reason = bucket.cool_reason();
  }
  return status;
}

bool IsShown(const Bucket& bucket, std::string_view model, const Moment& m) {
  if (bucket.model()->evicted) return false;
  if (bucket.model()->metered) return model.empty() || bucket.model()->name == model;
  return model.empty() && bucket.CoolingUntil(m).has_value();
}

}  // namespace

KeyStatus Pool::State::Describe(const KeyEntry& key, std::string_view model,
                                const Moment& m) const {
  const KeyRecord& record = key.record;
  KeyStatus status;
  status.id = record.id;
  status.project = record.project;
  status.masked_secret = record.secret->Masked();
  status.active = record.active;
  status.disabled_reason = record.disabled_reason;
  status.disabled_at = record.disabled_at;
  if (record.retry_at != absl::InfiniteFuture()) status.retry_at = record.retry_at;
  status.added_at = record.added_at;
  status.last_used_at = key.last_used_at;
  for (const Bucket* bucket : key.project->buckets) {
    if (IsShown(*bucket, model, m)) status.buckets.push_back(DescribeBucket(*bucket, m));
  }
  std::sort(status.buckets.begin(), status.buckets.end(),
            [](const BucketStatus& a, const BucketStatus& b) { return a.model < b.model; });
  return status;
}

PoolStatus Pool::Status(const StatusQuery& query, const Now& now) const {
  const State& state = *state_;
  const Moment m = state.Peek(now);
  PoolStatus status;
  status.summary.now = now.wall;
  status.summary.epoch = state.epoch;
  status.summary.keys_total = static_cast<std::int64_t>(state.roster.keys().size());
  status.summary.keys_active = static_cast<std::int64_t>(state.roster.active_keys());
  status.summary.keys_usable = status.summary.keys_active;
  status.summary.projects_total = static_cast<std::int64_t>(state.roster.projects_with_keys());
  status.summary.leases_open = static_cast<std::int64_t>(state.leases.open());
  status.summary.day_resets_at = m.day_ends;
  const Roster::Keys& keys = state.roster.keys();
  for (auto at = keys.upper_bound(query.after); at != keys.end(); ++at) {
    if (status.keys.size() == query.keys_max) {
      status.more = true;
      break;
    }
    status.keys.push_back(state.Describe(*at->second, query.model, m));
  }
  return status;
}

absl::StatusOr<KeyStatus> Pool::Key(KeyId id, std::string_view model, const Now& now) const {
  const KeyEntry* key = state_->roster.Find(id);
  if (!key) return absl::NotFoundError(absl::StrCat(ToString(id), " is not in the pool"));
  return state_->Describe(*key, model, state_->Peek(now));
}

}  // namespace keypool::policy
