// The OpenAI-compatible part: /{version}/openai/….
#include <boost/json.hpp>

#include "tests/fakes/gemini/api.h"
#include "tests/fakes/gemini/contents.h"
#include "tests/fakes/gemini/function_calls.h"

namespace keypool::fake {
namespace {

namespace json = boost::json;

constexpr std::int64_t kDimensions = 8;

bool IsTrue(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::vector<std::string> Inputs(const json::object& body) {
  std::vector<std::string> inputs;
  const json::value* input = body.if_contains("input");
  if (input != nullptr && input->is_string()) inputs.emplace_back(input->get_string());
  if (input != nullptr && input->is_array()) {
    for (const json::value& one : input->get_array()) inputs.push_back(json::serialize(one));
  }
  return inputs;
}

json::value Embeddings(const json::object& body, const Saying& saying) {
  const json::value* format = body.if_contains("encoding_format");
  const bool base64 = format != nullptr && *format == json::value("base64");
  json::array data;
  for (const std::string& input : Inputs(body)) {
    json::value embedding = base64 ? json::value(EmbeddingBase64(input, kDimensions))
                                   : json::value(Embedding(input, kDimensions));
    data.push_back(json::object{
        {"object", "embedding"}, {"index", data.size()}, {"embedding", std::move(embedding)}});
  }
  return json::object{
      {"object", "list"},
      {"data", std::move(data)},
      {"model", saying.model},
      {"usage", {{"prompt_tokens", saying.prompt_tokens}, {"total_tokens", saying.prompt_tokens}}}};
}

json::object ModelObject(const std::string& model) {
  return {{"id", "models/" + model}, {"object", "model"}, {"owned_by", "google"}};
}

}  // namespace

Reply GeminiApi::OpenAiModels(const Subject& subject) const {
  constexpr std::string_view kOne = "models/";
  if (subject.method.size() > kOne.size()) {
    std::string model = subject.method.substr(kOne.size());
    if (model.starts_with(kOne)) model.erase(0, kOne.size());
    if (!models_.contains(model)) return UnknownModel(model, subject.shape);
    return JsonReply(ModelObject(model));
  }
  json::array listed;
  for (const std::string& model : models_) listed.push_back(ModelObject(model));
  return JsonReply(json::object{{"object", "list"}, {"data", std::move(listed)}});
}

Reply GeminiApi::OpenAiAnswer(const ApiRequest& request, const Subject& subject) {
  if (subject.method.starts_with("models")) return OpenAiModels(subject);
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error || !body.is_object()) {
    return BadRequest("Invalid JSON payload received.", subject.shape);
  }
  const json::object& object = body.get_object();
  const Saying saying{subject.model, subject.project, answers_, 1 + request.body_bytes / 4,
                      ToolToCall(request.body)};
  if (subject.method == "chat/completions") {
    if (!IsTrue(object, "stream")) return JsonReply(ChatCompletion(saying));
    const json::value* options = object.if_contains("stream_options");
    const bool with_usage = options != nullptr && options->is_object() &&
                            IsTrue(options->get_object(), "include_usage");
    return ChatSse(saying, with_usage);
  }
  if (subject.method == "embeddings") return JsonReply(Embeddings(object, saying));
  return NoSuchPage(request.head->path());
}

}  // namespace keypool::fake
