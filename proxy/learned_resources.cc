#include "proxy/learned_resources.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "keyd/base/status.h"
#include "proxy/field_names.h"
#include "proxy/target.h"

namespace keypool::proxy {
namespace {

// Where an object is. 0: not looked into.
enum Place : std::uint8_t {
  kElsewhere = 0,
  kTop = JsonWalk::kTop,
  kResource,  // inside of the answer, or an element of its list
  kOutcome,   // what an operation or batch tells of itself
};
enum Wish : std::uint8_t {
  kNone = 0,
  kName,
  kId,
  kEnd,  // of its life
  kFile,
  kUri,
  kEnvironment,
};

constexpr std::string_view kWraps[] = {"file", "interaction", "batch", "data"};
constexpr std::string_view kOutcomes[] = {"response", "metadata", "output", "dest"};
// In an outcome: what is about many others.
constexpr std::string_view kForeign[] = {"inlinedResponses", "inlinedRequests", "inputConfig",
                                         "candidates", "error"};
constexpr std::string_view kOutputFiles[] = {"responsesFile", "responses_file", "output_file_id",
                                             "error_file_id"};
constexpr std::string_view kEnds[] = {"expirationTime", "expireTime", "expiration_time",
                                      "expire_time"};

template <std::size_t N>
bool IsIn(const std::string_view (&set)[N], std::string_view text) {
  return std::find(std::begin(set), std::end(set), text) != std::end(set);
}

// A list is named like the collection that its elements are of; batches are listed as operations.
bool IsList(std::string_view name) { return UsualLifetime(name) > absl::ZeroDuration(); }

std::string_view FieldOf(const ResponseHead& head, std::string_view name) {
  for (const Field& field : head.fields) {
    if (SameName(field.name, name)) return field.value;
  }
  return {};
}

}  // namespace

JsonWalk::Member LearnedScan::Finder::OnName(std::uint8_t place, std::string_view name) const {
  if (place == kElsewhere) return {};
  if (IsIn(kOutputFiles, name)) return {kElsewhere, kFile};
  if (place == kOutcome) {
    if (name == "uri") return {kElsewhere, kUri};
    return {IsIn(kForeign, name) ? kElsewhere : kOutcome, kNone};
  }
  if (IsIn(kEnds, name)) return {kElsewhere, kEnd};
  if (shows == Shows::kByName && IsIn(kOutcomes, name)) return {kOutcome, kNone};
  if (shows == Shows::kById && (name == "id" || name == "interaction_id")) return {kElsewhere, kId};
  if (shows == Shows::kByName && name == "name") return {kElsewhere, kName};
  if (collection == "interactions" && (name == "environment" || name == "environment_id")) {
    return {kElsewhere, kEnvironment};
  }
  const bool goes_in = place == kTop && (IsIn(kWraps, name) || IsList(name));
  return {goes_in ? kResource : kElsewhere, kNone};
}

void LearnedScan::Finder::OnText(std::uint8_t wish, std::string_view text) {
  Found& mine = open[inside ? 1 : 0];
  switch (wish) {
    case kName:
      mine.name = ResourceNamed(text);
      break;
    case kId:
      mine.name = ResourceOf(collection, text);
      break;
    case kEnd: {
      absl::Time until;
      if (absl::ParseTime(absl::RFC3339_full, ToAbsl(text), &until, nullptr)) mine.until = until;
      break;
    }
    case kFile:
      Add({ResourceOf("files", text), std::nullopt});
      break;
    case kUri:
      Add({ResourceInUri(text, {}), std::nullopt});
      break;
    case kEnvironment:
      Add({ResourceOf("environments", text), std::nullopt});
      break;
    default:
      break;
  }
}

void LearnedScan::Finder::OnOpen(std::uint8_t place) {
  if (place == kOutcome) return;
  inside = place == kResource;
  open[inside ? 1 : 0] = {};
}

void LearnedScan::Finder::OnClose(std::uint8_t place) {
  if (place == kOutcome) return;
  Add(std::exchange(open[place == kResource ? 1 : 0], {}));
  inside = false;
}

void LearnedScan::Finder::Add(Found one) {
  if (one.name.empty()) return;
  const auto same = std::find_if(found.begin(), found.end(),
                                 [&one](const Found& f) { return f.name == one.name; });
  if (same != found.end()) {
    if (one.until) same->until = one.until;
  } else if (found.size() < kResourcesMax) {
    // A tuned model is told of first by the operation that makes it.
    std::string subject = SubjectOfOperation(one.name);
    found.push_back(std::move(one));
    Add({std::move(subject), std::nullopt});
  }
}

std::vector<ResourceNote> LearnedScan::Notes(absl::Time now) const {
  Finder all = finder_;
  for (const Found& cut : finder_.open) all.Add(cut);
  std::vector<ResourceNote> notes;
  for (const Found& one : all.found) {
    const absl::Duration left = one.until ? *one.until - now : UsualLifetime(one.name);
    if (left > absl::ZeroDuration()) {
      notes.push_back({one.name, std::min(left, kResourceTimeMax)});
    }
  }
  return notes;
}

std::string UploadBegunBy(const ResponseHead& head) {
  for (const std::string_view name : {"x-goog-upload-url", "location"}) {
    const std::string_view url = FieldOf(head, name);
    const std::size_t query = url.find('?');
    if (query == std::string_view::npos) continue;
    const std::string id = QueryValue(url.substr(query + 1), "upload_id");
    if (!id.empty()) return UploadResource(id);
  }
  return {};
}

}  // namespace keypool::proxy
