// Why a key is given the next request, or is not. Touches nothing. O(page), and what is due.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

// Due changes that are looked at; a Tick, ten times a second, leaves few.
constexpr int kDueMax = 4'096;

std::string LeftInsteadOf(const Project& first, std::int64_t there, std::int64_t here,
                          std::string_view when) {
  return absl::StrCat("project ", first.id.value(), " goes first: ", there, " requests left ",
                      ToAbsl(when), ", ", here, " here");
}

void Tell(const Cause& cause, KeyExplanation* said) {
  said->row = cause.row;
  if (cause.since != absl::InfinitePast()) said->since = cause.since;
}

Rank RankOf(const Standing& s, const Bucket& bucket) {
  return Rank::Of(s.left_today, s.left_this_minute, bucket.last_used, bucket.project()->serial);
}

}  // namespace

// As Choose, without bringing anything up to date: what is due is looked at where it is.
Pool::State::Chosen Pool::State::WouldChoose(const Model& model, const Moment& m) const {
  Chosen best;
  const auto offer = [&](Project* project, const Rank& rank) {
    if (!best.project || rank < best.rank) best = {project, rank};
  };
  const auto look = [&](const Bucket& bucket) {
    const Standing standing = bucket.Look(m);
    if (standing.kind != Standing::Kind::kReady) return false;
    offer(bucket.project(), RankOf(standing, bucket));
    return true;
  };
  for (const Selector::ReadyEntry& entry : model.selector.ready()) {
    if (look(*entry.bucket)) break;
  }
  model.selector.EachDue(m.mono, model.day < m.today, kDueMax, look);
  const std::vector<Project*>& order = roster.order();
  for (std::size_t at = model.fresh_at; at < order.size(); ++at) {
    Project* project = order[at];
    if (!project || project->Find(model.serial)) continue;
    const Limits limits = LimitsOf(project, model)->limits;
    if (limits.requests_per_day <= 0) continue;
    offer(project,
          Rank::Of(limits.requests_per_day, limits.requests_per_minute, 0, project->serial));
    break;
  }
  return best;
}

Refusal Pool::State::WouldRefuse(const Model& model, const Moment& m) const {
  // Of a request of no size: a larger one may have to wait for tokens.
  Refusal refusal = RefuseForQuota(model, TokensOf(model, {}), m);
  if (!model.buckets.empty()) return refusal;
  // Projects that the model has not used stand nowhere yet, so nobody knows of a time.
  refusal.retry_after = m.day_ends - m.wall;
  refusal.message =
      absl::StrCat("No project of the pool may take requests for model ", model.name, " today.");
  return refusal;
}

void Pool::State::ExplainBucket(const Bucket& bucket, const Moment& m, KeyExplanation* said) const {
  const Standing standing = bucket.Look(m);
  if (standing.kind == Standing::Kind::kReady) return;
  const WindowStatus minute = bucket.MinuteStatus(m);
  const WindowStatus day = bucket.DayStatus(m);
  said->until = m.ToWall(standing.at);
  bool by_google = bucket.cool_until() > m.mono && bucket.cool_until() >= standing.at;
  if (standing.kind == Standing::Kind::kSpent) {
    by_google = bucket.SpentToday(m);
    said->until = std::max(*said->until, m.day_ends);
  }
  if (by_google) {
    said->verdict = KeyVerdict::kCooling;
    said->reason = bucket.cool_reason();
    Tell(bucket.cause, said);
  } else if (standing.kind == Standing::Kind::kSpent) {
    said->verdict = KeyVerdict::kDaySpent;
    said->reason = day.used >= day.limit
                       ? absl::StrCat("day spent by our own count: ", day.used, " of ", day.limit)
                       : absl::StrCat(ToAbsl(bucket.WhyNot(standing, m)), ", by our own count");
  } else {
    said->verdict = KeyVerdict::kMinuteFull;
    said->reason =
        minute.used >= minute.limit
            ? absl::StrCat("minute full by our own count: ", minute.used, " of ", minute.limit)
            : absl::StrCat(ToAbsl(bucket.WhyNot(standing, m)), ", by our own count");
  }
}

