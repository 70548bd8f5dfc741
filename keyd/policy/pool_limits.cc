// Limits that an operator changes at run time: in force at once, for all that is there already.
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/policy/pool_state.h"

namespace keypool::policy {

absl::StatusOr<ScopeLimits> Pool::Apply(const SetLimitsCommand& command, const Now& now,
                                        Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  absl::StatusOr<ScopeLimits> said = state.limits.Set(command.said, mutations);
  if (!said.ok()) return said;
  state.FollowLimits(m, mutations);
  state.NoteLimits(command.said.scope, ToText(command.said), m);
  return said;
}

absl::StatusOr<ScopeLimits> Pool::Apply(const UnsetLimitsCommand& command, const Now& now,
                                        Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  absl::StatusOr<ScopeLimits> left = state.limits.Unset(command, mutations);
  if (!left.ok()) return left;
  state.FollowLimits(m, mutations);
  state.NoteLimits(
      command.scope,
      absl::StrCat(ToText(command.scope), SaysNothing(*left) ? ": unset" : ": some unset"), m);
  return left;
}

absl::StatusOr<ImportedLimits> Pool::Apply(const ImportLimitsCommand& command, const Now& now,
                                           Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  absl::StatusOr<ImportedLimits> imported = state.limits.Import(command, mutations);
  if (!imported.ok() || command.dry_run) return imported;
  state.FollowLimits(m, mutations);
  state.NoteLimits({}, absl::StrCat("limits of ", imported->scopes, " scopes were imported"), m);
  return imported;
}

LimitsPage Pool::ListLimits(const LimitsQuery& query) const { return state_->limits.Page(query); }

// All buckets at once, as a reset does: until the last one follows, the order of choice is wrong.
void Pool::State::FollowLimits(const Moment& m, Mutations* mutations) {
  Project* last = nullptr;
  for (const auto& [id, key] : roster.keys()) {
    if (key->project != last) LimitTogether(key->project, m);
    last = key->project;
  }
  for (Project* project : roster.keyless()) LimitTogether(project, m);
  for (Model* model : models.all()) {
    if (!model->metered) continue;
    model->Follow(m);
    model->largest_configured = 0;
    for (const std::unique_ptr<Bucket>& bucket : model->buckets) {
      bucket->Turn(m);
      bucket->Configure(*LimitsOf(bucket->project(), *model), m, mutations);
      Put(bucket.get(), m);
    }
  }
}

void Pool::State::LimitTogether(Project* project, const Moment& m) {
  const std::optional<Limits> said = LimitsTogether(limits.rules(), project->id.value());
  if (!said) {
    project->together = nullptr;
    project->together_was_full = false;
    return;
  }
  if (project->together) {
    project->together->SetLimits(*said);
  } else {
    std::vector<const Meters*> parts;
    for (Bucket* bucket : project->buckets) {
      if (!bucket->model()->metered || bucket->model()->evicted) continue;
      bucket->Turn(m);
      parts.push_back(&bucket->meters());
    }
    if (parts.empty()) return;  // MakeBucket makes it, before the first charge
    project->together = std::make_unique<Meters>(*said, config.send_by, m.today);
    project->together->Add(parts);
  }
  NoteTogether(project, m);
}

}  // namespace keypool::policy
