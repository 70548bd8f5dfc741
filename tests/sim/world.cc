#include "tests/sim/world.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"

namespace keypool::sim {
namespace {

absl::TimeZone Pacific() {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone("America/Los_Angeles", &zone)) std::abort();
  return zone;
}

}  // namespace

World::World(std::uint64_t seed) : random_(seed), google_({}, {}, absl::UTCTimeZone(), false) {
  constexpr std::int64_t kPerMinute[] = {1, 2, 3, 10, 64, 65, 100, 450};
  config_.pacific = Pacific();
  config_.default_limits.requests_per_minute = kPerMinute[Random(std::size(kPerMinute))];
  config_.default_limits.requests_per_day =
      config_.default_limits.requests_per_minute * (1 + Random(4)) + Random(3);
  SetRandomLimits();
  config_.lease_time_to_live = absl::Seconds(20 + Random(100));
  config_.late_report_grace = absl::Seconds(60 + Random(100));
  config_.models_max = static_cast<std::size_t>(3 + Random(4));
  config_.leases_max = Chance(20) ? 8 : 4096;
  config_.keys_max = 40;
  google_ = TrueQuota(config_.default_limits, config_.limits, config_.pacific, exact_);
  // Some worlds begin minutes before a short, a long or an ordinary midnight.
  using Minute = absl::CivilMinute;
  const Minute starts[] = {Minute(2026, 3, 7, 23, 50),  Minute(2026, 3, 8, 23, 57),
                           Minute(2026, 11, 1, 0, 58),  Minute(2026, 11, 1, 23, 58),
                           Minute(2026, 6, 10, 23, 59), Minute(2026, 6, 10, 12, 0)};
  wall_ = absl::FromCivil(starts[Random(std::size(starts))], config_.pacific);
  mono_ = MonoTime::FromNanoseconds(1 + Random(1'000'000'000'000));
  Restore();
  const std::int64_t keys = 1 + Random(8);
  for (std::int64_t i = 0; i < keys; ++i) AddRandomKey();
}

World::~World() = default;

void World::Run(int steps) {
  for (int i = 0; i < steps && broken_.empty(); ++i) Step();
}

