// Requests that not every project can serve: what they name lives in one, or the caller says which.
#include <algorithm>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {
// Projects in the order of their ids that one Acquire passes by because they cannot take it now.
constexpr int kPassedInOrder = 256;
}  // namespace

Pool::State::Pin Pool::State::PinOf(const AcquireCommand& command, const Moment& m) const {
  Pin pin;
  if (command.kind == Kind::kValidation) return pin;
  if (!command.project.value().empty()) {
    pin.project = &command.project;
    return pin;
  }
  if (command.after_project || resources.empty()) return pin;
  for (const std::string& name : command.resources) {
    const ProjectId* owner = resources.OwnerOf(name, m.wall);
    if (owner == nullptr) continue;
    if (pin.project == nullptr) {
      pin.project = owner;
      pin.name = &name;
    } else if (*owner != *pin.project) {
      pin.other_project = owner;
      pin.other_name = &name;
      return pin;
    }
  }
  return pin;
}

AcquireReply Pool::State::AcquirePinned(const AcquireCommand& command, const Moment& m,
                                        Mutations* mutations) {
  const Pin pin = PinOf(command, m);
  if (pin.IsApart()) return RefuseAsApart(pin);
  if (pin.project != nullptr) return AcquireOf(*pin.project, command, m, mutations);
  if (command.after_project) return AcquireInOrder(command, m, mutations);
  return AcquireAnywhere(command, m, mutations);
}

AcquireReply Pool::State::AcquireOf(const ProjectId& id, const AcquireCommand& command,
                                    const Moment& m, Mutations* mutations) {
  Project* project = roster.Find(id);
  if (project == nullptr || !project->usable()) return RefuseForOwner(id, project, m);
  if (!MakeLeaseRoom(m, mutations)) return RefuseForLeases(m);
  Model* model = ModelOf(command, m, mutations);
  if (!model) return RefuseForModels();
  if (std::optional<Refusal> refusal = HeldBack(*model, m)) return *std::move(refusal);
  Bucket* bucket = BucketOf(*model, project, m);
  if (std::optional<Refusal> refusal = RefuseOf(*bucket, TokensOf(*model, command), m)) {
    return *std::move(refusal);
  }
  KeyEntry* key = Exclusions(command, roster).KeyOf(*project);
  if (key == nullptr) return RefuseAsExcluded(*model);
  Grant grant = GrantFrom(bucket, key, command, m, mutations);
  grant.owns = OwnsNamed(id, command, m);
  return grant;
}

AcquireReply Pool::State::AcquireInOrder(const AcquireCommand& command, const Moment& m,
                                         Mutations* mutations) {
  if (roster.active_keys() == 0) return RefuseWithoutKeys(m);
  if (!MakeLeaseRoom(m, mutations)) return RefuseForLeases(m);
  Model* model = ModelOf(command, m, mutations);
  if (!model) return RefuseForModels();
  if (std::optional<Refusal> refusal = HeldBack(*model, m)) return *std::move(refusal);
  const Exclusions exclusions(command, roster);
  const std::int64_t tokens = TokensOf(*model, command);
  int passed = 0;
  for (Project* project = roster.UsableAfter(command.after_project->value()); project != nullptr;
       project = roster.UsableAfter(project->id.value())) {
    KeyEntry* key = exclusions.KeyOf(*project);
    if (key == nullptr) continue;
    Bucket* bucket = BucketOf(*model, project, m);
    if (bucket->FitOf(tokens, m).at > m.mono) {
      if (++passed == kPassedInOrder) return RefuseForOrder(passed);
      continue;
    }
    Grant grant = GrantFrom(bucket, key, command, m, mutations);
    grant.owns = OwnsNamed(project->id, command, m);
    return grant;
  }
  return RefuseAfterTheLast();
}

bool Pool::State::OwnsNamed(const ProjectId& project, const AcquireCommand& command,
                            const Moment& m) const {
  return std::any_of(command.resources.begin(), command.resources.end(), [&](const auto& name) {
    const ProjectId* owner = resources.OwnerOf(name, m.wall);
    return owner != nullptr && *owner == project;
  });
}

// What an answer shows to live in a project, or not any more.
void Pool::State::LearnResources(const ReportCommand& command, const Maker& maker, const Moment& m,
                                 Mutations* mutations) {
  if (!command.sent) return;
  for (const ResourceNote& note : command.resources) {
    if (note.time_to_live <= absl::ZeroDuration()) {
      resources.Forget(note.name, maker.project, mutations);
    } else {
      const absl::Time expires = m.wall + std::min(note.time_to_live, kResourceTimeMax);
      resources.Learn(note.name, {maker.project, expires, maker.client}, m.wall, mutations);
    }
  }
}

// Without a look at the lease.
void Pool::State::LearnElsewhere(const ReportCommand& command, const Moment& m,
                                 Mutations* mutations) {
  const KeyEntry* key = roster.Find(command.key);
  if (key == nullptr) return;
  // A report names its client as the grant did.
  const bool known = clients.FindByName(command.client) != nullptr;
  LearnResources(command, {key->project->id, known ? command.client : ""}, m, mutations);
}

}  // namespace keypool::policy
