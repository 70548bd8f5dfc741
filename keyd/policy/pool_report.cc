// How a request went: the end of its lease, and what its answer does to the pool.
#include <algorithm>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {

ReportReply Pool::Apply(const ReportCommand& command, const Now& now, absl::BitGenRef,
                        Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  if (command.goes_on) {
    state.LearnElsewhere(command, m, mutations);
    return {.settled = Settled::kGoesOn, .retryable = false};
  }
  const Verdict verdict = command.sent ? Judge(command.facts) : JudgeUnsent();
  // Told even of a report that came before: the Acquire that carries it may be a repetition too.
  ReportReply reply = {.settled = Settled::kNow, .retryable = verdict.retryable};
  if (command.epoch != state.epoch) {
    state.ApplyElsewhere(verdict, command, m, mutations);
    state.CountUsageElsewhere(command, m);
    state.LearnElsewhere(command, m, mutations);
    reply.settled = Settled::kOtherEpoch;
    return reply;
  }
  const std::optional<LeaseTable::Ended> ended = state.leases.End(command.lease, now.mono);
  if (!ended) {
    reply.settled = Settled::kDuplicate;
    return reply;
  }
  if (ended->late) reply.settled = Settled::kLate;
  Bucket* bucket = ended->lease.bucket;
  bucket->model()->Follow(m);
  bucket->Turn(m);
  if (ended->lease.validation) {
    if (command.sent) state.ApplyValidation(verdict, ended->lease, m, mutations);
  } else if (command.sent) {
    if (ended->lease.charge) state.SettleTokens(command, verdict, ended->lease, m, mutations);
    // What failed for a key's or a project's sake is not the caller's to pay for.
    if (verdict.retryable) state.SettleCaller(ended->lease, std::nullopt, m, mutations);
    Bucket* blamed = state.BucketToBlame(command, bucket, m, mutations);
    state.ApplyVerdict(verdict, {ended->lease.key, blamed, &ended->lease}, m, mutations);
    state.LearnServedModel(command, bucket->project(), m, mutations);
  } else if (ended->lease.charge) {
    if (bucket->Refund(*ended->lease.charge, m, mutations)) --bucket->model()->used_today;
    state.PutCounted(bucket, m);
    state.SettleCaller(ended->lease, std::nullopt, m, mutations);
  }
  const Client* client = state.clients.FindBySerial(ended->lease.client);
  state.LearnResources(
      command, {bucket->project()->id, client == nullptr ? "" : client->record.name}, m, mutations);
  state.CountUsage(command, ended->lease, m);
  state.LeaseIsGone(ended->lease, m, mutations);
  return reply;
}

// Google says how many there were, or that it did not come to them: then they are given back. It is
// not known to count them for a 4xx, except that a 400 for a request that it has read (too long for
// the model) is reported to count. Without a word, what was charged stays.
void Pool::State::SettleTokens(const ReportCommand& command, const Verdict& verdict,
                               const Lease& lease, const Moment& m, Mutations* mutations) {
  Bucket* bucket = lease.bucket;
  const int status = command.facts.http_status;
  std::int64_t tokens = lease.charge->tokens;
  if (command.usage && command.usage->input > 0) {
    tokens = std::min(command.usage->input, Calibration::kTokensMax);
    bucket->model()->calibration.Learn(lease.estimated_tokens, tokens);
  } else if (status >= 400 && status <= 499 && status != 429) {
    if (status != 400 || verdict.blame != Blame::kRequest) tokens = 0;
  }
  if (tokens == lease.charge->tokens) return;
  if (!verdict.retryable) SettleCaller(lease, tokens, m, mutations);
  bucket->CorrectTokens(*lease.charge, tokens, m, mutations);
  PutCounted(bucket, m);
}