void World::Step() {
  const std::int64_t dice = Random(1000);
  if (dice < 520) return AcquireOne();
  if (dice < 800) return ReportOne();
  if (dice < 925) return Advance(absl::Milliseconds(Random(Chance(20) ? 30'000 : 900)));
  if (dice < 950) return TickAll();
  if (dice < 975) return ChangeKeys();
  if (dice < 985) return CrashNow();
  if (dice < 997) return CheckReplay();
  if (dice < 999) return Advance(absl::Minutes(Random(24 * 60)));
  ResetAll();
}

void World::Break(std::string what) {
  if (broken_.empty()) broken_ = absl::StrCat(what, " at ", absl::FormatTime(wall_));
}

bool World::Commit() {
  if (Chance(1)) {
    pending_.clear();
    ++crashes_;
    Restore();
    return false;
  }
  store_.Write(pending_);
  pending_.clear();
  return true;
}

void World::Restore() {
  epoch_ = Epoch{epoch_.value() + 1};
  resting_.clear();
  pending_.clear();
  pool_.reset();
  auto pool = policy::Pool::Restore(config_, store_.Load(epoch_), now(), &pending_);
  if (!pool.ok()) return Break(absl::StrCat("restore failed: ", pool.status().ToString()));
  pool_ = *std::move(pool);
  store_.Write(pending_);
  pending_.clear();
}

void World::CrashNow() {
  ++crashes_;
  Advance(absl::Milliseconds(Random(5000)));
  Restore();
}

std::string World::RandomModel() {
  return Chance(97) ? absl::StrCat("gemini-", Random(3)) : absl::StrCat("made-up-", ++names_);
}

void World::AcquireOne() {
  AcquireCommand command;
  command.kind = Chance(8) ? Kind::kUnmetered : Kind::kMetered;
  if (command.kind == Kind::kMetered) command.model = RandomModel();
  const std::int64_t tokens = command.kind == Kind::kMetered ? RandomTokens() : 0;
  command.input_tokens = Estimate(tokens);
  if (Chance(15)) {
    for (const auto& [id, key] : keys_) {
      if (Chance(30)) command.exclude_keys.push_back(id);
      if (Chance(20)) command.exclude_projects.push_back(ProjectId{key.first});
    }
  }
  PickPlace(&command);
  LookAtKeys();
  const AcquireReply reply = pool_->Apply(command, now(), random_, &pending_);
  if (!Commit()) return;
  if (const Grant* grant = std::get_if<Grant>(&reply)) return OnGrant(command, tokens, *grant);
  CheckRefusal(command, tokens, std::get<Refusal>(reply));
}

// Which keys rest because of Google's answers, and whether none comes back early.
void World::LookAtKeys() {
  for (auto& [id, key] : keys_) {
    const absl::StatusOr<KeyStatus> status = pool_->Key(id, "", now());
    if (!status.ok()) return Break(status.status().ToString());
    key.second = status->active;
    CheckWindows(*status);
    const auto rests = resting_.find(id);
    if (status->retry_at) {
      if (rests == resting_.end()) resting_[id] = mono_ + (*status->retry_at - wall_);
    } else if (rests != resting_.end()) {
      if (mono_ < rests->second) Break("a key came back before the end of its rest");
      resting_.erase(rests);
    }
  }
}

void World::OnGrant(const AcquireCommand& command, std::int64_t tokens, const Grant& grant) {
  ++grants_;
  Note(grant.key.value());
  const auto key = keys_.find(grant.key);
  if (key == keys_.end()) return Break("a removed key was granted");
  if (!key->second.second) return Break("a disabled key was granted");
  if (key->second.first != grant.project.value()) return Break("a wrong project was told");
  const auto& out_keys = command.exclude_keys;
  const auto& out_projects = command.exclude_projects;
  if (std::find(out_keys.begin(), out_keys.end(), grant.key) != out_keys.end() ||
      std::find(out_projects.begin(), out_projects.end(), grant.project) != out_projects.end()) {
    return Break("what was excluded was granted");
  }
  CheckPlace(command, grant);
  if (!granted_.insert({epoch_.value(), grant.lease.value()}).second) {
    return Break("a lease id was given twice in one reign");
  }
  HeldLease lease = {.id = grant.lease,
                     .epoch = epoch_,
                     .key = grant.key,
                     .project = grant.project.value(),
                     .model = command.model,
                     .metered = command.kind == Kind::kMetered,
                     .sent = Chance(85),
                     .granted_at = mono_,
                     .serial = grants_,
                     .tokens = tokens};
  if (lease.metered) {
    charged_[{lease.project, lease.model}].push_back({grants_, wall_, exact_ ? tokens : 0});
    largest_charge_ = std::max(largest_charge_, 4 * command.input_tokens);
  }
  if (lease.metered && lease.sent) {
    const absl::Duration delay = config_.send_by * Random(1001) / 1000;
    under_way_.insert({wall_ + delay, {lease.project, lease.model, tokens}});
  }
  leases_.push_back(std::move(lease));
}

void World::CheckRefusal(const AcquireCommand& command, std::int64_t tokens,
                         const Refusal& refusal) {
  Note(static_cast<std::uint64_t>(refusal.reason) + 1000);
  CheckPlaceRefusal(command, refusal);
  const bool excludes = !command.exclude_keys.empty() || !command.exclude_projects.empty();
  if (refusal.reason == RefusalReason::kAllExcluded && !excludes) {
    return Break("nothing was excluded, yet that is the reason");
  }
  const std::string only = PlaceOf(command).project;
  CheckTooLarge(only, tokens, refusal);
  if (refusal.reason != RefusalReason::kExhausted || !Chance(25)) return;
  if (!refusal.retry_after) return Break("exhausted, without a time");
  ++refusals_checked_;
  const AcquireCommand again = {.kind = command.kind,
                                .model = command.model,
                                .exclude_keys = {},
                                .exclude_projects = {},
                                .input_tokens = command.input_tokens,
                                .project = ProjectId{only}};
  const absl::Duration before = *refusal.retry_after - absl::Milliseconds(1);
  if (before > absl::ZeroDuration()) {
    Advance(before);
    const AcquireReply reply = pool_->Apply(again, now(), random_, &pending_);
    store_.Write(pending_);
    pending_.clear();
    if (std::holds_alternative<Grant>(reply)) return Break("granted before the time it told");
  }
  Advance(*refusal.retry_after - std::max(before, absl::ZeroDuration()));
  const AcquireReply reply = pool_->Apply(again, now(), random_, &pending_);
  store_.Write(pending_);
  pending_.clear();
  if (const Grant* grant = std::get_if<Grant>(&reply)) return OnGrant(again, tokens, *grant);
  if (std::get<Refusal>(reply).reason == RefusalReason::kExhausted) {
    Break(absl::StrCat("refused at the time it told (", absl::FormatDuration(*refusal.retry_after),
                       "): ", std::get<Refusal>(reply).message));
  }
}

Settled World::Expected(const HeldLease& lease) const {
  if (lease.epoch != epoch_) return Settled::kOtherEpoch;
  if (lease.reported) return Settled::kDuplicate;
  const absl::Duration age = mono_ - lease.granted_at;
  return age < config_.lease_time_to_live ? Settled::kNow : Settled::kLate;
}

void World::ReportOne() {
  if (leases_.empty()) return;
  const std::size_t at =
      static_cast<std::size_t>(Random(static_cast<std::int64_t>(leases_.size())));
  HeldLease& lease = leases_[at];
  ReportCommand command = {.lease = lease.id,
                           .epoch = lease.epoch,
                           .sent = lease.sent,
                           .facts = RandomFacts(),
                           .key = lease.key,
                           .model = lease.model};
  // Where Google has counted, it says so.
  const bool refused = command.facts.http_status / 100 == 4 && command.facts.http_status != 429;
  if (lease.sent && lease.metered && (refused ? exact_ : Chance(80))) {
    command.usage = TokenUsage{.input = lease.tokens};
  }
  if (Chance(15)) NoteSomething(&command);
  const Settled expected = Expected(lease);
  const ReportReply reply = pool_->Apply(command, now(), random_, &pending_);
  if (!Commit()) return;
  Note(static_cast<std::uint64_t>(reply.settled) + 2000);
  // Beyond the grace, or with few leases allowed, a late one may be forgotten: then a duplicate.
  const bool forgotten = expected == Settled::kLate && reply.settled == Settled::kDuplicate;
  const bool may_forget =
      config_.leases_max < 100 ||
      mono_ - lease.granted_at >= config_.lease_time_to_live + config_.late_report_grace;
  if (reply.settled != expected && !(forgotten && may_forget)) {
    return Break(absl::StrCat("settled as ", static_cast<int>(reply.settled), ", not ",
                              static_cast<int>(expected)));
  }
  LearnNotes(lease, command, reply.settled);
  lease.reported = true;
  const bool ended = reply.settled == Settled::kNow || reply.settled == Settled::kLate;
  if (ended && lease.metered) OnSettled(lease, command);
  if (Chance(80)) {
    std::swap(lease, leases_.back());
    leases_.pop_back();
  }
}

AnswerFacts World::RandomFacts() {
  AnswerFacts facts;
  facts.http_status = 200;
  const std::int64_t dice = Random(100);
  if (dice < 80) return facts;
  facts.http_status = dice < 84 ? 500 : 429;
  if (dice == 80) facts.http_status = 503;
  if (dice == 81 && Chance(20)) {
    facts.http_status = Chance(50) ? 400 : 403;
    facts.message =
        facts.http_status == 400 ? MessageClass::kKeyNotValid : MessageClass::kConsumerSuspended;
  }
  if (dice == 84 && Chance(5)) facts.message = MessageClass::kAutomatedQueries;
  if (Chance(50)) facts.retry_delay = absl::Seconds(Random(70));
  const std::string prefix = "GenerateRequests";
  const std::string suffix = "PerProjectPerModel-FreeTier";
  if (dice >= 84 && dice < 92) {
    facts.violations.push_back({prefix + "PerMinute" + suffix, "", "", std::nullopt});
  } else if (dice >= 92 && dice < 94) {
    facts.violations.push_back({prefix + "PerMinute" + suffix, "", "", std::nullopt});
    facts.violations.push_back({prefix + "PerDay" + suffix, "", "", std::nullopt});
  }
  return facts;
}

void World::AddRandomKey() {
  AddKeyCommand command;
  command.secret = std::make_shared<const Secret>(absl::StrCat("AIzaSecret", ++secrets_));
  if (Chance(70)) command.project = ProjectId{absl::StrCat("project-", Random(4))};
  const absl::StatusOr<KeyId> id = pool_->Apply(command, now(), &pending_);
  if (!Commit() || !id.ok()) return;
  const std::string project = command.project.value_or(OwnProject(*id)).value();
  if (!keys_.insert({*id, {project, true}}).second) Break("a key id was given twice");
}

void World::ChangeKeys() {
  if (keys_.empty() || Chance(40)) return AddRandomKey();
  auto key = std::next(keys_.begin(), Random(static_cast<std::int64_t>(keys_.size())));
  absl::Status status;
  const std::int64_t dice = Random(3);
  if (dice == 0) status = pool_->Apply(RemoveKeyCommand{key->first}, now(), &pending_);
  if (dice == 1) status = pool_->Apply(DisableKeyCommand{key->first, ""}, now(), &pending_);
  if (dice == 2) status = pool_->Apply(EnableKeyCommand{key->first}, now(), &pending_);
  if (!status.ok()) return Break(status.ToString());
  if (!Commit()) return;
  resting_.erase(key->first);  // an operator's word counts more
  if (dice == 0) {
    keys_.erase(key);
  } else {
    key->second.second = dice == 2;
  }
}

// The operator knows that Google forgot: so it does, and what was under way has arrived.
void World::ResetAll() {
  Advance(config_.send_by);
  const auto count = pool_->Apply(ResetCommand{}, now(), &pending_);
  if (!count.ok()) return Break(count.status().ToString());
  if (!Commit()) return;
  google_.Forget();
  charged_.clear();
}

void World::TickAll() {
  for (int i = 0; i < 100; ++i) {
    if (!pool_->Tick(now(), &pending_)) {
      Commit();
      return;
    }
  }
  Break("Tick never ends");
}

void World::Advance(absl::Duration d) {
  const absl::Time until = wall_ + d;
  mono_ = mono_ + d;
  wall_ = until;
  while (!under_way_.empty() && under_way_.begin()->first <= until) {
    const auto& [at, arrival] = *under_way_.begin();
    const std::string limit = google_.Arrive(arrival.project, arrival.model, arrival.tokens, at);
    if (!limit.empty()) {
      Break(absl::StrCat(arrival.project, "/", arrival.model, " broke Google's ", limit));
    }
    under_way_.erase(under_way_.begin());
  }
}

}  // namespace keypool::sim
