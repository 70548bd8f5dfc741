// What a model would say: the successful answers of both APIs, small and the same every time.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/fakes/gemini/http_message.h"

namespace keypool::fake {

// What one answer is about.
struct Saying {
  std::string model;
  std::string project;
  std::uint64_t number = 0;
  std::int64_t prompt_tokens = 0;
  std::string function;  // to be called in place of an answer; empty: none
  std::int64_t cached_tokens = 0;
};

boost::json::value GeneratedContent(const Saying& saying);
// Three events, usage cumulative, separated by \r\n\r\n as Google does.
Reply GeneratedSse(const Saying& saying);
// The same as an array that is sent element by element.
Reply GeneratedArray(const Saying& saying);

boost::json::value ChatCompletion(const Saying& saying);
Reply ChatSse(const Saying& saying, bool with_usage);

// Numbers of a text: the same text has the same ones.
boost::json::array Embedding(const std::string& text, std::int64_t dimensions);
// The same as OpenAI's base64 of 32-bit floats.
std::string EmbeddingBase64(const std::string& text, std::int64_t dimensions);

}  // namespace keypool::fake
