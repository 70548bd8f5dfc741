// What happens by itself as time goes by, in bounded steps.
#include <algorithm>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {
// Of leases, buckets and projects together: about half a millisecond.
constexpr int kStepsPerTick = 512;
// A bucket that could not be cleaned up yet has a minute or a cooldown to wait for.
constexpr absl::Duration kSweepAgainAfter = absl::Minutes(2);
constexpr absl::Duration kKeylessRound = absl::Minutes(1);
}  // namespace

bool Pool::Tick(const Now& now, Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  int budget = kStepsPerTick;
  state.TickResting(m, &budget, mutations);
  state.TickLeases(m, &budget, mutations);
  // Starts with the model that the last call could not finish, so that none is starved.
  const auto& all = state.models.all();
  std::size_t visits = all.size();
  for (; visits > 0 && budget > 0; --visits) {
    if (state.tick_model >= all.size()) state.tick_model = 0;
    Model* model = all[state.tick_model];
    state.TickModel(*model, m, &budget, mutations);
    if (budget > 0 && state.tick_model < all.size() && all[state.tick_model] == model) {
      ++state.tick_model;  // else it was evicted and another one is in its place
    }
  }
  const bool more_to_free = state.models.FreeEvicted(static_cast<std::size_t>(std::max(budget, 1)));
  state.TickKeyless(m, &budget, mutations);
  state.resources.Expire(m.wall, &budget, mutations);
  state.usage.Tick(now, mutations);
  return budget <= 0 || more_to_free;
}

void Pool::State::TickLeases(const Moment& m, int* budget, Mutations* mutations) {
  for (; *budget > 0; --*budget) {
    const LeaseTable::Step step = leases.ExpireOne(m.mono);
    if (!step.progressed) return;
    if (step.forgotten) LeaseIsGone(*step.forgotten, m, mutations);
  }
}

void Pool::State::TickModel(Model& model, const Moment& m, int* budget, Mutations* mutations) {
  model.Follow(m);
  *budget = WakeWaiting(model, m, *budget);
  *budget = Improve(model, m, *budget);
  if (model.sweep_left > 0) Sweep(model, m, budget, mutations);
}

void Pool::State::Sweep(Model& model, const Moment& m, int* budget, Mutations* mutations) {
  for (; model.sweep_left > 0; --*budget) {
    if (*budget <= 0) return;
    Bucket* bucket = model.buckets[--model.sweep_left].get();
    Put(bucket, m);
    if (!bucket->saved()) continue;
    if (bucket->HoldsNothing(m)) {
      bucket->Erase(mutations);
    } else if (bucket->SavedBeforeStep(m)) {
      bucket->Save(m, mutations);
    } else if (bucket->UsedToday(m) == 0 && !bucket->HasLearned() && !bucket->alias()) {
      model.sweep_again = true;  // holds something that passes before the day does
    }
  }
  if (model.sweep_again) {
    model.sweep_at = m.mono + kSweepAgainAfter;
  } else if (model.IsIdle(m)) {
    models.Evict(&model, mutations);
  }
}

void Pool::State::TickKeyless(const Moment& m, int* budget, Mutations* mutations) {
  if (keyless_left == 0 && m.mono >= keyless_at) {
    keyless_left = roster.keyless().size();
    keyless_at = m.mono + kKeylessRound;
  }
  // From the last one down: the last takes the place of one that is dropped.
  for (; keyless_left > 0 && *budget > 0; --*budget) {
    keyless_left = std::min(keyless_left, roster.keyless().size());
    if (keyless_left == 0) return;
    DropIfForgettable(roster.keyless()[--keyless_left], m, mutations);
  }
}

}  // namespace keypool::policy
