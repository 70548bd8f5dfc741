// Choosing a key and granting a lease on it.
#include <algorithm>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {
// Due changes that one Acquire catches up with. It makes at most two itself, so a backlog shrinks.
constexpr int kStepsPerAcquire = 16;
// Projects in Roster::order() that one Acquire passes by while another one is ready.
constexpr int kPassedPerAcquire = 256;
constexpr std::int64_t kTokensUnmetered = 1;
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
  if (OnlyClients(command)) {
    if (std::optional<Refusal> refusal = RefuseCaller(command, m)) return *std::move(refusal);
  }
  // Where there are no clients, everything is everybody's.
  if (command.kind == Kind::kOwnership) {
    Refusal nothing_foreign;
    nothing_foreign.reason = RefusalReason::kNotOwner;
    return nothing_foreign;
  }
  const bool anywhere =
      command.resources.empty() && command.project.value().empty() && !command.after_project;
  return anywhere ? AcquireAnywhere(command, m, mutations) : AcquirePinned(command, m, mutations);
}

AcquireReply Pool::State::AcquireAnywhere(const AcquireCommand& command, const Moment& m,
                                          Mutations* mutations) {
  if (roster.active_keys() == 0) return RefuseWithoutKeys(m);
  if (!MakeLeaseRoom(m, mutations)) return RefuseForLeases(m);
  Model* model = ModelOf(command, m, mutations);
  if (!model) return RefuseForModels();
  if (std::optional<Refusal> refusal = HeldBack(*model, m)) return *std::move(refusal);
  model->Follow(m);
  const Exclusions exclusions(command, roster);
  const std::int64_t tokens = TokensOf(*model, command);
  if (IsTooLarge(*model, tokens)) return RefuseAsTooLarge(*model, tokens);
  Bucket* bucket = Choose(*model, exclusions, tokens, m);
  if (!bucket) return RefuseForQuota(*model, tokens, m);
  return GrantFrom(bucket, exclusions.KeyOf(*bucket->project()), command, m, mutations);
}

std::int64_t Pool::State::TokensOf(const Model& model, const AcquireCommand& command) {
  return model.metered ? model.calibration.Of(command.input_tokens) : kTokensUnmetered;
}

bool Pool::State::IsTooLarge(Model& model, std::int64_t tokens) const {
  if (!model.metered || tokens <= model.selector.Largest().tokens) return false;
  if (model.fresh_at >= roster.order().size()) return true;
  // Projects without a bucket have what is configured, most of them the defaults.
  const Limits usual = LimitsOf(nullptr, model)->limits;
  if (tokens <= std::min(usual.input_tokens_per_minute, usual.input_tokens_per_day)) return false;
  if (model.largest_configured == 0) {
    model.largest_configured = LargestRequest(limits.rules(), config.default_limits, model.name);
  }
  return tokens > model.largest_configured;
}

std::optional<Refusal> Pool::State::HeldBack(const Model& model, const Moment& m) const {
  if (source.until() > m.mono) return RefuseForSource(m);
  if (model.overload.until() > m.mono) return RefuseForOverload(model, m);
  return std::nullopt;
}

Model* Pool::State::ModelOf(const AcquireCommand& command, const Moment& m, Mutations* mutations) {
  if (command.kind == Kind::kUnmetered) return models.unmetered();
  if (Model* model = models.Find(command.model)) return Counted(model, m, mutations);
  return models.Make(command.model, m, mutations);
}

Bucket* Pool::State::Choose(Model& model, const Exclusions& exclusions, std::int64_t tokens,
                            const Moment& m) {
  WakeWaiting(model, m, kStepsPerAcquire);
  Improve(model, m, kStepsPerAcquire);
  while (true) {
    Project* fresh = NextFresh(model, exclusions, m);
    Bucket* best = ChooseReady(model, exclusions, tokens, fresh != nullptr, m);
    if (fresh) {
      const auto configured = LimitsOf(fresh, model);
      const Limits limits = configured ? configured->limits : kNoLimits;
      const Rank rank =
          Rank::Of(limits.requests_per_day, limits.requests_per_minute, 0, fresh->serial);
      if (!best || rank < best->place.rank) {
        ++model.fresh_at;
        Bucket* made = MakeBucket(model, fresh, m);
        if (made->FitOf(tokens, m).at <= m.mono) return made;
        continue;  // its limit is 0, or it has no room for so many tokens
      }
    }
    if (best) return best;
    // Nothing is ready: now every bucket that is due counts, however many they are.
    if (WakeWaiting(model, m, kStepsPerAcquire) == kStepsPerAcquire) return nullptr;
  }
}

