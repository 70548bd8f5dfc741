// The scan says the same in any pieces, holds little memory, and on bodies that are sound JSON it
// finds what a reading of the whole finds, also when the JSON comes as an event or in an array.
#include <malloc.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <new>
#include <string>

#include "proxy/answer_facts.h"
#include "proxy/json_reader.h"
#include "proxy/request_plan.h"
#include "proxy/usage_scan.h"
#include "tests/fuzz/fuzz.h"

namespace {
// Bytes that operator new has given out.
std::size_t allocated = 0;
std::size_t allocated_most = 0;
}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* const memory = std::malloc(size);
  if (memory == nullptr) return nullptr;
  allocated += malloc_usable_size(memory);
  allocated_most = std::max(allocated_most, allocated);
  return memory;
}
void* operator new(std::size_t size) {
  void* const memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) allocated -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace keypool::proxy {
namespace {

struct Told {
  std::optional<TokenUsage> usage;
  std::string model;
  bool error = false;
  friend bool operator==(const Told&, const Told&) = default;
};

Told Tell(const UsageScan& scan) {
  const std::optional<AnswerFacts> error = scan.Error();
  if (error) FUZZ_CHECK(error->http_status >= 400 && error->http_status <= 599);
  if (const auto& usage = scan.usage()) {
    FUZZ_CHECK(usage->input >= 0 && usage->cached >= 0);
    FUZZ_CHECK(usage->output >= 0 && usage->thoughts >= 0);
  }
  const std::string model(scan.ModelVersion());
  FUZZ_CHECK(model.empty() || IsModelName(model));
  return {scan.usage(), model, error.has_value()};
}

Told Scan(std::string_view body, std::size_t piece) {
  const std::size_t before = allocated;
  allocated_most = allocated;
  UsageScan scan;
  for (std::size_t at = 0; at < body.size(); at += piece) scan.Feed(body.substr(at, piece));
  const std::size_t held = allocated_most - before;
  const Told told = Tell(scan);
  constexpr std::size_t kHeldMax = 3 * UsageScan::kErrorBytesMax;
  FUZZ_CHECK(held <= kHeldMax);
  return told;
}

// The number of that name in the object here; -1 when there is none.
std::int64_t ReadNumber(JsonReader* json, std::string_view wanted) {
  std::int64_t value = -1;
  if (!json->EnterObject()) return value;
  for (std::string name; json->NextName(&name);) {
    if (name == wanted) {
      value = json->Integer().value_or(value);
    } else {
      json->Skip();
    }
  }
  return value;
}

// The usage object here, as each API has it.
void ReadUsage(JsonReader* json, Told* told) {
  if (!json->EnterObject()) return;
  std::int64_t prompt = -1, tools = -1, cached = -1, output = -1, thoughts = -1, completion = -1;
  std::int64_t total = -1;
  const auto read = [json](std::int64_t* number) { *number = json->Integer().value_or(*number); };
  for (std::string name; json->NextName(&name);) {
    if (name == "promptTokenCount" || name == "prompt_tokens" || name == "total_input_tokens") {
      read(&prompt);
    } else if (name == "toolUsePromptTokenCount" || name == "total_tool_use_tokens") {
      read(&tools);
    } else if (name == "cachedContentTokenCount" || name == "total_cached_tokens") {
      read(&cached);
    } else if (name == "candidatesTokenCount" || name == "responseTokenCount" ||
               name == "total_output_tokens") {
      read(&output);
    } else if (name == "thoughtsTokenCount" || name == "total_thought_tokens") {
      read(&thoughts);
    } else if (name == "completion_tokens") {
      read(&completion);
    } else if (name == "total_tokens") {
      read(&total);
    } else if (name == "prompt_tokens_details" || name == "completion_tokens_details") {
      // Each of the two numbers counts in either of the two.
      JsonReader again = *json;
      const std::int64_t in_cache = ReadNumber(&again, "cached_tokens");
      const std::int64_t reasoning = ReadNumber(json, "reasoning_tokens");
      if (in_cache >= 0) cached = in_cache;
      if (reasoning >= 0) thoughts = reasoning;
    } else {
      json->Skip();
    }
  }
  if (std::max({prompt, tools, cached, output, thoughts, completion}) < 0) return;
  const auto known = [](std::int64_t number) { return std::max<std::int64_t>(number, 0); };
  const bool beside = known(total) == known(prompt) + known(completion) + known(thoughts);
  const bool inside = !beside && known(thoughts) <= known(completion);
  told->usage = {known(prompt) + known(tools), known(cached),
                 known(output) + known(completion) - (inside ? known(thoughts) : 0),
                 known(thoughts)};
}

void ReadModel(JsonReader* json, Told* told) {
  if (!json->AtText()) return json->Skip();
  told->model = ModelNameIn(json->Text(JsonStream::kKeptBytesMax).value_or(""));
}

// What is inside of the answer's object: "interaction" and its kind.
void ReadInner(JsonReader* json, std::string_view outer, Told* told) {
  if (!json->EnterObject()) return;
  const bool metadata = outer == "metadata";
  for (std::string name; json->NextName(&name);) {
    if (name == "usage" || (metadata && name == "total_usage")) {
      ReadUsage(json, told);
    } else if (!metadata && (name == "model" || name == "modelVersion")) {
      ReadModel(json, told);
    } else {
      json->Skip();
    }
  }
}

void ReadAnswer(JsonReader* json, Told* told) {
  if (!json->EnterObject()) return;
  for (std::string name; json->NextName(&name);) {
    if (name == "usage" || name == "usageMetadata") {
      ReadUsage(json, told);
    } else if (name == "model" || name == "modelVersion") {
      ReadModel(json, told);
    } else if (name == "interaction" || name == "response" || name == "metadata") {
      ReadInner(json, name, told);
    } else if (name == "error" && json->EnterObject()) {
      told->error = true;
      while (json->NextName(&name)) json->Skip();
    } else if (name != "error") {
      json->Skip();
    }
  }
}

Told Expected(std::string_view body) {
  Told told;
  JsonReader json(body);
  if (!body.starts_with('[')) {
    ReadAnswer(&json, &told);
  } else if (json.EnterArray()) {
    while (json.NextElement()) ReadAnswer(&json, &told);
  }
  return told;
}

// One event, of a line of data for each line of `body`.
std::string AsEvent(std::string_view body, std::string_view line_end) {
  std::string event = "data: ";
  for (const char c : body) {
    if (c == '\n') {
      event.append(line_end).append("data:");
    } else {
      event.push_back(c);
    }
  }
  return event.append(line_end).append(line_end);
}

}  // namespace

void Fuzz(std::string_view bytes) {
  const Told told = Scan(bytes, bytes.size() + 1);
  for (const std::size_t piece : {1u, 3u, 17u}) FUZZ_CHECK(Scan(bytes, piece) == told);

  const std::size_t start = std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size());
  const std::string_view body = bytes.substr(start);
  boost::json::error_code error;
  boost::json::parse(boost::json::string_view(body.data(), body.size()), error);
  if (error || !(body.starts_with('{') || body.starts_with('['))) return;
  const Told expected = Expected(body);
  FUZZ_CHECK(told == expected);
  FUZZ_CHECK(Scan(AsEvent(body, "\n"), 50) == expected);
  FUZZ_CHECK(Scan(": x\r\n\r\n" + AsEvent(body, "\r\n") + "data: [DONE]", 2) == expected);
  FUZZ_CHECK(Scan("data: {\"a\":1}\n\n" + std::string(body), 5) == expected);
  if (body.starts_with('{')) {
    FUZZ_CHECK(Scan("[5,\"{\",[]," + std::string(body) + "]", 11) == expected);
  }
}

}  // namespace keypool::proxy
