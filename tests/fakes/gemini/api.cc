#include "tests/fakes/gemini/api.h"

#include <array>
#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/fakes/gemini/contents.h"
#include "tests/fakes/gemini/function_calls.h"
#include "tests/fakes/gemini/resources.h"

namespace keypool::fake {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 6> kMetered{"generateContent",  "streamGenerateContent",
                                                   "embedContent",     "batchEmbedContents",
                                                   "chat/completions", "embeddings"};

// As the answers say them.
std::int64_t Tokens(const ApiRequest& request) { return 1 + request.body_bytes / 4; }

bool IsMetered(std::string_view method) {
  for (const std::string_view metered : kMetered) {
    if (metered == method) return true;
  }
  return false;
}

bool Embeds(std::string_view method) { return method.find("mbed") != std::string_view::npos; }

void RemovePrefix(std::string_view prefix, std::string* text) {
  if (text->starts_with(prefix)) text->erase(0, prefix.size());
}

std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(PercentDecode(path.substr(0, end)));
    path.remove_prefix(end);
  }
  return segments;
}

void FindCredentials(const RequestHead& head, Subject* subject) {
  for (const std::string_view value : head.All("x-goog-api-key")) {
    subject->credentials.emplace_back(value);
  }
  for (const std::string_view value : head.All("authorization")) {
    const std::size_t space = value.find(' ');
    subject->credentials.emplace_back(space == std::string_view::npos ? value
                                                                      : value.substr(space + 1));
    subject->bearer = true;
  }
  for (const QueryParameter& parameter : ParseQuery(head.query())) {
    if (parameter.name == "key" || parameter.name == "access_token") {
      subject->credentials.push_back(parameter.value);
    }
  }
  if (subject->credentials.size() == 1) subject->key = subject->credentials[0];
}

// /v1beta/models/{model}:{method}, /v1beta/models/{model}, /v1beta/files/…: any version.
void FindNative(const std::vector<std::string>& segments, const RequestHead& head,
                Subject* subject) {
  if (segments.size() < 2) return;
  subject->method = segments[1];
  const bool has_model = segments[1] == "models" || segments[1] == "tunedModels";
  if (has_model && segments.size() >= 3) {
    const std::size_t colon = segments[2].rfind(':');
    subject->model = segments[2].substr(0, colon);
    if (colon != std::string::npos) subject->method = segments[2].substr(colon + 1);
  }
  if (subject->method == "streamGenerateContent") {
    subject->shape = Shape::kJsonArray;
    for (const QueryParameter& parameter : ParseQuery(head.query())) {
      if (parameter.name == "alt" && parameter.value == "sse") subject->shape = Shape::kSse;
    }
  }
}

void FindOpenAi(const std::vector<std::string>& segments, const std::string& body,
                Subject* subject) {
  subject->openai = true;
  subject->shape = Shape::kOpenAi;
  for (std::size_t i = 2; i < segments.size(); ++i) {
    if (i > 2) subject->method += "/";
    subject->method += segments[i];
  }
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  if (error || !value.is_object()) return;
  if (const json::value* model = value.get_object().if_contains("model");
      model != nullptr && model->is_string()) {
    subject->model = model->get_string();
    RemovePrefix("models/", &subject->model);
  }
}

}  // namespace

std::set<std::string> UsualModels() {
  return {"gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro",
          "gemini-3-flash",   "gemini-embedding-001",  "text-embedding-004"};
}

GeminiApi::GeminiApi(QuotaOptions quota, std::set<std::string> models, absl::TimeZone pacific)
    : quota_(std::move(quota), pacific), models_(std::move(models)) {}

Subject GeminiApi::Identify(const ApiRequest& request) const {
  Subject subject;
  FindCredentials(*request.head, &subject);
  const std::vector<std::string> segments = Segments(request.head->path());
  if (!segments.empty() && segments[0] == "upload") {
    subject.method = "upload";
  } else if (segments.size() >= 3 && segments[1] == "openai") {
    FindOpenAi(segments, request.body, &subject);
  } else {
    FindNative(segments, *request.head, &subject);
  }
  if (!subject.key.empty()) subject.project = quota_.ProjectOf(subject.key).value_or("");
  return subject;
}