// Rather one that nobody waits for: whoever can go to one project only may wait for more tokens
// there than this request needs.
Bucket* Pool::State::ChooseReady(Model& model, const Exclusions& exclusions, std::int64_t tokens,
                                 bool has_fresh, const Moment& m) {
  if (model.pinned_queues > 0) {
    Bucket* bucket = FindReady(model, exclusions, tokens, true, m);
    if (bucket || has_fresh) return bucket;
  }
  return FindReady(model, exclusions, tokens, false, m);
}

// In the order of choice, and when the first ones have no room, by room.
Bucket* Pool::State::FindReady(Model& model, const Exclusions& exclusions, std::int64_t tokens,
                               bool spare_awaited, const Moment& m) {
  const auto fits = [&](Bucket* bucket) {
    // It is held as it stood when it was put there; what happened since only improved it, but for
    // the limits over all models. Asked again all the same: a promise of quota is worth one look.
    bucket->Turn(m);
    return bucket->FitOf(tokens, m).at <= m.mono;
  };
  Bucket* found = nullptr;
  absl::InlinedVector<Bucket*, kRoomLooks> stale;
  const auto look = [&](const auto& entries, std::int64_t least_room) {
    int looks = kRoomLooks;
    for (auto at = entries.begin(); at != entries.end() && !found && looks > 0; ++at) {
      Bucket* bucket = at->bucket;
      if (bucket->place.room < least_room) return;
      if (!exclusions.KeyOf(*bucket->project())) continue;
      --looks;
      if (spare_awaited && pinned.Find(model, bucket->project()->id) != nullptr) continue;
      if (fits(bucket)) found = bucket;
      if (!found && bucket->Look(m).kind != Standing::Kind::kReady) stale.push_back(bucket);
    }
  };
  do {
    stale.clear();
    look(model.selector.ready(), INT64_MIN);
    if (!found && tokens > 1) look(model.selector.by_room(), tokens);
    for (Bucket* bucket : stale) Put(bucket, m);
  } while (!found && !stale.empty());
  return found;
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

Grant Pool::State::GrantFrom(Bucket* bucket, KeyEntry* key, const AcquireCommand& command,
                             const Moment& m, Mutations* mutations) {
  Model& model = *bucket->model();
  source.LetThrough(kSourceBreaker, m.mono);
  model.overload.LetThrough(kOverloadBreaker, m.mono);
  Lease lease;
  lease.key = key->record.id;
  lease.bucket = bucket;
  if (model.metered) {
    lease.estimated_tokens = command.input_tokens;
    lease.charge = bucket->Take(model.calibration.Of(command.input_tokens), m, mutations);
    ++model.used_today;
    if (lease.charge->carried) ++model.used_tomorrow;
    model.Busy(m.mono + span);
  }
  Grant grant{.lease = {},
              .key = key->record.id,
              .secret = key->record.secret,
              .project = bucket->project()->id};
  if (!clients.empty()) ChargeCaller(command, &lease, m, mutations, &grant);
  bucket->last_used = model.last_used = ++grants;
  ++bucket->leases;
  ++model.leases;
  PutCounted(bucket, m);
  bucket->project()->active.Used(key, m.wall);
  grant.lease = leases.Grant(lease, m.mono);
  return grant;
}

bool Pool::State::MakeLeaseRoom(const Moment& m, Mutations* mutations) {
  std::optional<Lease> forgotten;
  const bool room = leases.MakeRoom(&forgotten);
  if (forgotten) LeaseIsGone(*forgotten, m, mutations);
  return room;
}

}  // namespace keypool::policy