// Of a key that could take the request: what others have over it.
void Pool::State::ExplainOrder(const KeyEntry& key, const Model& model, const Chosen& chosen,
                               const Moment& m, KeyExplanation* said) const {
  const Project& first = *chosen.project;
  if (&first == key.project) {
    const KeyEntry* next = first.active.FirstExcept({});
    if (next == &key) {
      said->verdict = KeyVerdict::kNext;
      said->reason = "the next request goes to it";
    } else {
      said->reason =
          absl::StrCat("another key of the project goes first: ", ToString(next->record.id),
                       ", used longer ago or never");
    }
    return;
  }
  const Bucket* bucket = key.project->Find(model.serial);
  const Limits limits = LimitsOf(key.project, model)->limits;
  const Rank rank = bucket ? RankOf(bucket->Look(m), *bucket)
                           : Rank::Of(limits.requests_per_day, limits.requests_per_minute, 0,
                                      key.project->serial);
  if (chosen.rank.used_today < rank.used_today) {
    said->reason = LeftInsteadOf(first, -chosen.rank.used_today, -rank.used_today, "today");
  } else if (chosen.rank.used_today == rank.used_today &&
             chosen.rank.used_this_minute < rank.used_this_minute) {
    said->reason =
        LeftInsteadOf(first, -chosen.rank.used_this_minute, -rank.used_this_minute, "this minute");
  } else {
    said->reason = absl::StrCat("project ", first.id.value(),
                                " goes first: as many left, but used longer ago or never");
  }
}

KeyExplanation Pool::State::ExplainKey(const KeyEntry& key, const Model& model,
                                       const Chosen& chosen, const Moment& m) const {
  const KeyRecord& record = key.record;
  KeyExplanation said;
  said.key = record.id;
  said.project = record.project;
  if (!record.active) {
    const bool by_google = record.retry_at != absl::InfiniteFuture();
    said.verdict = by_google ? KeyVerdict::kResting : KeyVerdict::kDisabled;
    said.reason = record.disabled_reason;
    if (by_google) said.until = record.retry_at;
    Tell({by_google ? key.rest_cause.row : std::string_view(), record.disabled_at}, &said);
    return said;
  }
  if (const Bucket* bucket = key.project->Find(model.serial)) {
    ExplainBucket(*bucket, m, &said);
  } else if (LimitsOf(key.project, model)->limits.requests_per_day <= 0) {
    said.verdict = KeyVerdict::kDaySpent;
    said.reason = "its limit for this model is 0 requests a day";
    said.until = m.day_ends;
  }
  const MonoTime held_until = std::max(source.until(), model.overload.until());
  if (held_until > m.mono && (!said.until || m.ToWall(held_until) > *said.until)) {
    const bool by_source = source.until() >= model.overload.until();
    said.verdict = by_source ? KeyVerdict::kSourceThrottled : KeyVerdict::kModelOverloaded;
    said.reason = by_source ? "Google throttles the address that requests come from"
                            : "Google says the model is overloaded";
    said.until = m.ToWall(held_until);
    Tell(by_source ? source_cause : model.overload_cause, &said);
  } else if (!said.until && chosen.project) {
    ExplainOrder(key, model, chosen, m, &said);
  }
  return said;
}

absl::StatusOr<Explanation> Pool::Explain(const ExplainQuery& query, const Now& now) const {
  const State& state = *state_;
  const Moment m = state.Peek(now);
  const Project* only = query.project ? state.roster.Find(*query.project) : nullptr;
  if (query.project && (!only || only->keys == 0)) {
    return absl::NotFoundError(
        absl::StrCat("no key of project ", query.project->value(), " is in the pool"));
  }
  Model unused;  // stands for one that was never asked for
  unused.name = query.model;
  const Model* known = state.models.Find(query.model);
  if (known != nullptr && known->alias) known = state.models.Find(known->alias->model);
  const Model& model = known ? *known : unused;
  const State::Chosen chosen = state.WouldChoose(model, m);

  Explanation result;
  result.now = now.wall;
  const auto refuse = [&](Refusal refusal) {
    result.refusal = std::move(refusal.message);
    if (refusal.retry_after) result.first_at = now.wall + *refusal.retry_after;
  };
  // In the order of Acquire.
  if (state.roster.active_keys() == 0) {
    refuse(state.RefuseWithoutKeys(m));
  } else if (state.leases.open() >= state.config.leases_max) {
    refuse(state.RefuseForLeases(m));
  } else if (!known && !state.models.HasRoom(m)) {
    refuse(state.RefuseForModels());
  } else if (std::optional<Refusal> held_back = state.HeldBack(model, m)) {
    refuse(*std::move(held_back));
  } else if (!chosen.project) {
    refuse(state.WouldRefuse(model, m));
  } else {
    result.next_key = chosen.project->active.FirstExcept({})->record.id;
    result.next_project = chosen.project->id;
  }
  const Roster::Keys& keys = state.roster.keys();
  for (auto at = keys.upper_bound(query.after); at != keys.end(); ++at) {
    if (only && at->second->project != only) continue;
    if (result.keys.size() == query.keys_max) {
      result.more = true;
      break;
    }
    result.keys.push_back(state.ExplainKey(*at->second, model, chosen, m));
  }
  return result;
}

}  // namespace keypool::policy
