// What goes into the event log. Grants and successes do not, unless something comes back with them.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "keyd/base/status.h"
#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

// The numbers that Google may tell.
struct Told {
  std::string_view name;
  std::int64_t Limits::*limit;
};
constexpr Told kTold[] = {{"requests a minute", &Limits::requests_per_minute},
                          {"input tokens a minute", &Limits::input_tokens_per_minute},
                          {"requests a day", &Limits::requests_per_day},
                          {"input tokens a day", &Limits::input_tokens_per_day}};

std::string Amount(std::int64_t limit) {
  return limit == kUnlimited ? "no limit" : absl::StrCat(limit);
}

// "5 requests a minute (was 10)" for each that is different now.
std::string Changes(const Limits& before, const Limits& now) {
  std::vector<std::string> changes;
  for (const Told& told : kTold) {
    if (before.*told.limit == now.*told.limit) continue;
    changes.push_back(absl::StrCat(Amount(now.*told.limit), " ", ToAbsl(told.name), " (was ",
                                   Amount(before.*told.limit), ")"));
  }
  return absl::StrJoin(changes, ", ");
}

PoolEvent About(EventKind kind, const Bucket& bucket) {
  PoolEvent event;
  event.kind = kind;
  event.project = bucket.project()->id;
  event.model = bucket.model()->name;
  return event;
}

}  // namespace

void Pool::State::NoteCooldown(const Verdict& verdict, const Subject& subject,
                               const BucketBefore& before, const Moment& m) {
  Bucket& bucket = *subject.bucket;
  if (!(bucket.limits() == before.limits)) {
    PoolEvent learned = About(EventKind::kLimitLearned, bucket);
    learned.row = verdict.row;
    learned.text = absl::StrCat("Google says ", Changes(before.limits, bucket.limits()));
    events.Add(std::move(learned), m.wall);
  }
  if (!before.cooling || bucket.cause.row != verdict.row) bucket.cause = {verdict.row, m.wall};
  PoolEvent event = About(EventKind::kCooldown, bucket);
  event.key = subject.key;
  event.row = verdict.row;
  event.text = verdict.reason;
  event.until = bucket.CoolingUntil(m);
  events.Add(std::move(event), m.wall);
}

void Pool::State::NoteAlias(const Bucket& bucket, const Moment& m) {
  PoolEvent event = About(EventKind::kLimitLearned, bucket);
  const LearnedAlias& alias = *bucket.alias();
  event.text = absl::StrCat(
      alias.by_answer ? "Google serves it as model " : "Google counts it as model ", alias.model);
  events.Add(std::move(event), m.wall);
}

// One event for a project, however many keys it has.
void Pool::State::NoteRest(KeyEntry* key, const Verdict& verdict, const Moment& m) {
  key->rest_cause = {verdict.row, m.wall};
  PoolEvent event;
  event.kind = EventKind::kKeyRests;
  if (verdict.blame != Blame::kProject) event.key = key->record.id;
  event.project = key->record.project;
  event.row = verdict.row;
  event.text = verdict.reason;
  event.until = key->record.retry_at;
  events.Add(std::move(event), m.wall);
}

void Pool::State::NoteOverload(Model* model, const Verdict& verdict, const Moment& m) {
  model->overload_cause = {verdict.row, m.wall};
  PoolEvent event;
  event.kind = EventKind::kModelOverloaded;
  event.model = model->name;
  event.row = verdict.row;
  event.text = verdict.reason;
  event.until = m.ToWall(model->overload.until());
  events.Add(std::move(event), m.wall);
}

void Pool::State::NoteThrottled(std::string_view row, const Moment& m) {
  source_cause = {row, m.wall};
  PoolEvent event;
  event.kind = EventKind::kSourceThrottled;
  event.row = row;
  event.text = "Google throttles the address that requests come from";
  event.until = m.ToWall(source.until());
  events.Add(std::move(event), m.wall);
}

void Pool::State::NoteModel(EventKind kind, const Model& model, const Moment& m) {
  PoolEvent event;
  event.kind = kind;
  event.model = model.name;
  events.Add(std::move(event), m.wall);
}

void Pool::State::NoteLimits(const LimitScopeName& scope, std::string text, const Moment& m) {
  PoolEvent event;
  event.kind = EventKind::kLimitsChanged;
  if (scope.level == LimitLevel::kProject) event.project = ProjectId{scope.name};
  event.model = scope.model;
  event.text = std::move(text);
  events.Add(std::move(event), m.wall);
}

void Pool::State::NoteBucket(EventKind kind, const Bucket& bucket, const Moment& m) {
  events.Add(About(kind, bucket), m.wall);
}

void Pool::State::NoteKey(EventKind kind, const KeyEntry* key, std::string_view text,
                          const Moment& m) {
  PoolEvent event;
  event.kind = kind;
  if (key) {
    event.key = key->record.id;
    event.project = key->record.project;
  }
  event.text = text;
  events.Add(std::move(event), m.wall);
}

PoolEvents Pool::Events(const EventsQuery& query) const {
  return {state_->epoch, state_->events.After(query.after, query.limit)};
}

}  // namespace keypool::policy
