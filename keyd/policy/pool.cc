#include "keyd/policy/pool.h"

#include <utility>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {
constexpr absl::Duration kMinute = absl::Minutes(1);
// A wall clock that moved this much against the monotonic one was set, not slewed.
constexpr absl::Duration kClockStep = absl::Seconds(1);

absl::Time WallAtMonoZero(const Now& now) {
  return now.wall - absl::Nanoseconds(now.mono.nanoseconds());
}
}  // namespace

Pool::Pool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pool::~Pool() = default;

AcquireReply Pool::Apply(const AcquireCommand& command, const Now& now, absl::BitGenRef,
                         Mutations* mutations) {
  return state_->Acquire(command, state_->Observe(now), mutations);
}

std::optional<KeyId> Pool::Find(const Secret& secret) const {
  const KeyEntry* key = state_->roster.Find(secret);
  if (!key) return std::nullopt;
  return key->record.id;
}

Pool::State::State(const PoolConfig& config_in, Epoch epoch_in, const Now& now)
    : config(config_in),
      limits(config.default_limits, config.limits),
      span(kMinute + config.send_by),
      epoch(epoch_in),
      day(config.pacific, now.wall),
      wall_at_mono_zero(WallAtMonoZero(now)),
      removed(config.removed_max),
      resources(config.resources_max),
      clients(config.clients_max),
      admin_tokens(config.admin_tokens_max),
      models(config.models_max),
      leases({.time_to_live = config.lease_time_to_live,
              .late_grace = config.late_report_grace,
              .max = config.leases_max}),
      keyless_at(now.mono),
      usage({.names_max = config.usage_names_max,
             .rows_max = config.usage_rows_max,
             .pacific = config.pacific}) {}

Moment Pool::State::Observe(const Now& now) {
  const absl::Time at_zero = WallAtMonoZero(now);
  if (absl::AbsDuration(at_zero - wall_at_mono_zero) > kClockStep) ++clock;
  wall_at_mono_zero = at_zero;
  day.Advance(now.wall);
  return {now.wall, now.mono, day.number(), day.ends(), clock};
}

Moment Pool::State::Peek(const Now& now) const {
  const std::int64_t today = day.NumberAt(now.wall);
  return {now.wall, now.mono, today, day.StartOf(today + 1), clock};
}

std::optional<ConfiguredLimits> Pool::State::LimitsOf(const Project* project,
                                                      const Model& model) const {
  if (!model.metered) return std::nullopt;
  const std::string_view name = project ? std::string_view(project->id.value()) : "";
  return LimitsFor(limits.rules(), config.default_limits, name, model.name);
}

void Pool::State::Put(Bucket* bucket, const Moment& m) {
  bucket->Turn(m);
  const Project& project = *bucket->project();
  Selector& selector = bucket->model()->selector;
  if (project.usable() && !bucket->model()->evicted) {
    selector.Put(bucket, bucket->Look(m), bucket->last_used, project.serial);
  } else {
    selector.Remove(bucket);
  }
}

Bucket* Pool::State::MakeBucket(Model& model, Project* project, const Moment& m) {
  if (model.metered && !project->together) {
    // Before its first charge, so that none is missed.
    const std::optional<Limits> said = LimitsTogether(limits.rules(), project->id.value());
    if (said) project->together = std::make_unique<Meters>(*said, config.send_by, m.today);
  }
  Bucket* bucket = model.Add(
      std::make_unique<Bucket>(project, &model, LimitsOf(project, model), config.send_by, m.today));
  Put(bucket, m);
  return bucket;
}

void Pool::State::PutAll(Project* project, const Moment& m) {
  for (Bucket* bucket : project->buckets) Put(bucket, m);
}

void Pool::State::PutCounted(Bucket* bucket, const Moment& m) {
  Project* project = bucket->project();
  if (!project->together || !bucket->model()->metered) return Put(bucket, m);
  const bool was_full = project->together_was_full;
  NoteTogether(project, m);
  project->together_was_full || was_full ? PutAll(project, m) : Put(bucket, m);
}

void Pool::State::NoteTogether(Project* project, const Moment& m) {
  Meters& together = *project->together;
  together.Turn(m);
  project->together_was_full = together.SpentToday(m) || together.MinuteReadyAt(m) > m.mono;
}

}  // namespace keypool::policy
