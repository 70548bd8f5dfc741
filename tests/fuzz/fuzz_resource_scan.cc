// The scan says the same in any pieces; every name could be told to keyd; and on bodies that are
// sound JSON it finds what a whole reading of the document finds.
#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "proxy/resource_scan.h"
#include "tests/fuzz/fuzz.h"

namespace keypool::proxy {
namespace {

namespace json = boost::json;

constexpr ResourceScan::Hosts kHosts{"upstream:9", "localhost:8000", "pool.example"};

ResourceNames Scan(std::string_view body, std::size_t piece) {
  ResourceScan scan(kHosts);
  for (std::size_t at = 0; at < body.size(); at += piece) scan.Feed(body.substr(at, piece));
  return scan.Names();
}

enum class Parent { kTop, kInputConfig, kResumption, kOther };

// The rules once more, over a document.
class Reading {
 public:
  void Object(const json::object& object, Parent parent, int depth) {
    if (depth > 100) return;
    for (const json::key_value_pair& member : object) {
      const std::string name(member.key().data(), member.key().size());
      Value(name, member.value(), parent, depth);
    }
  }

  ResourceNames names;

 private:
  void Value(const std::string& name, const json::value& value, Parent parent, int depth) {
    if (value.is_string()) return Text(name, std::string(value.get_string()), parent);
    if (value.is_array() && depth < 100) {
      for (const json::value& one : value.get_array()) Value(name, one, parent, depth + 1);
    }
    if (!value.is_object()) return;
    for (const char* own : {"args", "arguments", "response", "result", "parameters"}) {
      if (name == own) return;
    }
    Parent inside = Parent::kOther;
    if (name == "inputConfig" || name == "input_config") inside = Parent::kInputConfig;
    if (name == "sessionResumption" || name == "session_resumption") inside = Parent::kResumption;
    Object(value.get_object(), inside, depth + 1);
  }

  void Text(const std::string& name, const std::string& text, Parent parent) {
    if (text.size() > JsonWalk::kTextBytesMax) return;
    const bool top = parent == Parent::kTop;
    const auto is = [&name](const char* a, const char* b) { return name == a || name == b; };
    if (is("fileUri", "file_uri") || name == "uri") {
      names.Add(ResourceInUri(text, {kHosts.upstream, kHosts.proxy, kHosts.published}));
    } else if (is("cachedContent", "cached_content")) {
      names.Add(ResourceOf("cachedContents", text));
    } else if (is("fileSearchStoreNames", "file_search_store_names")) {
      names.Add(ResourceOf("fileSearchStores", text));
    } else if (is("fileName", "file_name") && (top || parent == Parent::kInputConfig)) {
      names.Add(ResourceOf("files", text));
    } else if (name == "input_file_id" && top) {
      names.Add(ResourceOf("files", text));
    } else if (name == "file_id" && text.starts_with("files/")) {
      names.Add(ResourceNamed(text));
    } else if (is("previous_interaction_id", "previousInteractionId") && top) {
      names.Add(ResourceOf("interactions", text));
    } else if (name == "environment" && top) {
      names.Add(ResourceOf("environments", text));
    } else if (name == "agent" && top) {
      names.Add(ResourceOf("agents", text));
    } else if (name == "model" && top && text.starts_with("tunedModels/")) {
      names.Add(ResourceNamed(text));
    } else if (name == "handle" && parent == Parent::kResumption && !text.empty()) {
      names.Add(LiveResource(text));
    }
  }
};

bool IsAscii(const json::value& value) {
  const std::string text = json::serialize(value);
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
}

}  // namespace

void Fuzz(std::string_view bytes) {
  const ResourceNames names = Scan(bytes, bytes.size() + 1);
  for (const std::string& name : names.all()) {
    FUZZ_CHECK(!name.empty() && name.size() <= kResourceBytesMax);
    FUZZ_CHECK(std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f'; }));
    FUZZ_CHECK(UsualLifetime(name) > absl::ZeroDuration());
  }
  for (const std::size_t piece : {1u, 3u, 17u}) {
    const ResourceNames in_pieces = Scan(bytes, piece);
    FUZZ_CHECK(in_pieces.all() == names.all());
    FUZZ_CHECK(in_pieces.TooMany() == names.TooMany());
  }
  json::error_code error;
  json::parse_options options;
  options.max_depth = 99;
  const json::value document =
      json::parse(json::string_view(bytes.data(), bytes.size()), error, {}, options);
  // A document keeps one of several members, the scan takes all of them.
  if (error || !document.is_object() || !IsAscii(document)) return;
  Reading reading;
  reading.Object(document.get_object(), Parent::kTop, 1);
  const std::string again = json::serialize(document);
  FUZZ_CHECK(Scan(again, again.size()).all() == reading.names.all());
}

}  // namespace keypool::proxy
