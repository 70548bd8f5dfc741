// Finds in an answer of 2xx, while it streams by, what it took in tokens, which model gave it and
// whether there is an error inside; in constant memory, and without changing the answer. Pure.
//
// Read are JSON, arrays of JSON objects and server-sent events, told apart by how they start, and
// the raw JSON that Google may put behind events (gemini-wire.md §6.4). Only the answer's own
// members count, of the object of each event or element: what a model writes, or puts into the
// arguments of a tool, is not taken for them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "keyd/base/lease.h"
#include "proxy/json_stream.h"

namespace keypool::proxy {

class UsageScan {
 public:
  // Bytes of an error that are looked at.
  static constexpr std::size_t kErrorBytesMax = 16 * 1024;

  // The next bytes of the payload (chunked coding removed, and unpacked), in any pieces. Never
  // fails.
  void Feed(std::string_view text);

  // What was found so far; at any time. Memory is allocated for errors only.

  // The last "usageMetadata", or "usage" as the OpenAI and interactions APIs have it, that was
  // complete and named a number. Each tells the whole of the request so far; they are not summed.
  const std::optional<TokenUsage>& usage() const { return usage_; }
  // The last "modelVersion" or "model", without "models/" in front; empty when it is no model name.
  // Valid until the next Feed.
  std::string_view ModelVersion() const;
  // The first {"error":{…}}, of which the end may be missing.
  std::optional<AnswerFacts> Error() const;

 private:
  // How the next byte is to be read.
  enum class Frame : std::uint8_t {
    kStart,      // nothing but blanks has come
    kJson,       // JSON up to the end
    kLineStart,  // in front of a line of an event stream, or in "data:" at its start
    kData,       // in a line behind "data:"
    kOtherLine,
  };
  // Which object the members belong to.
  enum class Level : std::uint8_t {
    kAnswer,    // of an event, an element or all
    kResponse,  // in which interactions wrap what the others have at the top
    kMetadata,  // that they put beside it
    kUsage,
    kDetails,  // of the tokens in usage, as OpenAI parts them
  };
  // What a usage object says a number of.
  enum Count : std::uint8_t {
    kPrompt,
    kToolUse,
    kCached,
    kOutput,
    kThoughts,
    kCompletion,  // of OpenAI: with or without thoughts
    kTotal,
    kCountKinds
  };
  enum class Value : std::uint8_t { kModel, kError, kCount };
  struct CountName;
  static const CountName kCountNames[];

  // Takes the start of a line from the front of `text`.
  void FeedLineStart(std::string_view* text);
  // The rest of the present line, with its end, from the front of `text`.
  std::string_view TakeLine(std::string_view* text);
  void FeedJson(std::string_view text);
  void EndEvent();

  void OnEvent(JsonStream::Event event);
  void OnAnswerMember(std::string_view name);
  void OnUsageMember(std::string_view name);
  void OnValue(JsonStream::Event event);
  void Enter(Level level);
  void Keep(Value value);
  void EndUsage();

  // The bytes behind the name "error".
  void KeepError(std::string_view bytes, JsonStream::Event event);
  void EndError();

  static_assert(JsonStream::kKeptBytesMax > 7 + kModelBytesMax,
                "what is left of a name that was cut is still too long to be one");

  JsonStream json_;
  Frame frame_ = Frame::kStart;
  std::uint8_t prefix_matched_ = 0;  // bytes of "data:"
  Level entering_ = Level::kAnswer;
  Value keeping_ = Value::kModel;
  Count counting_ = kPrompt;
  std::array<Level, JsonStream::kDepthMax + 1> levels_{};  // by JsonStream::Depth
  bool in_error_ = false;
  bool has_error_ = false;  // error_ is one
  bool counted_ = false;    // counts_ has something that counts
  std::uint8_t model_size_ = 0;
  std::array<std::int64_t, kCountKinds> counts_{};  // of the usage object that is open
  std::optional<TokenUsage> usage_;
  std::string error_;  // {"error":{…}}, as far as it came
  std::array<char, JsonStream::kKeptBytesMax> model_{};
};

}  // namespace keypool::proxy