Reply GeminiApi::Answer(const ApiRequest& request, const Subject& subject) {
  if (subject.method == "upload" && subject.credentials.empty()) {
    // Python's SDK sends chunks of an upload without a key: the upload id says enough.
    for (const QueryParameter& parameter : ParseQuery(request.head->query())) {
      if (parameter.name == "upload_id" && uploads_.contains(parameter.value)) {
        return Upload(request, subject);
      }
    }
  }
  if (subject.credentials.size() > 1) return MultipleCredentials(subject.shape);
  if (subject.credentials.empty()) return UnregisteredCaller(subject.shape);
  if (subject.openai && !subject.bearer) return MissingBearer();
  if (!subject.openai && subject.bearer) {
    return ErrorReply({401,
                       "UNAUTHENTICATED",
                       "Request had invalid authentication credentials. Expected OAuth 2 access "
                       "token, login cookie or other valid authentication credential.",
                       {}},
                      subject.shape);
  }
  if (subject.project.empty()) return InvalidKey(subject.shape);
  if (std::optional<Reply> foreign = Foreign(request, subject)) return *std::move(foreign);
  if (IsMetered(subject.method)) {
    if (!models_.contains(subject.model)) return UnknownModel(subject.model, subject.shape);
    const std::vector<Violation> violations =
        quota_.Charge(subject.key, subject.project, subject.model, request.at, Tokens(request));
    if (!violations.empty()) {
      return QuotaExceeded(violations, subject.model, Embeds(subject.method), subject.shape);
    }
    ++answers_;
  }
  return subject.openai ? OpenAiAnswer(request, subject) : NativeAnswer(request, subject);
}

Reply GeminiApi::NativeAnswer(const ApiRequest& request, const Subject& subject) {
  const bool from_cache = request.body.find("\"cachedContent\"") != std::string::npos;
  const Saying saying{subject.model,
                      subject.project,
                      answers_,
                      Tokens(request),
                      FunctionToCall(request.body),
                      from_cache ? kCachedTokens : 0};
  const std::string& method = subject.method;
  if (method == "generateContent") return JsonReply(GeneratedContent(saying));
  if (method == "streamGenerateContent") {
    return subject.shape == Shape::kSse ? GeneratedSse(saying) : GeneratedArray(saying);
  }
  if (method == "countTokens") {
    if (!models_.contains(subject.model)) return UnknownModel(subject.model, subject.shape);
    return JsonReply(
        json::object{{"totalTokens", saying.prompt_tokens},
                     {"promptTokensDetails",
                      json::array{{{"modality", "TEXT"}, {"tokenCount", saying.prompt_tokens}}}}});
  }
  if (method == "embedContent") {
    return JsonReply(json::object{{"embedding", {{"values", Embedding(request.body, 8)}}}});
  }
  if (method == "batchEmbedContents") {
    boost::system::error_code error;
    const json::value body = json::parse(request.body, error);
    const json::value* requests =
        !error && body.is_object() ? body.get_object().if_contains("requests") : nullptr;
    if (requests == nullptr || !requests->is_array()) {
      return BadRequest("Invalid JSON payload received. requests is missing.", subject.shape);
    }
    json::array embeddings;
    for (const json::value& one : requests->get_array()) {
      embeddings.push_back(json::object{{"values", Embedding(json::serialize(one), 8)}});
    }
    return JsonReply(json::object{{"embeddings", std::move(embeddings)}});
  }
  if (method == "models") return Models(request, subject);
  if (method == "files") return Files(request, subject);
  if (method == "upload") return Upload(request, subject);
  if (method == "cachedContents") return Caches(request, subject);
  if (method == "batches") return Batches(request, subject);
  if (method == "interactions") return Interactions(request, subject);
  if (method == "batchGenerateContent") return StartBatch(request, subject);
  return NoSuchPage(request.head->path());
}

Reply GeminiApi::Models(const ApiRequest& request, const Subject& subject) const {
  json::array listed;
  for (const std::string& model : models_) {
    if (!subject.model.empty() && model != subject.model) continue;
    const json::array methods =
        Embeds(model) ? json::array{"embedContent", "countTextTokens"}
                      : json::array{"generateContent", "countTokens", "createCachedContent"};
    listed.push_back(json::object{{"name", "models/" + model},
                                  {"version", "001"},
                                  {"displayName", model},
                                  {"description", "A model of the fake Gemini."},
                                  {"inputTokenLimit", 1048576},
                                  {"outputTokenLimit", 65536},
                                  {"supportedGenerationMethods", methods}});
  }
  if (request.head->method != "GET") return NoSuchPage(request.head->path());
  if (subject.model.empty()) return JsonReply(json::object{{"models", std::move(listed)}});
  if (listed.empty()) return UnknownModel(subject.model, subject.shape);
  return JsonReply(listed[0]);
}

void GeminiApi::Reset() {
  quota_.Reset();
  files_.clear();
  uploads_.clear();
  caches_.clear();
  batches_.clear();
  interactions_.clear();
  live_handles_.clear();
}

}  // namespace keypool::fake
