// Models that Google counts under another name: "quotaDimensions.model" of a 429 says which.
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
    ForgetAlias(asked, m, mutations);
  } else {
    counted = models.Find(named);
    if (counted == nullptr) counted = models.Make(named, m, mutations);
    asked = models.Find(command.model);  // making room may have cost it its place
    if (counted == nullptr || asked == nullptr) return bucket;
    // No chains: what is counted under a name counts for itself.
    ForgetAlias(counted, m, mutations);
    const bool is_new = !asked->alias || asked->alias->model != named;
    asked->alias = LearnedAlias{std::string(named), m.wall};
    asked->Busy(m.mono + kLearnedFor);
    Bucket* teller = BucketOf(*asked, project, m);
    teller->SetAlias(asked->alias, m, mutations);
    if (is_new) NoteAlias(*teller, m);
  }
  return BucketOf(*counted, project, m);
}

Bucket* Pool::State::BucketOf(Model& model, Project* project, const Moment& m) {
  model.Follow(m);
  Bucket* bucket = project->Find(model.serial);
  if (bucket == nullptr) bucket = MakeBucket(model, project, m);
  bucket->Turn(m);
  return bucket;
}

// Google has said otherwise.
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
