// Keys that are checked with a call that costs nothing, before real requests are risked on them: by
// proxies, which ask whether there is one.
#include <algorithm>
#include <utility>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

// A key that is being checked is given to nobody else for so long.
constexpr absl::Duration kCheckTime = absl::Seconds(30);
// While a proxy has asked within this time, keys wait for it to check them …
constexpr absl::Duration kAskedWithin = absl::Minutes(2);
// … but no longer than this: then real requests try them.
constexpr absl::Duration kPatience = absl::Minutes(1);
constexpr int kPassedMax = 64;

}  // namespace

AcquireReply Pool::State::AcquireValidation(const Moment& m, Mutations* mutations) {
  validation_asked_at = m.mono;
  if (!MakeLeaseRoom(m, mutations)) return RefuseForLeases(m);
  if (source.until() > m.mono) return RefuseForSource(m);
  KeyEntry* key = NextToValidate(m);
  if (key == nullptr) return RefuseForValidation(m);
  Model& model = *models.unmetered();
  model.Follow(m);
  Bucket* bucket = key->project->Find(model.serial);
  if (bucket == nullptr) bucket = MakeBucket(model, key->project, m);
  key->checked_until = m.mono + kCheckTime;
  Lease lease;
  lease.key = key->record.id;
  lease.bucket = bucket;
  lease.validation = true;
  ++bucket->leases;
  ++model.leases;
  return Grant{.lease = leases.Grant(lease, m.mono),
               .key = key->record.id,
               .secret = key->record.secret,
               .project = key->project->id};
}

KeyEntry* Pool::State::NextToValidate(const Moment& m) {
  while (!to_validate.empty()) {
    KeyEntry* key = roster.Find(to_validate.front());
    to_validate.pop_front();
    if (key != nullptr && key->record.active) return key;
  }
  int passed = 0;
  for (const auto& [due, id] : resting.all()) {
    if (due > m.mono || ++passed > kPassedMax) break;
    KeyEntry* key = roster.Find(id);
    if (key->checked_until <= m.mono) return key;
  }
  return nullptr;
}

MonoTime Pool::State::RestEnds(MonoTime rests_until) const {
  const bool checked = validation_asked_at + kAskedWithin > rests_until;
  return checked ? rests_until + kPatience : rests_until;
}

void Pool::State::ApplyValidation(const Verdict& verdict, const Lease& lease, const Moment& m,
                                  Mutations* mutations) {
  KeyEntry* key = roster.Find(lease.key);
  if (key == nullptr) return;
  switch (verdict.effect) {
    case Effect::kWorks:
      source.Works(lease.granted_at);
      if (key->record.retry_at != absl::InfiniteFuture()) ComeBack(key, m, mutations);
      return;
    case Effect::kRestKey:
    case Effect::kRestProject:
      // An operator may have disabled it meanwhile: that counts more.
      if (!key->record.active && key->record.retry_at == absl::InfiniteFuture()) return;
      RestAgain(key, verdict, m, mutations);
      if (verdict.effect == Effect::kRestProject) RestProject(key->project, verdict, m, mutations);
      CloseGapsIfMany();
      return;
    case Effect::kThrottled:
      source.Fails(kSourceBreaker, lease.granted_at, m.mono);
      return;
    case Effect::kNothing:
    case Effect::kSpentToday:
    case Effect::kCoolMinute:
    case Effect::kCoolGrowing:
    case Effect::kOverloaded:
      return;  // says nothing about the key
  }
}

}  // namespace keypool::policy
