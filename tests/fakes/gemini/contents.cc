#include "tests/fakes/gemini/contents.h"

#include <boost/json.hpp>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace keypool::fake {
namespace {

namespace json = boost::json;

constexpr std::int64_t kChatCreated = 1'760'000'000;
constexpr std::int64_t kAnswerTokens = 12;

std::vector<std::string> Words(const Saying& saying) {
  return {"Hello from the fake Gemini: ", absl::StrCat("answer ", saying.number, " "),
          absl::StrCat("of project ", saying.project, ".")};
}

json::object Usage(const Saying& saying, std::int64_t answer_tokens) {
  json::object usage{{"promptTokenCount", saying.prompt_tokens}};
  if (saying.cached_tokens > 0) usage["cachedContentTokenCount"] = saying.cached_tokens;
  if (answer_tokens > 0) usage["candidatesTokenCount"] = answer_tokens;
  usage["totalTokenCount"] = saying.prompt_tokens + answer_tokens;
  usage["promptTokensDetails"] =
      json::array{{{"modality", "TEXT"}, {"tokenCount", saying.prompt_tokens}}};
  return usage;
}

json::object Content(const Saying& saying, const std::string& text, bool last,
                     std::int64_t tokens) {
  json::object candidate{
      {"content", {{"parts", json::array{{{"text", text}}}}, {"role", "model"}}}};
  if (last) candidate["finishReason"] = "STOP";
  candidate["index"] = 0;
  return {{"candidates", json::array{std::move(candidate)}},
          {"usageMetadata", Usage(saying, tokens)},
          {"modelVersion", saying.model},
          {"responseId", absl::StrCat("fake-", saying.number)}};
}

// What the function is called with.
const json::object kArguments{{"city", "Paris"}};

json::object FunctionCall(const Saying& saying) {
  json::object content = Content(saying, "", true, kAnswerTokens);
  content["candidates"].at(0).at("content").at("parts") =
      json::array{{{"functionCall", {{"name", saying.function}, {"args", kArguments}}}}};
  return content;
}

json::object ToolCall(const Saying& saying) {
  return {{"id", "call-1"},
          {"type", "function"},
          {"function", {{"name", saying.function}, {"arguments", json::serialize(kArguments)}}}};
}

std::vector<std::string> ContentParts(const Saying& saying) {
  if (!saying.function.empty()) return {json::serialize(FunctionCall(saying))};
  const std::vector<std::string> words = Words(saying);
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool last = i + 1 == words.size();
    // Usage is cumulative: the last event says it all.
    const std::int64_t tokens = kAnswerTokens * static_cast<std::int64_t>(i) / 2;
    parts.push_back(json::serialize(Content(saying, words[i], last, tokens)));
  }
  return parts;
}

Reply Stream(std::string_view content_type) {
  Reply reply;
  reply.framing = Framing::kChunked;
  reply.headers = {{"Content-Type", std::string(content_type)},
                   {"Vary", "Origin, X-Origin, Referer"},
                   {"Server", "fake-gemini"}};
  return reply;
}

json::object ChatHead(const Saying& saying, std::string_view object) {
  return {{"id", absl::StrCat("chatcmpl-fake-", saying.number)},
          {"object", object},
          {"created", kChatCreated},
          {"model", saying.model}};
}

json::object ChatUsage(const Saying& saying) {
  return {{"prompt_tokens", saying.prompt_tokens},
          {"completion_tokens", kAnswerTokens},
          {"total_tokens", saying.prompt_tokens + kAnswerTokens}};
}

std::vector<float> Numbers(const std::string& text, std::int64_t dimensions) {
  std::vector<float> numbers;
  std::uint32_t state = 2166136261u;
  for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 16777619u;
  for (std::int64_t i = 0; i < dimensions; ++i) {
    state = state * 1664525u + 1013904223u;
    numbers.push_back(static_cast<float>(state >> 16) / 65536.0f - 0.5f);
  }
  return numbers;
}

}  // namespace

json::value GeneratedContent(const Saying& saying) {
  if (!saying.function.empty()) return FunctionCall(saying);
  std::string text;
  for (const std::string& word : Words(saying)) text += word;
  return Content(saying, text, true, kAnswerTokens);
}

Reply GeneratedSse(const Saying& saying) {
  Reply reply = Stream("text/event-stream");
  for (const std::string& part : ContentParts(saying)) {
    reply.pieces.push_back("data: " + part + "\r\n\r\n");
  }
  return reply;
}

Reply GeneratedArray(const Saying& saying) {
  Reply reply = Stream("application/json; charset=UTF-8");
  std::string before = "[";
  for (const std::string& part : ContentParts(saying)) {
    reply.pieces.push_back(before + part);
    before = "\n,";
  }
  reply.pieces.back() += "\n]\n";
  return reply;
}

json::value ChatCompletion(const Saying& saying) {
  std::string text;
  for (const std::string& word : Words(saying)) text += word;
  json::object chat = ChatHead(saying, "chat.completion");
  json::object message{{"role", "assistant"}, {"content", text}};
  if (!saying.function.empty()) {
    message["content"] = nullptr;
    message["tool_calls"] = json::array{ToolCall(saying)};
  }
  chat["choices"] = json::array{{{"index", 0},
                                 {"finish_reason", saying.function.empty() ? "stop" : "tool_calls"},
                                 {"message", std::move(message)}}};
  chat["usage"] = ChatUsage(saying);
  return chat;
}

Reply ChatSse(const Saying& saying, bool with_usage) {
  Reply reply = Stream("text/event-stream");
  const std::vector<std::string> words = Words(saying);
  for (std::size_t i = 0; i < words.size(); ++i) {
    json::object chunk = ChatHead(saying, "chat.completion.chunk");
    json::object choice{{"index", 0}, {"delta", {{"role", "assistant"}, {"content", words[i]}}}};
    choice["finish_reason"] = i + 1 == words.size() ? json::value("stop") : json::value(nullptr);
    chunk["choices"] = json::array{std::move(choice)};
    reply.pieces.push_back("data: " + json::serialize(chunk) + "\n\n");
  }
  if (with_usage) {
    json::object chunk = ChatHead(saying, "chat.completion.chunk");
    chunk["choices"] = json::array{};
    chunk["usage"] = ChatUsage(saying);
    reply.pieces.push_back("data: " + json::serialize(chunk) + "\n\n");
  }
  reply.pieces.push_back("data: [DONE]\n\n");
  return reply;
}

json::array Embedding(const std::string& text, std::int64_t dimensions) {
  json::array values;
  for (const float number : Numbers(text, dimensions)) values.push_back(number);
  return values;
}

std::string EmbeddingBase64(const std::string& text, std::int64_t dimensions) {
  const std::vector<float> numbers = Numbers(text, dimensions);
  std::string bytes(numbers.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return absl::Base64Escape(bytes);
}

}  // namespace keypool::fake
