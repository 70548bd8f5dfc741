// Caches, batches and interactions, and which project may use what.
#include <algorithm>
#include <boost/json.hpp>
#include <functional>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "tests/fakes/gemini/api.h"
#include "tests/fakes/gemini/resources.h"

namespace keypool::fake {
namespace {

namespace json = boost::json;

// Calls `visit(name, text)` for every member of `value`, however deep, that is a text.
void ForEachText(const json::value& value,
                 const std::function<void(std::string_view, std::string_view)>& visit) {
  if (value.is_array()) {
    for (const json::value& element : value.get_array()) ForEachText(element, visit);
  } else if (value.is_object()) {
    for (const json::key_value_pair& member : value.get_object()) {
      if (member.value().is_string()) {
        const json::string& text = member.value().get_string();
        visit({member.key().data(), member.key().size()}, {text.data(), text.size()});
      } else {
        ForEachText(member.value(), visit);
      }
    }
  }
}

// The text at `pointer` ("/model"); empty when there is none.
std::string TextAt(const std::string& body, std::string_view pointer) {
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  if (error) return {};
  const json::value* const found = value.find_pointer({pointer.data(), pointer.size()}, error);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

// When a cache ends that is made or changed at `now`; nothing when the body says nothing of it.
std::optional<absl::Time> EndOfCache(const std::string& body, absl::Time now) {
  absl::Duration ttl;
  if (absl::ParseDuration(TextAt(body, "/ttl"), &ttl)) return now + ttl;
  absl::Time end;
  if (absl::ParseTime(absl::RFC3339_full, TextAt(body, "/expireTime"), &end, nullptr)) return end;
  return std::nullopt;
}

Reply NoSuchInteraction(const std::string& id) {
  Reply unknown = JsonReply(json::object{
      {"error", {{"code", "not_found"}, {"message", "Interaction " + id + " not found."}}}});
  unknown.status = 404;
  return unknown;
}

}  // namespace

std::string ResourceName(const RequestHead& head) {
  const std::string path = PercentDecode(head.path());
  const std::size_t at = path.find('/', 1);
  if (at == std::string::npos) return {};
  return path.substr(at + 1, path.find(':', at) - at - 1);
}

Reply NoAccess(std::string_view kind, std::string_view id) {
  return ErrorReply({403,
                     "PERMISSION_DENIED",
                     absl::StrCat("You do not have permission to access the ", ToAbsl(kind), " ",
                                  ToAbsl(id), " or it may not exist."),
                     {}},
                    Shape::kUnary);
}

std::string Rfc3339(absl::Time t) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", t, absl::UTCTimeZone());
}

std::optional<Reply> GeminiApi::Foreign(const ApiRequest& request, const Subject& subject) const {
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error || subject.method == "upload") return std::nullopt;
  std::optional<Reply> refused;
  ForEachText(body, [&](std::string_view name, std::string_view text) {
    const std::size_t at = text.find("files/");
    const bool names_file =
        name == "fileUri" || name == "file_uri" || name == "fileName" || name == "input_file_id";
    if (names_file && at != std::string_view::npos) {
      const auto file = files_.find(std::string(text.substr(at)));
      if (file == files_.end() || file->second.project != subject.project) {
        refused = NoAccess("File", text.substr(at + 6));
      }
    } else if (name == "cachedContent") {
      const auto cache = caches_.find(std::string(text));
      if (cache == caches_.end() || cache->second.project != subject.project) {
        refused = ErrorReply(
            {403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)", {}},
            subject.shape);
      }
    }
  });
  return refused;
}

json::value GeminiApi::CacheResource(const std::string& name, const Kept& cache) {
  return json::object{{"name", name},
                      {"model", cache.model},
                      {"displayName", cache.label},
                      {"createTime", Rfc3339(cache.created)},
                      {"updateTime", Rfc3339(cache.created)},
                      {"expireTime", Rfc3339(cache.expires)},
                      {"usageMetadata", {{"totalTokenCount", kCachedTokens}}}};
}

Reply GeminiApi::Caches(const ApiRequest& request, const Subject& subject) {
  const std::string name = ResourceName(*request.head);
  if (name == "cachedContents" && request.head->method == "POST") {
    const std::string made = absl::StrCat("cachedContents/fake-", ++made_);
    Kept& cache = caches_[made];
    cache.project = subject.project;
    cache.model = TextAt(request.body, "/model");
    cache.created = request.at;
    cache.label = TextAt(request.body, "/displayName");
    cache.expires = EndOfCache(request.body, request.at).value_or(request.at + absl::Hours(1));
    return JsonReply(CacheResource(made, cache));
  }
  if (name == "cachedContents") {
    json::array listed;
    for (const auto& [cache_name, cache] : caches_) {
      if (cache.project == subject.project) listed.push_back(CacheResource(cache_name, cache));
    }
    return JsonReply(json::object{{"cachedContents", std::move(listed)}});
  }
  const auto found = caches_.find(name);
  if (found == caches_.end() || found->second.project != subject.project) {
    return ErrorReply(
        {403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)", {}},
        Shape::kUnary);
  }
  if (request.head->method == "PATCH") {
    Kept& cache = found->second;
    cache.expires = EndOfCache(request.body, request.at).value_or(cache.expires);
  }
  if (request.head->method != "DELETE") return JsonReply(CacheResource(name, found->second));
  caches_.erase(found);
  return JsonReply(json::object{});
}

