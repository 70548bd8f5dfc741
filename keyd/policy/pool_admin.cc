// What an operator changes: keys come, go, rest and return; counts are forgotten.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

constexpr std::size_t kReasonBytesMax = 200;
constexpr std::size_t kToValidateMax = 1'024;
constexpr std::string_view kDefaultReason = "disabled by the operator";

absl::Status CheckSecret(const SecretPtr& secret) {
  if (secret && IsAcceptable(*secret)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("secret: must be ", kSecretBytesMin, " to ",
                                                 kSecretBytesMax,
                                                 " printable ASCII characters without spaces"));
}

absl::Status CheckProject(const std::optional<ProjectId>& project) {
  if (!project || IsDeclarableProject(project->value())) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("project_id: must be 1 to ", kProjectIdBytesMax,
                   " letters, digits or . _ : - and not start with a dash"));
}

absl::Status CheckReason(std::string_view reason) {
  const bool one_line = std::none_of(reason.begin(), reason.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
  if (one_line && reason.size() <= kReasonBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("reason: must be one line of at most ", kReasonBytesMax, " bytes"));
}

absl::Status NoSuchKey(KeyId id) {
  return absl::NotFoundError(absl::StrCat(ToString(id), " is not in the pool"));
}

}  // namespace

absl::StatusOr<KeyId> Pool::Apply(const AddKeyCommand& command, const Now& now,
                                  Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  KP_RETURN_IF_ERROR(CheckSecret(command.secret));
  KP_RETURN_IF_ERROR(CheckProject(command.project));
  if (const KeyEntry* present = state.roster.Find(*command.secret)) {
    return absl::AlreadyExistsError(
        absl::StrCat("this key is in the pool already as ", ToString(present->record.id)));
  }
  if (state.roster.keys().size() >= state.config.keys_max) {
    return absl::ResourceExhaustedError(absl::StrCat("the pool holds as many keys as it may (",
                                                     state.config.keys_max, "); remove one first"));
  }
  if (command.imported && state.removed.Contains(*command.secret)) {
    return absl::FailedPreconditionError(
        "this key was removed from the pool; `poolctl add` brings it back");
  }
  state.removed.Forget(*command.secret, mutations);
  KeyRecord record;
  record.id = state.next_key;
  record.project = command.project.value_or(OwnProject(record.id));
  record.secret = command.secret;
  record.added_at = now.wall;
  state.next_key = KeyId{record.id.value() + 1};
  mutations->push_back(PoolRecord{.next_key = state.next_key});
  mutations->push_back(record);
  const KeyId id = record.id;
  KeyEntry* key = state.roster.Add(std::move(record));
  state.PutAll(key->project, m);
  state.NoteKey(EventKind::kKeyAdded, command.imported ? nullptr : key,
                command.imported ? "from the settings" : "", m);
  return id;
}

absl::Status Pool::Apply(const RemoveKeyCommand& command, const Now& now, Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  KeyEntry* key = state.roster.Find(command.key);
  if (!key) return NoSuchKey(command.key);
  Project* project = key->project;
  mutations->push_back(DeleteKey{command.key});
  state.NoteKey(EventKind::kKeyRemoved, key, "", m);
  state.removed.Add(command.key, *key->record.secret, mutations);
  state.EndRest(key);
  if (key->rests > 0) --state.keys_on_trial;
  state.roster.Remove(key);
  if (!project->usable()) state.PutAll(project, m);
  if (project->keys == 0) state.DropIfForgettable(project, m, mutations);
  state.CloseGapsIfMany();
  return absl::OkStatus();
}

absl::Status Pool::Apply(const DisableKeyCommand& command, const Now& now, Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  KeyEntry* key = state.roster.Find(command.key);
  if (!key) return NoSuchKey(command.key);
  KP_RETURN_IF_ERROR(CheckReason(command.reason));
  state.EndRest(key);
  if (key->record.active) key->record.disabled_at = now.wall;
  key->record.disabled_reason = command.reason.empty() ? kDefaultReason : command.reason;
  if (state.roster.SetActive(key, false)) state.PutAll(key->project, m);
  mutations->push_back(key->record);
  state.NoteKey(EventKind::kKeyDisabled, key, key->record.disabled_reason, m);
  state.CloseGapsIfMany();
  return absl::OkStatus();
}

absl::Status Pool::Apply(const EnableKeyCommand& command, const Now& now, Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  KeyEntry* key = state.roster.Find(command.key);
  if (!key) return NoSuchKey(command.key);
  state.to_validate.push_back(command.key);
  if (state.to_validate.size() > kToValidateMax) state.to_validate.pop_front();
  if (key->record.active) return absl::OkStatus();
  state.EndRest(key);
  key->record.disabled_reason.clear();
  key->record.disabled_at = absl::Time();
  if (state.roster.SetActive(key, true)) state.PutAll(key->project, m);
  mutations->push_back(key->record);
  state.NoteKey(EventKind::kKeyEnabled, key, "", m);
  return absl::OkStatus();
}

// All buckets at once: an operator asked for it, and half a reset would be worse than a slow one.
absl::StatusOr<std::int64_t> Pool::Apply(const ResetCommand& command, const Now& now,
                                         Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  std::int64_t count = 0;
  const auto reset = [&](Bucket* bucket) {
    if (bucket->model()->evicted) return;
    bucket->model()->Follow(m);
    bucket->Turn(m);
    if (!bucket->HoldsNothing(m)) ++count;
    bucket->model()->used_today -= bucket->UsedToday(m);
    bucket->Reset(mutations);
    state.Put(bucket, m);
  };
  if (command.key) {
    const KeyEntry* key = state.roster.Find(*command.key);
    if (!key) return NoSuchKey(*command.key);
    for (Bucket* bucket : key->project->buckets) reset(bucket);
    state.NoteKey(EventKind::kReset, key, "the project's counts and cooldowns are forgotten", m);
    return count;
  }
  for (Model* model : state.models.all()) {
    for (const std::unique_ptr<Bucket>& bucket : model->buckets) reset(bucket.get());
  }
  state.NoteKey(EventKind::kReset, nullptr, "all counts and cooldowns are forgotten", m);
  return count;
}

void Pool::State::CloseGapsIfMany() {
  if (roster.HasManyGaps()) roster.CloseGaps(models.FreshCursors());
}

// A declared project may come back with another key while Google still counts its day, so it stays
// until its counts are empty. A key's own project cannot: its id is never used again.
bool Pool::State::DropIfForgettable(Project* project, const Moment& m, Mutations* mutations) {
  const bool may_come_back = IsDeclarableProject(project->id.value());
  for (const Bucket* bucket : project->buckets) {
    if (bucket->leases > 0) return false;
    if (may_come_back && !bucket->CountsNothing(m)) return false;
  }
  while (!project->buckets.empty()) {
    Bucket* bucket = project->buckets.back();
    Model* model = bucket->model();
    model->Follow(m);
    model->used_today -= bucket->UsedToday(m);
    bucket->Erase(mutations);
    model->Remove(bucket);
  }
  roster.Drop(project);
  return true;
}

}  // namespace keypool::policy
