#include "proxy/resource_names.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "proxy/char_class.h"
#include "proxy/field_names.h"
#include "proxy/public_address.h"
#include "proxy/target.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kGoogle = "generativelanguage.googleapis.com";
constexpr std::string_view kEnvironmentFile = "environment-";

struct Collection {
  std::string_view name;
  Shows shows;
  absl::Duration lifetime;
  bool of_one_project;
};
constexpr absl::Duration Days(int days) { return absl::Hours(24 * days); }
// Lifetimes as far as Google tells them: gemini-wire.md §3.
const Collection kCollections[] = {
    {"files", Shows::kByName, absl::Hours(48), true},
    {"cachedContents", Shows::kByName, absl::Hours(1), true},
    {"batches", Shows::kByName, Days(30), true},
    {"operations", Shows::kByName, Days(30), true},
    {"generatedFiles", Shows::kByName, absl::Hours(48), true},
    {"tunedModels", Shows::kByName, Days(400), true},
    {"fileSearchStores", Shows::kByName, Days(400), true},
    {"corpora", Shows::kByName, Days(400), true},
    {"interactions", Shows::kById, Days(60), true},
    {"agents", Shows::kById, Days(400), false},
    {"environments", Shows::kById, Days(30), false},
    {"triggers", Shows::kById, Days(400), true},
    {"webhooks", Shows::kById, Days(400), true},
    {"uploads", Shows::kNothing, Days(7), true},
    {"live", Shows::kNothing, Days(1), true},
};
// Methods on a model that answer with an operation or a batch.
constexpr std::string_view kStarting[] = {"batchGenerateContent", "asyncBatchEmbedContent",
                                          "predictLongRunning"};

const Collection* Find(std::string_view name) {
  const Collection* const found =
      std::find_if(std::begin(kCollections), std::end(kCollections),
                   [name](const Collection& c) { return c.name == name; });
  return found == std::end(kCollections) ? nullptr : found;
}

// Takes what stands in front of the next `mark` from the front of `text`, with the mark.
std::string_view Take(std::string_view* text, char mark) {
  const std::size_t at = std::min(text->find(mark), text->size());
  const std::string_view taken = text->substr(0, at);
  text->remove_prefix(std::min(at + 1, text->size()));
  return taken;
}

bool IsId(std::string_view id) {
  return !id.empty() && std::all_of(id.begin(), id.end(), [](char c) {
    return c > ' ' && c < '\x7f' && std::string_view("/:?#").find(c) == std::string_view::npos;
  });
}

std::string Join(std::string_view collection, std::string_view id) {
  if (!IsId(id) || collection.size() + 1 + id.size() > kResourceBytesMax) return {};
  // How the files of an environment are fetched.
  if (collection == "files" && id.starts_with(kEnvironmentFile)) {
    return Join("environments", id.substr(kEnvironmentFile.size()));
  }
  return absl::StrCat(ToAbsl(collection), "/", ToAbsl(id));
}

// `path` is ".../operations/o", below another resource.
bool IsOperation(std::string_view path) {
  constexpr std::string_view kOperations = "/operations/";
  const std::size_t at = path.rfind(kOperations);
  if (at == std::string_view::npos || path.size() > kResourceBytesMax) return false;
  if (!IsId(path.substr(at + kOperations.size()))) return false;
  for (std::string_view rest = path.substr(0, at); !rest.empty();) {
    if (!IsId(Take(&rest, '/'))) return false;
  }
  return true;
}

// What the OpenAI API has of it: /files/ID, /batches/ID, with ids that are names here.
ResourcePlan InOpenAiPath(std::string_view rest) {
  ResourcePlan plan;
  const Collection* const collection = Find(Take(&rest, '/'));
  if (collection == nullptr || (collection->name != "files" && collection->name != "batches")) {
    return plan;
  }
  plan.collection = collection->name;
  plan.shows = Shows::kById;
  if (rest.starts_with(absl::StrCat(ToAbsl(collection->name), "/"))) Take(&rest, '/');
  const std::string name = Join(collection->name, Take(&rest, '/'));
  plan.names.Add(name);
  if (rest.empty()) plan.self = name;
  if (rest == "content") plan.shows = Shows::kNothing;
  return plan;
}

ResourcePlan InModelsPath(std::string_view rest) {
  ResourcePlan plan;
  const std::string_view method = rest.substr(std::min(rest.rfind(':'), rest.size() - 1) + 1);
  const std::string_view path = rest.substr(0, rest.find(':'));
  if (IsOperation(path)) {
    plan.names.Add(std::string(path));
    plan.shows = Shows::kByName;
    if (path.size() == rest.size()) plan.self = path;
  } else if (std::find(std::begin(kStarting), std::end(kStarting), method) != std::end(kStarting)) {
    plan.shows = Shows::kByName;
  }
  return plan;
}

std::string Digest(std::string_view collection, std::string_view text) {
  constexpr std::size_t kBytes = 16;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string name = absl::StrCat(ToAbsl(collection), "/");
  for (std::size_t i = 0; i < kBytes; ++i) {
    absl::StrAppend(&name, absl::Hex(digest[i], absl::kZeroPad2));
  }
  return name;
}

}  // namespace

