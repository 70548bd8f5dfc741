// Models that Google counts under another name. "quotaDimensions.model" of a 429 says which; before
// there is one, "modelVersion" of an answer does, for names that say themselves that they stand for
// another model.
#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

// As the first violation that names a model has it; empty when none does.
std::string_view ModelThatGoogleNames(const AnswerFacts& facts) {
  constexpr std::string_view kCollection = "models/";
  for (const QuotaViolation& violation : facts.violations) {
    std::string_view name = violation.model;
    if (name.starts_with(kCollection)) name.remove_prefix(kCollection.size());
    if (!name.empty() && name.size() <= kModelBytesMax) return name;
  }
  return {};
}

// "gemini-flash-latest" is a name for whatever the latest is. Of other names the version that an
// answer tells ("gemini-2.5-flash-001") is a detail of the model, not what is counted.
bool StandsForAnother(std::string_view model) { return model.ends_with("-latest"); }

// Nothing is written for what was told this recently.
constexpr absl::Duration kNeedNotBeTold = absl::Hours(24);

}  // namespace

Model* Pool::State::Counted(Model* asked, const Moment& m, Mutations* mutations) {
  if (!asked->alias) return asked;
  if (m.wall - asked->alias->at >= kLearnedFor) {
    asked->alias.reset();
    return asked;
  }
  if (Model* counted = models.Find(asked->alias->model)) return counted;
  Model* counted = models.Make(asked->alias->model, m, mutations);
  return counted != nullptr ? counted : asked;
}

Bucket* Pool::State::BucketToBlame(const ReportCommand& command, Bucket* bucket, const Moment& m,
                                   Mutations* mutations) {
  if (command.facts.http_status != 429 || !bucket->model()->metered) return bucket;
  const std::string_view named = ModelThatGoogleNames(command.facts);
  Model* asked = models.Find(command.model);
  if (named.empty() || asked == nullptr) return bucket;
  Project* project = bucket->project();
  Model* counted = asked;
  if (named == command.model) {
    CountsForItself(asked, project, m, mutations);
  } else {
    counted = models.Find(named);
    if (counted == nullptr) counted = models.Make(named, m, mutations);
    asked = models.Find(command.model);  // making room may have cost it its place
    if (counted == nullptr || asked == nullptr) return bucket;
    // No chains: what is counted under a name counts for itself.
    CountsForItself(counted, project, m, mutations);
    LearnAlias(asked, {std::string(named), m.wall}, project, m, mutations);
  }
  return BucketOf(*counted, project, m);
}

void Pool::State::LearnServedModel(const ReportCommand& command, Project* project, const Moment& m,
                                   Mutations* mutations) {
  std::string_view served = command.model_version;
  if (served.empty() || !StandsForAnother(command.model) || StandsForAnother(served)) return;
  Model* asked = models.Find(command.model);
  // Who gives the name a quota of its own wants it counted by itself.
  if (asked == nullptr || NamesModel(limits.rules(), project->id.value(), asked->name)) return;
  const Model* known = models.Find(served);
  if (known != nullptr && known->alias) served = known->alias->model;
  if (served == asked->name) return;
  if (asked->alias) {
    const LearnedAlias& before = *asked->alias;
    const absl::Duration age = m.wall - before.at;
    if (age < (before.by_answer ? absl::ZeroDuration() : kLearnedFor)) return;
    if (before.model == served && age < kNeedNotBeTold) return;
  }
  LearnAlias(asked, {std::string(served), m.wall, true}, project, m, mutations);
}

void Pool::State::LearnAlias(Model* asked, LearnedAlias alias, Project* project, const Moment& m,
                             Mutations* mutations) {
  const bool is_new = !asked->alias || asked->alias->model != alias.model;
  asked->alias = std::move(alias);
  asked->Busy(m.mono + kLearnedFor);
  Bucket* teller = BucketOf(*asked, project, m);
  teller->SetAlias(asked->alias, m, mutations);
  if (is_new && asked->alias->model != asked->name) NoteAlias(*teller, m);
}

Bucket* Pool::State::BucketOf(Model& model, Project* project, const Moment& m) {
  model.Follow(m);
  Bucket* bucket = project->Find(model.serial);
  if (bucket == nullptr) bucket = MakeBucket(model, project, m);
  bucket->Turn(m);
  return bucket;
}

// Google has said so. That must be remembered of a name that the next answer would tell otherwise.
void Pool::State::CountsForItself(Model* model, Project* project, const Moment& m,
                                  Mutations* mutations) {
  ForgetAlias(model, m, mutations);
  if (StandsForAnother(model->name)) {
    LearnAlias(model, {model->name, m.wall}, project, m, mutations);
  }
}

void Pool::State::ForgetAlias(Model* model, const Moment& m, Mutations* mutations) {
  if (!model->alias) return;
  model->alias.reset();
  for (const std::unique_ptr<Bucket>& bucket : model->buckets) {
    if (!bucket->alias()) continue;
    bucket->Turn(m);
    bucket->SetAlias(std::nullopt, m, mutations);
  }
}

}  // namespace keypool::policy
