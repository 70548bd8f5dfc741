#include "proxy/resource_scan.h"

#include <algorithm>
#include <iterator>

namespace keypool::proxy {
namespace {

// Where an object is. 0: in the caller's own words.
enum Place : std::uint8_t {
  kOwnWords = 0,
  kTop = JsonWalk::kTop,
  kInside,
  kInput,   // where a batch's requests come from
  kResume,  // of a Live session
};
enum Wish : std::uint8_t {
  kNone = 0,
  kUri,
  kFile,
  kFullFile,  // "file_id", which may also be an id of somebody else's
  kStore,
  kCache,
  kInteraction,
  kEnvironment,
  kAgent,
  kTunedModel,
  kHandle,
};

struct Row {
  std::string_view name;
  Wish wish;
  Place only_in;  // kOwnWords: anywhere
};
// gemini-wire.md §3.
constexpr Row kRows[] = {
    {"fileUri", kUri, kOwnWords},
    {"file_uri", kUri, kOwnWords},
    {"uri", kUri, kOwnWords},
    {"cachedContent", kCache, kOwnWords},
    {"cached_content", kCache, kOwnWords},
    {"fileSearchStoreNames", kStore, kOwnWords},
    {"file_search_store_names", kStore, kOwnWords},
    {"fileName", kFile, kInput},
    {"file_name", kFile, kInput},
    {"fileName", kFile, kTop},
    {"file_name", kFile, kTop},
    {"input_file_id", kFile, kTop},
    {"file_id", kFullFile, kOwnWords},
    {"previous_interaction_id", kInteraction, kTop},
    {"previousInteractionId", kInteraction, kTop},
    {"environment", kEnvironment, kTop},
    {"agent", kAgent, kTop},
    {"model", kTunedModel, kTop},
    {"handle", kHandle, kResume},
};

constexpr std::string_view kOwnWordsOf[] = {"args", "arguments", "response", "result",
                                            "parameters"};

Place PlaceOf(std::string_view name) {
  if (std::find(std::begin(kOwnWordsOf), std::end(kOwnWordsOf), name) != std::end(kOwnWordsOf)) {
    return kOwnWords;
  }
  if (name == "inputConfig" || name == "input_config") return kInput;
  if (name == "sessionResumption" || name == "session_resumption") return kResume;
  return kInside;
}

}  // namespace

JsonWalk::Member ResourceScan::Finder::OnName(std::uint8_t place, std::string_view name) {
  if (place == kOwnWords) return {};
  const Row* const row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) {
    return r.name == name && (r.only_in == kOwnWords || r.only_in == place);
  });
  return {PlaceOf(name), row == std::end(kRows) ? kNone : row->wish};
}

void ResourceScan::Finder::OnText(std::uint8_t wish, std::string_view text) {
  switch (wish) {
    case kUri:
      return names.Add(ResourceInUri(text, {hosts.upstream, hosts.proxy, hosts.published}));
    case kFile:
      return names.Add(ResourceOf("files", text));
    case kFullFile:
      if (text.starts_with("files/")) names.Add(ResourceNamed(text));
      return;
    case kStore:
      return names.Add(ResourceOf("fileSearchStores", text));
    case kCache:
      return names.Add(ResourceOf("cachedContents", text));
    case kInteraction:
      return names.Add(ResourceOf("interactions", text));
    case kEnvironment:
      return names.Add(ResourceOf("environments", text));
    case kAgent:
      return names.Add(ResourceOf("agents", text));
    case kTunedModel:
      if (text.starts_with("tunedModels/")) names.Add(ResourceNamed(text));
      return;
    case kHandle:
      if (!text.empty()) names.Add(LiveResource(text));
      return;
    default:
      return;
  }
}

}  // namespace keypool::proxy