void ResourceNames::Add(std::string name) {
  if (name.empty() || std::find(names_.begin(), names_.end(), name) != names_.end()) return;
  if (names_.size() == kResourcesMax) {
    too_many_ = true;
    return;
  }
  names_.push_back(std::move(name));
}

ResourcePlan ResourcesInPath(std::string_view rest) {
  constexpr std::string_view kOpenAi = "openai/";
  if (rest.starts_with(kOpenAi)) return InOpenAiPath(rest.substr(kOpenAi.size()));
  if (rest.starts_with("models/")) return InModelsPath(rest);
  ResourcePlan plan;
  const std::size_t colon = std::min(rest.find(':'), rest.size());
  const std::string_view method = rest.substr(colon);
  const std::string_view path = rest.substr(0, colon);
  std::string_view below = path;
  const Collection* const collection = Find(Take(&below, '/'));
  if (collection == nullptr || collection->shows == Shows::kNothing) return plan;
  plan.shows = collection->shows;
  plan.collection = collection->name;
  const std::string name = Join(collection->name, Take(&below, '/'));
  plan.names.Add(name);
  if (IsOperation(path)) {
    plan.names.Add(std::string(path));
    if (method.empty()) plan.self = path;
  } else if (below.empty() && method.empty()) {
    plan.self = name;
  } else if (collection->shows == Shows::kById && below != "cancel") {
    plan.shows = Shows::kNothing;  // ids of something else
  }
  // What a model makes, or the bytes of a file.
  const bool starts = !method.empty() && std::find(std::begin(kStarting), std::end(kStarting),
                                                   method.substr(1)) != std::end(kStarting);
  if ((collection->name == "tunedModels" && !method.empty() && !starts) || method == ":download") {
    plan.shows = Shows::kNothing;
  }
  return plan;
}

ResourcePlan ResourcesInUpload(std::string_view rest, std::string_view query) {
  Take(&rest, '/');  // the version
  ResourcePlan plan = ResourcesInPath(rest);
  plan.shows = Shows::kByName;
  plan.self.clear();
  const std::string upload_id = QueryValue(query, "upload_id");
  if (!upload_id.empty()) plan.names.Add(UploadResource(upload_id));
  return plan;
}

std::string ResourceNamed(std::string_view full_name) {
  if (IsOperation(full_name)) return std::string(full_name);
  std::string_view rest = full_name;
  const Collection* const collection = Find(Take(&rest, '/'));
  if (collection == nullptr || collection->shows == Shows::kNothing) return {};
  return Join(collection->name, Take(&rest, '/'));
}

bool IsListOfProject(std::string_view rest) {
  constexpr std::string_view kOpenAi = "openai/";
  if (rest.starts_with("models/")) return rest.ends_with("/operations");
  if (rest.starts_with(kOpenAi)) rest.remove_prefix(kOpenAi.size());
  const Collection* const collection = Find(rest);
  return collection != nullptr && collection->shows != Shows::kNothing;
}

std::string SubjectOfOperation(std::string_view name) {
  if (!IsOperation(name)) return {};
  const Collection* const collection = Find(Take(&name, '/'));
  return collection == nullptr ? std::string() : Join(collection->name, Take(&name, '/'));
}

std::string ResourceOf(std::string_view collection, std::string_view name_or_id) {
  if (name_or_id.find('/') != std::string_view::npos) {
    return name_or_id.starts_with(collection) ? ResourceNamed(name_or_id) : std::string();
  }
  return Join(collection, name_or_id);
}

std::string ResourceInUri(std::string_view uri, std::initializer_list<std::string_view> hosts) {
  constexpr std::string_view kFiles = "/files/";
  if (uri.starts_with("files/")) return ResourceNamed(uri.substr(0, uri.find_first_of(":?#")));
  const std::string_view scheme = uri.substr(0, uri.find("://"));
  if (!IsIgnoringCase(scheme, "https") && !IsIgnoringCase(scheme, "http")) return {};
  const std::string_view authority = AuthorityIn(uri);
  const auto is = [authority](std::string_view host) {
    return !host.empty() && SameName(host, authority);
  };
  if (!is(kGoogle) && !std::any_of(hosts.begin(), hosts.end(), is)) return {};
  std::string_view path = uri.substr(std::min(scheme.size() + 3 + authority.size(), uri.size()));
  path = path.substr(0, path.find_first_of("?#"));
  const std::size_t at = path.find(kFiles);
  if (at == std::string_view::npos) return {};
  const std::string_view id = path.substr(at + kFiles.size());
  return Join("files", id.substr(0, id.find_first_of("/:")));
}

std::string UploadResource(std::string_view upload_id) { return Digest("uploads", upload_id); }
std::string LiveResource(std::string_view handle) { return Digest("live", handle); }

absl::Duration UsualLifetime(std::string_view name) {
  if (IsOperation(name)) return Find("operations")->lifetime;
  const Collection* const collection = Find(name.substr(0, name.find('/')));
  return collection == nullptr ? absl::ZeroDuration() : collection->lifetime;
}

bool IsOfOneProject(std::string_view name) {
  const Collection* const collection = Find(name.substr(0, name.find('/')));
  return IsOperation(name) || (collection != nullptr && collection->of_one_project);
}

}  // namespace keypool::proxy
