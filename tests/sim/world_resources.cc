// Requests that name what lives in one project, or go to projects in order; reports that tell of
// such things; and what must be known of them, whatever happens.
#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace keypool::sim {

std::string World::RandomResource() { return absl::StrCat("files/", Random(10)); }

World::Place World::PlaceOf(const AcquireCommand& command) const {
  if (!command.project.value().empty()) return {command.project.value()};
  if (command.after_project) return {};
  Place place;
  for (const std::string& name : command.resources) {
    const auto known = known_.find(name);
    if (known == known_.end() || known->second.expires <= wall_) continue;
    const std::string& project = known->second.project;
    place.apart = place.apart || (!place.project.empty() && place.project != project);
    place.project = project;
  }
  return place;
}

void World::PickPlace(AcquireCommand* command) {
  if (!Chance(20)) return;
  const std::int64_t dice = Random(100);
  if (dice < 75) {
    for (std::int64_t names = 1 + Random(2); names > 0; --names) {
      command->resources.push_back(RandomResource());
    }
  }
  if (dice >= 65 && dice < 85) command->project = ProjectId{absl::StrCat("project-", Random(5))};
  if (dice >= 85) {
    command->after_project = ProjectId{Chance(50) ? "" : absl::StrCat("project-", Random(4))};
  }
}

void World::CheckPlace(const AcquireCommand& command, const Grant& grant) {
  const Place place = PlaceOf(command);
  if (place.apart) return Break("granted what lives in two projects");
  if (!place.project.empty() && place.project != grant.project.value()) {
    return Break(absl::StrCat("granted on ", grant.project.value(), ", not ", place.project));
  }
  if (command.after_project && place.project.empty() && grant.project <= *command.after_project) {
    return Break("granted on a project that was before");
  }
  const bool owns =
      std::any_of(command.resources.begin(), command.resources.end(), [&](const auto& name) {
        const auto known = known_.find(name);
        return known != known_.end() && known->second.expires > wall_ &&
               known->second.project == grant.project.value();
      });
  if (grant.owns != owns) Break("wrong about whose it is");
}

bool World::HasActiveKey(const std::string& project) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const auto& key) {
    return key.second.second && (project.empty() || key.second.first == project);
  });
}

// Which reasons there may be, by where it has to be served.
void World::CheckPlaceRefusal(const AcquireCommand& command, const Refusal& refusal) {
  const Place place = PlaceOf(command);
  const auto wrong_unless = [&](RefusalReason reason, bool expected) {
    if ((refusal.reason == reason) != expected) {
      Break(absl::StrCat("refused for reason ", static_cast<int>(refusal.reason), ", and ",
                         static_cast<int>(reason), expected ? " it is" : " it is not"));
    }
  };
  const bool anywhere = place.project.empty();
  wrong_unless(RefusalReason::kResourcesApart, place.apart);
  wrong_unless(RefusalReason::kOwnerUnavailable,
               !place.apart && !anywhere && !HasActiveKey(place.project));
  wrong_unless(RefusalReason::kNoKeys, anywhere && keys_.empty());
  wrong_unless(RefusalReason::kAllDisabled, anywhere && !keys_.empty() && !HasActiveKey(""));
  const bool in_order = anywhere && command.after_project.has_value();
  if (refusal.reason == RefusalReason::kNoMoreProjects && !in_order) {
    Break("no more projects, though it is not for one after the other");
  }
  if (in_order && refusal.reason == RefusalReason::kExhausted) {
    Break("told a time for a further project");
  }
}

void World::NoteSomething(ReportCommand* report) {
  for (std::int64_t notes = 1 + Random(3); notes > 0; --notes) {
    const absl::Duration time = Chance(20)   ? absl::ZeroDuration()
                                : Chance(50) ? absl::Seconds(1 + Random(300))
                                             : absl::Minutes(1 + Random(3'000));
    report->resources.push_back({RandomResource(), time});
  }
}

void World::LearnNotes(const HeldLease& lease, const ReportCommand& report, Settled settled) {
  if (!report.sent || settled == Settled::kDuplicate) return;
  std::string project = lease.project;
  if (settled == Settled::kOtherEpoch) {
    const auto key = keys_.find(lease.key);
    if (key == keys_.end()) return;
    project = key->second.first;
  }
  for (const ResourceNote& note : report.resources) {
    const auto known = known_.find(note.name);
    const bool same = known != known_.end() && known->second.project == project;
    const absl::Time expires = wall_ + note.time_to_live;
    if (note.time_to_live == absl::ZeroDuration()) {
      if (same) known_.erase(known);
    } else if (!same || expires >= known->second.expires + absl::Seconds(1)) {
      known_[note.name] = {project, expires};
    }
  }
}

// The store holds what was confirmed and has not expired, and a pool restored from it knows that.
void World::CheckResources(policy::Pool* replayed) {
  std::map<std::string, policy::ResourceRecord> stored;
  for (const policy::ResourceRecord& record : store_.Load(epoch_).resources) {
    if (record.expires > wall_) stored[record.name] = record;
  }
  for (const auto& [name, known] : known_) {
    if (known.expires <= wall_) continue;
    const auto found = stored.find(name);
    if (found == stored.end()) return Break(absl::StrCat("forgot where ", name, " lives"));
    if (found->second.project.value() != known.project || found->second.expires != known.expires) {
      return Break(absl::StrCat("remembers ", name, " otherwise"));
    }
    stored.erase(found);
  }
  if (!stored.empty()) return Break(absl::StrCat("made up ", stored.begin()->first));
  AcquireCommand command;
  command.kind = Kind::kUnmetered;
  command.resources = {RandomResource()};
  LookAtKeys();
  policy::Mutations ignored;
  const AcquireReply reply = replayed->Apply(command, now(), random_, &ignored);
  if (const Grant* grant = std::get_if<Grant>(&reply)) return CheckPlace(command, *grant);
  CheckPlaceRefusal(command, std::get<Refusal>(reply));
}

}  // namespace keypool::sim
