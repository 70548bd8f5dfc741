// Keys that Google refuses: they rest, and real requests try them again.
#include <algorithm>
#include <utility>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {

void Pool::State::RestKey(KeyEntry* key, const Verdict& verdict, const Moment& m,
                          Mutations* mutations) {
  if (!key->record.active) return;  // it rests already, or an operator has disabled it
  RestAgain(key, verdict, m, mutations);
}

void Pool::State::RestAgain(KeyEntry* key, const Verdict& verdict, const Moment& m,
                            Mutations* mutations) {
  EndRest(key);
  if (key->rests == 0) ++keys_on_trial;
  constexpr int kDoublingsMax = 16;
  const absl::Duration rest = std::min(
      kRestMax, verdict.cool_for * (std::int64_t{1} << std::min(key->rests, kDoublingsMax)));
  ++key->rests;
  key->record.disabled_reason = verdict.reason;
  key->record.disabled_at = m.wall;
  key->record.retry_at = m.wall + rest;
  key->rests_until = m.mono + rest;
  resting.Add(*key);
  if (key->record.active && roster.SetActive(key, false)) PutAll(key->project, m);
  mutations->push_back(key->record);
  NoteRest(key, verdict, m);
}

void Pool::State::RestProject(Project* project, const Verdict& verdict, const Moment& m,
                              Mutations* mutations) {
  while (KeyEntry* key = project->active.FirstExcept({})) RestKey(key, verdict, m, mutations);
}

void Pool::State::EndRest(KeyEntry* key) {
  if (key->record.retry_at == absl::InfiniteFuture()) return;
  resting.Remove(*key);
  key->record.retry_at = absl::InfiniteFuture();
}

void Pool::State::KeyWorks(KeyId id, const Moment& m) {
  if (keys_on_trial == 0) return;
  KeyEntry* key = roster.Find(id);
  if (!key || key->rests == 0 || !key->record.active) return;
  key->rests = 0;
  --keys_on_trial;
  NoteKey(EventKind::kKeyWorks, key, "", m);
}

void Pool::State::TickResting(const Moment& m, int* budget, Mutations* mutations) {
  const RestingKeys::All& all = resting.all();
  for (; *budget > 0 && !all.empty() && RestEnds(all.begin()->first) <= m.mono; --*budget) {
    ComeBack(roster.Find(all.begin()->second), m, mutations);
  }
}

void Pool::State::ComeBack(KeyEntry* key, const Moment& m, Mutations* mutations) {
  EndRest(key);
  key->record.disabled_reason.clear();
  key->record.disabled_at = absl::Time();
  if (roster.SetActive(key, true)) PutAll(key->project, m);
  mutations->push_back(key->record);
  NoteKey(EventKind::kKeyTriedAgain, key, "", m);
}

}  // namespace keypool::policy
