// Taking up where the store left off. Never counts less than what was granted.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

absl::Status CheckConfig(const PoolConfig& config) {
  const Limits& limits = config.default_limits;
  if (std::min({limits.requests_per_minute, limits.requests_per_day, limits.input_tokens_per_minute,
                limits.input_tokens_per_day}) < 1) {
    return absl::InvalidArgumentError(
        "the default limits must be at least 1 a minute and 1 a day, of requests and of tokens");
  }
  return absl::OkStatus();
}

absl::Status Contradiction(std::string_view record, std::string_view why) {
  return absl::DataLossError(
      absl::StrCat("the stored record of ", ToAbsl(record), " ", ToAbsl(why)));
}

bool IsOwnProject(const ProjectId& id) { return id.value().starts_with('~'); }

absl::Status CheckKey(const KeyRecord& record, KeyId next_key, const Roster& roster) {
  const std::string name = ToString(record.id);
  if (record.id == KeyId{} || record.id >= next_key) {
    return Contradiction(name, absl::StrCat("has an id that was never handed out: the next one is ",
                                            ToString(next_key)));
  }
  if (!record.secret) return Contradiction(name, "has no secret");
  if (roster.Find(record.id)) return Contradiction(name, "is there twice");
  if (const KeyEntry* other = roster.Find(*record.secret)) {
    return Contradiction(name, absl::StrCat("has the secret of ", ToString(other->record.id)));
  }
  const bool own = record.project == OwnProject(record.id);
  if (!own && !IsDeclarableProject(record.project.value())) {
    return Contradiction(name, "names a project that cannot be");
  }
  return absl::OkStatus();
}

absl::Status CheckBucket(const BucketRecord& record) {
  const auto name = absl::StrCat("the bucket ", record.project.value(), "/", record.model);
  const bool own = IsOwnProject(record.project);
  if (!own && !IsDeclarableProject(record.project.value())) {
    return Contradiction(name, "names a project that cannot be");
  }
  bool negative =
      std::min({record.day_used, record.ahead, record.day_tokens, record.ahead_tokens}) < 0;
  for (const auto* minute : {&record.minute, &record.minute_tokens}) {
    for (const Charge& charge : *minute) negative = negative || charge.count < 0;
  }
  if (negative) return Contradiction(name, "has a negative count");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pool>> Pool::Restore(const PoolConfig& config, Snapshot snapshot,
                                                    const Now& now, Mutations* mutations) {
  KP_RETURN_IF_ERROR(CheckConfig(config));
  auto state = std::make_unique<State>(config, snapshot.epoch, now);
  const std::int64_t today = state->day.number();
  for (const BucketRecord& record : snapshot.buckets) {
    if (record.day == today + 1) {
      state->day.Remember(record.day);
      break;
    }
  }
  for (const ClientUseRecord& record : snapshot.client_use) {
    if (record.day == today + 1) state->day.Remember(record.day);
  }
  const Moment m = state->Observe(now);
  state->next_key = snapshot.pool.next_key;
  KP_RETURN_IF_ERROR(state->limits.Restore(std::move(snapshot.limits)));
  KP_RETURN_IF_ERROR(state->RestoreKeys(std::move(snapshot.keys), m));
  for (RemovedKeyRecord& record : snapshot.removed) {
    state->removed.Restore(std::move(record), mutations);
  }
  KP_RETURN_IF_ERROR(state->RestoreBuckets(snapshot.buckets, m, mutations));
  for (ResourceRecord& record : snapshot.resources) {
    state->resources.Restore(std::move(record), m.wall, mutations);
  }
  for (ClientRecord& record : snapshot.clients) {
    KP_RETURN_IF_ERROR(state->clients.Restore(std::move(record), m.today));
  }
  for (const ClientUseRecord& record : snapshot.client_use) {
    state->clients.Restore(record, state->day.StartOf(record.day + 1), m);
  }
  for (AdminTokenRecord& record : snapshot.admin_tokens) {
    KP_RETURN_IF_ERROR(state->admin_tokens.Restore(std::move(record)));
  }
  for (const UsageRecord& record : snapshot.usage) {
    KP_RETURN_IF_ERROR(state->usage.Restore(record));
  }
  return std::unique_ptr<Pool>(new Pool(std::move(state)));
}

absl::Status Pool::State::RestoreKeys(std::vector<KeyRecord> records, const Moment& m) {
  // In the order of ids, which is the order in which they were added.
  std::sort(records.begin(), records.end(),
            [](const KeyRecord& a, const KeyRecord& b) { return a.id < b.id; });
  for (KeyRecord& record : records) {
    KP_RETURN_IF_ERROR(CheckKey(record, next_key, roster));
    KeyEntry* key = roster.Add(std::move(record));
    if (key->record.active || key->record.retry_at == absl::InfiniteFuture()) continue;
    key->rests = 1;
    ++keys_on_trial;
    key->rests_until =
        m.mono + std::clamp(key->record.retry_at - m.wall, absl::ZeroDuration(), kRestMax);
    resting.Add(*key);
  }
  return absl::OkStatus();
}

// No record is written again: a second restart would read the same ones, which still say no less
// than what was granted, and the first grant of each bucket writes its own. What holds nothing any
// more leaves the store.
absl::Status Pool::State::RestoreBuckets(const std::vector<BucketRecord>& records, const Moment& m,
                                         Mutations* mutations) {
  for (const BucketRecord& record : records) {
    KP_RETURN_IF_ERROR(CheckBucket(record));
    Project* project = roster.Find(record.project);
    if (!project && IsOwnProject(record.project)) {
      mutations->push_back(DeleteBucket{{record.project, record.model}});
      continue;
    }
    if (!project) project = roster.GetOrMake(record.project);
    Model* model = record.model.empty() ? models.unmetered() : models.Find(record.model);
    if (!model) model = models.MakeRestored(record.model, m);
    model->Follow(m);
    if (project->Find(model->serial)) {
      return Contradiction(absl::StrCat("the bucket ", record.project.value(), "/", record.model),
                           "is there twice");
    }
    Bucket* bucket = MakeBucket(*model, project, m);
    bucket->Restore(record, day.StartOf(record.day + 1), m);
    if (bucket->HoldsNothing(m)) {
      bucket->Erase(mutations);
      model->Remove(bucket);
      continue;
    }
    model->used_today += bucket->UsedToday(m);
    model->used_tomorrow += bucket->UsedTomorrow();
    if (bucket->SpentToday(m)) model->spent_day = m.today;
    model->Busy(m.mono + span);
    model->Busy(bucket->cool_until());
    if (bucket->HasLearned() || bucket->alias()) model->Busy(m.mono + kLearnedFor);
    if (bucket->alias() && (!model->alias || model->alias->at < bucket->alias()->at)) {
      model->alias = bucket->alias();
    }
    PutCounted(bucket, m);
  }
  const std::vector<Model*> all = models.all();
  for (Model* model : all) {
    if (model->buckets.empty() && model->metered) models.Evict(model, mutations);
    // Here rather than in the first Acquire, which would pay for passing all of them.
    for (const auto& order = roster.order();
         model->fresh_at < order.size() && order[model->fresh_at]->Find(model->serial);) {
      ++model->fresh_at;
    }
  }
  const std::vector<Project*> keyless = roster.keyless();
  for (Project* project : keyless) DropIfForgettable(project, m, mutations);
  return absl::OkStatus();
}

}  // namespace keypool::policy
