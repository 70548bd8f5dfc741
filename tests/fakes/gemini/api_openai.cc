// The OpenAI-compatible part: /{version}/openai/….
#include <algorithm>
#include <boost/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
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

// How OpenAI's API calls the states of a batch.
std::string_view StatusOf(std::string_view state) {
  return state == "BATCH_STATE_CANCELLED" ? "cancelled" : "validating";
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

// /batches, /batches/ID and /batches/ID/cancel, with ids that are names: "batches/…".
Reply GeminiApi::OpenAiBatches(const ApiRequest& request, const Subject& subject) {
  const auto resource = [](const std::string& name, const Kept& batch) {
    return json::object{{"id", name},
                        {"object", "batch"},
                        {"endpoint", "/v1/chat/completions"},
                        {"completion_window", "24h"},
                        {"input_file_id", batch.input_file},
                        {"status", StatusOf(batch.state)},
                        {"created_at", absl::ToUnixSeconds(batch.created)}};
  };
  constexpr std::string_view kCancel = "/cancel";
  std::string name = subject.method.substr(std::min<std::size_t>(8, subject.method.size()));
  const bool cancels = name.ends_with(kCancel);
  if (cancels) name.erase(name.size() - kCancel.size());
  if (name.empty() && request.head->method == "POST") {
    boost::system::error_code error;
    const json::value body = json::parse(request.body, error);
    const json::value* file = error ? nullptr : body.find_pointer("/input_file_id", error);
    if (file == nullptr || !file->is_string()) {
      return BadRequest("input_file_id is missing.", subject.shape);
    }
    name = absl::StrCat("batches/fake-", ++made_);
    Kept& batch = batches_[name];
    batch.project = subject.project;
    batch.created = request.at;
    batch.state = "BATCH_STATE_PENDING";
    batch.input_file = file->get_string();
    return JsonReply(resource(name, batch));
  }
  const auto found = batches_.find(name);
  if (found == batches_.end() || found->second.project != subject.project) {
    return ErrorReply({404, "NOT_FOUND", "Requested entity was not found.", {}}, subject.shape);
  }
  if (cancels) found->second.state = "BATCH_STATE_CANCELLED";
  return JsonReply(resource(name, found->second));
}

Reply GeminiApi::OpenAiAnswer(const ApiRequest& request, const Subject& subject) {
  if (subject.method.starts_with("models")) return OpenAiModels(subject);
  if (subject.method.starts_with("batches")) return OpenAiBatches(request, subject);
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