void Pool::State::ApplyVerdict(const Verdict& verdict, const Subject& subject, const Moment& m,
                               Mutations* mutations) {
  Model& model = *subject.bucket->model();
  const auto granted_at = subject.lease ? std::optional(subject.lease->granted_at) : std::nullopt;
  switch (verdict.effect) {
    case Effect::kNothing:
      return;
    case Effect::kWorks:
      if (source.Works(granted_at)) NoteKey(EventKind::kSourceWorks, nullptr, "", m);
      if (model.overload.Works(granted_at)) NoteModel(EventKind::kModelWorks, model, m);
      KeyWorks(subject.key, m);
      if (!subject.bucket->Works(m)) return;
      NoteBucket(EventKind::kBucketWorks, *subject.bucket, m);
      Put(subject.bucket, m);
      return;
    case Effect::kRestKey:
      if (KeyEntry* key = roster.Find(subject.key)) RestKey(key, verdict, m, mutations);
      CloseGapsIfMany();
      return;
    case Effect::kRestProject:
      RestProject(subject.bucket->project(), verdict, m, mutations);
      CloseGapsIfMany();
      return;
    case Effect::kOverloaded:
      // The calls that are not metered have nothing in common but that.
      if (!model.metered || !model.overload.Fails(kOverloadBreaker, granted_at, m.mono)) return;
      NoteOverload(&model, verdict, m);
      return;
    case Effect::kThrottled:
      if (source.Fails(kSourceBreaker, granted_at, m.mono)) NoteThrottled(verdict.row, m);
      return;
    case Effect::kCoolGrowing:
      NoteBare(*subject.bucket->project(), granted_at, m);
      break;
    case Effect::kSpentToday:
    case Effect::kCoolMinute:
      break;
  }
  const BucketBefore before(*subject.bucket, m);
  ApplyToBucket(verdict, subject, m, mutations);
  NoteCooldown(verdict, subject, before, m);
  model.Busy(subject.bucket->cool_until());
  Put(subject.bucket, m);
}

void Pool::State::ApplyToBucket(const Verdict& verdict, const Subject& subject, const Moment& m,
                                Mutations* mutations) {
  Bucket* bucket = subject.bucket;
  const Lease* lease = subject.lease;
  bucket->Learn(verdict.lesson, m, mutations);
  if (bucket->HasLearned()) bucket->model()->Busy(m.mono + kLearnedFor);
  if (verdict.effect == Effect::kCoolMinute) {
    bucket->CoolFor(verdict.cool_for, verdict.reason, m, mutations);
  } else if (verdict.effect == Effect::kCoolGrowing) {
    const auto granted_at = lease ? std::optional(lease->granted_at) : std::nullopt;
    bucket->CoolGrowing(verdict.cool_for, granted_at, verdict.reason, m, mutations);
  } else if (lease && lease->charge && lease->charge->day < m.today) {
    // Yesterday's request was told that yesterday is spent. Should Google's clock be behind ours,
    // it will say so again.
    bucket->CoolFor(kMinuteWithoutDelay, verdict.reason, m, mutations);
  } else {
    bucket->SpendToday(verdict.reason, m, mutations);
    bucket->model()->spent_day = m.today;
  }
}

void Pool::State::NoteBare(const Project& project, std::optional<MonoTime> granted_at,
                           const Moment& m) {
  std::erase_if(bare, [&](const Bare& b) {
    return m.mono - b.at > kThrottledWithin || b.project == project.serial;
  });
  bare.push_back({m.mono, project.serial});
  if (bare.size() < static_cast<std::size_t>(kThrottledProjects)) return;
  bare.clear();
  if (source.Fails(kSourceBreaker, granted_at, m.mono)) NoteThrottled("429_bare", m);
}

// A lease of another reign: its facts are as true as ever, its charge is in the restored counts.
void Pool::State::ApplyElsewhere(const Verdict& verdict, const ReportCommand& command,
                                 const Moment& m, Mutations* mutations) {
  if (verdict.effect == Effect::kNothing || verdict.effect == Effect::kWorks) return;
  const KeyEntry* key = roster.Find(command.key);
  if (!key) return;
  Model* model = command.model.empty() ? models.unmetered() : models.Find(command.model);
  if (!model) model = models.Make(command.model, m, mutations);
  if (!model) return;
  model->Follow(m);
  Bucket* bucket = key->project->Find(model->serial);
  if (!bucket) bucket = MakeBucket(*model, key->project, m);
  bucket->Turn(m);
  ApplyVerdict(verdict, {command.key, bucket, nullptr}, m, mutations);
}

void Pool::State::LeaseIsGone(const Lease& lease, const Moment& m, Mutations* mutations) {
  Bucket* bucket = lease.bucket;
  --bucket->leases;
  --bucket->model()->leases;
  Project* project = bucket->project();
  if (project->keys == 0) DropIfForgettable(project, m, mutations);
}

}  // namespace keypool::policy
