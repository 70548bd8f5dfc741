#include "proxy/request_plan.h"

#include <algorithm>
#include <memory>

#include "keyd/base/client_token.h"
#include "proxy/char_class.h"
#include "proxy/field_names.h"
#include "proxy/pooled_list.h"
#include "proxy/target.h"

namespace keypool::proxy {
namespace {

// Methods that Google meters per model, as they stand behind the colon of a path.
constexpr std::string_view kMeteredMethods[] = {
    "generateContent",    "streamGenerateContent", "embedContent",
    "batchEmbedContents", "batchGenerateContent",  "predict",
    "predictLongRunning", "generateAnswer",        "asyncBatchEmbedContent",
};
// Collections whose members are models; the first one's name is left out of the model's.
constexpr std::string_view kCollections[] = {"models/", "tunedModels/", "dynamic/"};
// Below /{version}/openai/: paths whose POST names the model in the body.
constexpr std::string_view kOpenAiMetered[] = {"chat/completions", "embeddings",
                                               "images/generations"};

template <std::size_t N>
bool IsIn(const std::string_view (&set)[N], std::string_view text) {
  for (const std::string_view member : set) {
    if (member == text) return true;
  }
  return false;
}

// v1, v1beta, v1alpha, v1main, v2beta3, … : 'v', digits, then small letters and digits.
bool IsVersion(std::string_view segment) {
  if (segment.size() < 2 || segment[0] != 'v' || !Is(kDigitChar, segment[1])) return false;
  for (const char c : segment.substr(2)) {
    if (!Is(kDigitChar, c) && (c < 'a' || c > 'z')) return false;
  }
  return true;
}

bool IsAdmin(std::string_view path) { return path == "/admin" || path.starts_with("/admin/"); }
bool IsOwn(std::string_view path) { return path == "/health" || IsAdmin(path); }

// A POST, or what Google takes for one because another method was asked for beside the request
// line.
bool Posts(const RequestHead& head, const QueryFacts& query) {
  if (IsIgnoringCase(head.method, "post") || query.method_override) return true;
  for (const Field& field : head.fields) {
    if (Identify(field.name) == FieldName::kMethodOverride) return true;
  }
  return false;
}

// `rest` is what stands behind "/{version}/". Other collections than those of models are passed on
// unmetered, so that what Google adds works from its first day.
void PlanNative(const RequestHead& head, const QueryFacts& query, std::string_view rest,
                Plan* plan) {
  const auto* const collection =
      std::find_if(std::begin(kCollections), std::end(kCollections),
                   [rest](std::string_view name) { return rest.starts_with(name); });
  if (collection == std::end(kCollections)) return;
  const std::size_t colon = std::min(rest.rfind(':'), rest.size());
  const std::string_view method = rest.substr(std::min(colon + 1, rest.size()));
  const std::string_view member = rest.substr(collection->size(), colon - collection->size());
  const std::string_view model = collection == kCollections ? member : rest.substr(0, colon);
  const bool is_name = AllAre(kModelChar, member) && IsModelName(model);
  if (is_name) plan->model = model;
  if (!IsIn(kMeteredMethods, method) || !Posts(head, query)) return;
  plan->kind = Kind::kMetered;
  if (method == "streamGenerateContent" && !query.sse) plan->error_shape = ErrorShape::kJsonArray;
  if (!is_name) {
    plan->problem =
        "The path names no Gemini model: write /v1beta/models/MODEL:METHOD, with a MODEL of at "
        "most "
        "128 letters, digits, dots, dashes and underscores.";
  }
}

// /ws/google.ai.generativelanguage.{version}.GenerativeService.{method}
bool IsLivePath(std::string_view path) {
  constexpr std::string_view kStart = "/ws/google.ai.generativelanguage.";
  constexpr std::string_view kService = ".GenerativeService.";
  constexpr std::string_view kMethods[] = {"BidiGenerateContent", "BidiGenerateContentConstrained",
                                           "BidiGenerateMusic"};
  if (!path.starts_with(kStart)) return false;
  path.remove_prefix(kStart.size());
  const std::size_t service = path.find(kService);
  return service != std::string_view::npos && IsVersion(path.substr(0, service)) &&
         IsIn(kMethods, path.substr(service + kService.size()));
}

// RFC 6455, section 4.1, as far as it parts this request from others.
bool AsksForWebSocket(const RequestHead& head) {
  if (head.method != "GET" || head.minor_version != 1 || head.framing != Framing::kNone) {
    return false;
  }
  bool connection = false, upgrade = false;
  for (const Field& field : head.fields) {
    const FieldName name = Identify(field.name);
    if (name == FieldName::kConnection) {
      connection |= !ForEachElement(
          field.value, [](std::string_view token) { return !IsIgnoringCase(token, "upgrade"); });
    } else if (name == FieldName::kUpgrade) {
      upgrade |= IsIgnoringCase(field.value, "websocket");
    }
  }
  return connection && upgrade;
}

bool HasEphemeralToken(const RequestHead& head, const QueryFacts& query) {
  return query.ephemeral_token ||
         std::any_of(head.fields.begin(), head.fields.end(), IsEphemeralToken);
}

// Behind the scheme of an Authorization field, if there is one.
std::string_view CredentialIn(const Field& field) {
  const FieldName name = Identify(field.name);
  if (name == FieldName::kGoogApiKey) return field.value;
  if (name != FieldName::kAuthorization) return {};
  return field.value.substr(field.value.find_last_of(" \t") + 1);
}

// `query` has credentials, or is empty.
SecretPtr FindClientToken(const RequestHead& head, std::string_view query) {
  for (const Field& field : head.fields) {
    const std::string_view credential = CredentialIn(field);
    if (LooksLikeClientToken(credential)) return std::make_shared<const Secret>(credential);
  }
  if (query.empty()) return nullptr;
  const std::string credential = ClientTokenIn(query);
  return credential.empty() ? nullptr : std::make_shared<const Secret>(credential);
}

// `path` starts with a slash.
void PlanUpstream(const RequestHead& head, const QueryFacts& query, std::string_view path,
                  Plan* plan) {
  if (query.sse) plan->error_shape = ErrorShape::kSse;
  path.remove_prefix(1);
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::string_view version = path.substr(0, slash);
  const std::string_view rest = path.substr(std::min(slash + 1, path.size()));
  if (version == "upload") {
    plan->body = BodyPlan::kStream;
    const std::size_t mark = std::min(head.target.find('?'), head.target.size() - 1);
    plan->resources = ResourcesInUpload(rest, head.target.substr(mark + 1));
  }
  if (!IsVersion(version)) {
    // The one method on no collection: /v1beta:chatCompletions.
    const std::size_t colon = std::min(version.find(':'), version.size());
    plan->model_in_body = rest.empty() && version.substr(colon) == ":chatCompletions" &&
                          IsVersion(version.substr(0, colon)) && Posts(head, query);
    return;
  }
  plan->resources = ResourcesInPath(rest);
  if (rest == "openai" || rest.starts_with("openai/")) {
    plan->error_shape = ErrorShape::kOpenAi;
    plan->key_place = KeyPlace::kBearer;
    plan->model_in_body =
        rest.size() > 7 && IsIn(kOpenAiMetered, rest.substr(7)) && Posts(head, query);
  } else if (rest == "interactions" || rest.starts_with("interactions/")) {
    plan->error_shape = ErrorShape::kInteractions;
    plan->model_in_body = rest == "interactions" && Posts(head, query);
  } else {
    PlanNative(head, query, rest, plan);
    if (head.method == "GET" && !Posts(head, query)) {
      plan->pooled_collection = PooledCollectionNamed(rest);
    }
  }
  plan->lists_project = head.method == "GET" && !Posts(head, query) &&
                        plan->pooled_collection.empty() && IsListOfProject(rest);
}

}  // namespace

bool IsEphemeralToken(const Field& field) {
  constexpr std::string_view kScheme = "token ";
  std::string_view value = field.value;
  const FieldName name = Identify(field.name);
  if (name == FieldName::kAuthorization) {
    if (!SameName(value.substr(0, kScheme.size()), kScheme)) return false;
    value.remove_prefix(kScheme.size());
  } else if (name != FieldName::kGoogApiKey) {
    return false;
  }
  return value.starts_with(kEphemeralStart);
}

bool IsModelName(std::string_view text) {
  if (text.empty() || text.size() > kModelBytesMax) return false;
  if (text.front() == '/' || text.back() == '/') return false;
  for (const char c : text) {
    if (!Is(kModelChar, c) && c != '/') return false;
  }
  return true;
}

std::string_view ModelNameIn(std::string_view text) {
  constexpr std::string_view kPrefix = kCollections[0];
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  return IsModelName(text) ? text : std::string_view{};
}

Plan MakePlan(const RequestHead& head) {
  Plan plan;
  const std::size_t mark = std::min(head.target.find('?'), head.target.size());
  const std::string_view path = head.target.substr(0, mark);
  QueryFacts facts;
  if (mark < head.target.size()) facts = ReadQuery(head.target.substr(mark + 1));
  const ReadPath read(path);
  plan.live = IsLivePath(read.view()) && AsksForWebSocket(head);
  if (plan.live && HasEphemeralToken(head, facts)) plan.key_place = KeyPlace::kNone;
  plan.client_token =
      FindClientToken(head, facts.credentials ? head.target.substr(mark + 1) : std::string_view{});
  if (facts.credentials) {
    const bool keep_token = plan.key_place == KeyPlace::kNone;
    const std::string query = WithoutCredentials(head.target.substr(mark + 1), keep_token);
    plan.target = path;
    if (!query.empty()) plan.target.append("?").append(query);
  } else {
    plan.target = head.target;
  }
  if (read.has_dot_segment()) {
    plan.problem = "The path has a '.' or '..' segment; write the path that is meant.";
  } else if (IsOwn(path)) {
    plan.route = IsAdmin(path) ? Route::kAdmin : Route::kHealth;
  } else if (IsOwn(read.view())) {
    plan.problem =
        "The path is one of the proxy's own in another spelling; write /health or /admin/... "
        "exactly so.";
  } else if (path.starts_with('/')) {
    PlanUpstream(head, facts, read.view(), &plan);
  }
  return plan;
}

}  // namespace keypool::proxy
