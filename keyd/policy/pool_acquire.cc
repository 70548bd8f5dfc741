// Choosing a key and granting a lease on it.
#include <algorithm>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {
// Due changes that one Acquire catches up with. It makes at most two itself, so a backlog shrinks.
constexpr int kStepsPerAcquire = 16;
// Projects in Roster::order() that one Acquire passes by while another one is ready.
constexpr int kPassedPerAcquire = 256;
}  // namespace

Exclusions::Exclusions(const AcquireCommand& command, const Roster& roster)
    : keys_(command.exclude_keys) {
  for (const ProjectId& id : command.exclude_projects) {
    if (const Project* project = roster.Find(id)) projects_.push_back(project);
  }
}

KeyEntry* Exclusions::KeyOf(const Project& project) const {
  if (std::find(projects_.begin(), projects_.end(), &project) != projects_.end()) return nullptr;
  return project.active.FirstExcept(keys_);
}

AcquireReply Pool::State::Acquire(const AcquireCommand& command, const Moment& m,
                                  Mutations* mutations) {
  if (command.kind == Kind::kValidation) return AcquireValidation(m, mutations);
  if (roster.active_keys() == 0) return RefuseWithoutKeys(m);
  if (!MakeLeaseRoom(m, mutations)) return RefuseForLeases(m);
  Model* model = ModelOf(command, m, mutations);
  if (!model) return RefuseForModels();
  if (std::optional<Refusal> refusal = HeldBack(*model, m)) return *std::move(refusal);
  model->Follow(m);
  const Exclusions exclusions(command, roster);
  Bucket* bucket = Choose(*model, exclusions, m);
  if (!bucket) return RefuseForQuota(*model, m);
  return GrantFrom(bucket, exclusions.KeyOf(*bucket->project()), m, mutations);
}

std::optional<Refusal> Pool::State::HeldBack(const Model& model, const Moment& m) const {
  if (source.until() > m.mono) return RefuseForSource(m);
  if (model.overload.until() > m.mono) return RefuseForOverload(model, m);
  return std::nullopt;
}

Model* Pool::State::ModelOf(const AcquireCommand& command, const Moment& m, Mutations* mutations) {
  if (command.kind == Kind::kUnmetered) return models.unmetered();
  if (Model* model = models.Find(command.model)) return model;
  return models.Make(command.model, m, mutations);
}

Bucket* Pool::State::Choose(Model& model, const Exclusions& exclusions, const Moment& m) {
  WakeWaiting(model, m, kStepsPerAcquire);
  Improve(model, m, kStepsPerAcquire);
  while (true) {
    Project* fresh = NextFresh(model, exclusions, m);
    const auto& ready = model.selector.ready();
    const auto best = std::find_if(ready.begin(), ready.end(), [&](const auto& entry) {
      return exclusions.KeyOf(*entry.bucket->project()) != nullptr;
    });
    if (fresh) {
      const auto configured = LimitsOf(fresh, model);
      const Limits limits = configured ? configured->limits : Bucket::kNoLimits;
      const Rank rank =
          Rank::Of(limits.requests_per_day, limits.requests_per_minute, 0, fresh->serial);
      if (best == ready.end() || rank < best->rank) {
        ++model.fresh_at;
        Bucket* made = MakeBucket(model, fresh, m);
        if (made->Look(m).kind == Standing::Kind::kReady) return made;
        continue;  // its limit is 0
      }
    }
    if (best == ready.end()) {
      // Nothing is ready: now every bucket that is due counts, however many they are.
      if (WakeWaiting(model, m, kStepsPerAcquire) < kStepsPerAcquire) continue;
      return nullptr;
    }
    // It is held as it stood when it was put there; what happened since only improved it. Asked
    // again all the same: a promise of quota is worth one look.
    Bucket* bucket = best->bucket;
    bucket->Turn(m);
    if (bucket->Look(m).kind == Standing::Kind::kReady) return bucket;
    Put(bucket, m);
  }
}

int Pool::State::WakeWaiting(Model& model, const Moment& m, int steps) {
  for (; steps > 0; --steps) {
    Bucket* bucket = model.selector.DueWaiting(m.mono);
    if (!bucket) break;
    Put(bucket, m);
  }
  return steps;
}

int Pool::State::Improve(Model& model, const Moment& m, int steps) {
  for (; steps > 0; --steps) {
    Bucket* bucket = model.selector.DueReady(m.mono);
    if (!bucket) break;
    Put(bucket, m);
  }
  return steps;
}

// The first project in order that the model has no bucket for. One that is excluded gets a bucket
// on the way, because the cursor does not come back to it.
Project* Pool::State::NextFresh(Model& model, const Exclusions& exclusions, const Moment& m) {
  const std::vector<Project*>& order = roster.order();
  for (int passed = 0; model.fresh_at < order.size(); ++model.fresh_at) {
    if (++passed > kPassedPerAcquire && !model.selector.ready().empty()) return nullptr;
    Project* project = order[model.fresh_at];
    if (!project || project->Find(model.serial)) continue;
    if (exclusions.KeyOf(*project)) return project;
    MakeBucket(model, project, m);
  }
  return nullptr;
}

Grant Pool::State::GrantFrom(Bucket* bucket, KeyEntry* key, const Moment& m, Mutations* mutations) {
  Model& model = *bucket->model();
  source.LetThrough(kSourceBreaker, m.mono);
  model.overload.LetThrough(kOverloadBreaker, m.mono);
  Lease lease;
  lease.key = key->record.id;
  lease.bucket = bucket;
  if (model.metered) {
    lease.charge = bucket->Take(m, mutations);
    ++model.used_today;
    if (lease.charge->carried) ++model.used_tomorrow;
    model.Busy(m.mono + span);
  }
  bucket->last_used = model.last_used = ++grants;
  ++bucket->leases;
  ++model.leases;
  Put(bucket, m);
  bucket->project()->active.Used(key, m.wall);
  return {.lease = leases.Grant(lease, m.mono),
          .key = key->record.id,
          .secret = key->record.secret,
          .project = bucket->project()->id};
}

bool Pool::State::MakeLeaseRoom(const Moment& m, Mutations* mutations) {
  std::optional<Lease> forgotten;
  const bool room = leases.MakeRoom(&forgotten);
  if (forgotten) LeaseIsGone(*forgotten, m, mutations);
  return room;
}

}  // namespace keypool::policy