json::value GeminiApi::BatchResource(const std::string& name, const Kept& batch) {
  return json::object{{"name", name},
                      {"metadata",
                       {{"@type",
                         "type.googleapis.com/google.ai.generativelanguage.v1main."
                         "GenerateContentBatch"},
                        {"model", "models/" + batch.model},
                        {"displayName", batch.label},
                        {"createTime", Rfc3339(batch.created)},
                        {"state", batch.state},
                        {"name", name}}}};
}

Reply GeminiApi::StartBatch(const ApiRequest& request, const Subject& subject) {
  const std::string made = absl::StrCat("batches/fake-", ++made_);
  Kept& batch = batches_[made];
  batch.project = subject.project;
  batch.model = subject.model;
  batch.created = request.at;
  batch.state = "BATCH_STATE_PENDING";
  batch.label = TextAt(request.body, "/batch/displayName");
  return JsonReply(BatchResource(made, batch));
}

Reply GeminiApi::Batches(const ApiRequest& request, const Subject& subject) {
  const std::string name = ResourceName(*request.head);
  if (name == "batches") {
    json::array listed;
    for (const auto& [batch_name, batch] : batches_) {
      if (batch.project == subject.project) listed.push_back(BatchResource(batch_name, batch));
    }
    return JsonReply(json::object{{"operations", std::move(listed)}});
  }
  const auto found = batches_.find(name);
  if (found == batches_.end() || found->second.project != subject.project) {
    return ErrorReply({404, "NOT_FOUND", "Requested entity was not found.", {}}, Shape::kUnary);
  }
  if (request.head->target.find(":cancel") != std::string::npos) {
    found->second.state = "BATCH_STATE_CANCELLED";
    return JsonReply(json::object{});
  }
  if (request.head->method != "DELETE") return JsonReply(BatchResource(name, found->second));
  batches_.erase(found);
  return JsonReply(json::object{});
}

json::object GeminiApi::InteractionResource(const std::string& id, const Kept& interaction) {
  const std::string created = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", interaction.created,  //
                                               absl::UTCTimeZone());
  const json::object said{{"type", "text"}, {"text", interaction.label}};
  const json::object step{{"type", "model_output"}, {"content", json::array{said}}};
  // Clients of different age read what was said in different places.
  return {{"id", id},
          {"status", "completed"},
          {"object", "interaction"},
          {"model", interaction.model},
          {"created", created},
          {"updated", created},
          {"steps", json::array{step}},
          {"outputs", json::array{said}}};
}

// Its errors have a shape of their own.
Reply GeminiApi::Interactions(const ApiRequest& request, const Subject& subject) {
  const std::string path = ResourceName(*request.head);
  const bool creates = path == "interactions" && request.head->method == "POST";
  std::string named = TextAt(request.body, "/previous_interaction_id");
  if (!creates) {
    named = path.substr(std::min(path.find('/') + 1, path.size()));
    named = named.substr(0, named.find('/'));  // of "ID/cancel"
  }
  const auto found = interactions_.find(named);
  if (!named.empty() &&
      (found == interactions_.end() || found->second.project != subject.project)) {
    return NoSuchInteraction(named);
  }
  if (!creates && named.empty()) return NoSuchPage(request.head->path());
  if (request.head->method == "DELETE") {
    interactions_.erase(found);
    return JsonReply(json::object{});
  }
  if (!creates) return JsonReply(InteractionResource(named, found->second));
  const std::string id = absl::StrCat("v1_fake-", ++made_);
  Kept& made = interactions_[id];
  made.project = subject.project;
  made.model = TextAt(request.body, "/model");
  made.created = request.at;
  made.label = named.empty() ? "Hello from the fake Gemini." : "And again after " + named + ".";
  const json::object interaction = InteractionResource(id, made);
  if (request.body.find("\"stream\":true") == std::string::npos) return JsonReply(interaction);
  Reply stream;
  stream.framing = Framing::kChunked;
  stream.headers = {{"Content-Type", "text/event-stream"}};
  const std::string started = json::serialize(json::object{{"interaction", interaction}});
  stream.pieces = {"event: interaction.start\ndata: " + started + "\n\n",
                   "event: content.delta\ndata: {\"delta\":{\"text\":\"Hello\"}}\n\n",
                   "event: interaction.complete\ndata: " + started + "\n\n"};
  return stream;
}

}  // namespace keypool::fake
