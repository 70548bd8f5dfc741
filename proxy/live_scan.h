// Finds in the messages of a Live session, while they stream by, what the pool has to know: the
// model and the handle that a client's setup names, the tokens that Google has counted, and the
// handles that it gives out. In constant memory, without changing anything. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keyd/base/lease.h"
#include "proxy/json_stream.h"

namespace keypool::proxy {

// Of one direction.
class LiveScan {
 public:
  static constexpr std::size_t kHandleBytesMax = 4096;
  // Handles that are kept until somebody takes them: the last ones.
  static constexpr std::size_t kHandlesMax = kResourcesMax;

  // The next bytes of a message, text or binary, unmasked and unpacked, in any pieces. Never fails:
  // what is not JSON says nothing.
  void Feed(std::string_view piece);
  void EndMessage();

  // Of the last "setup". Without "models/" in front; empty when it names none, or none that a
  // Gemini model has.
  std::string_view Model() const;
  // True when "setup" names a model, whatever its name is.
  bool NamesModel() const { return model_size_ != 0; }
  // setup.sessionResumption.handle; empty without one.
  const std::string& handle() const { return handle_; }

  // What the session has taken so far. Inside of a turn each usageMetadata tells the whole of it;
  // every turn is counted anew, its prompt with all that was said before, so turns are summed.
  std::optional<TokenUsage> Usage() const;
  // "sessionResumptionUpdate.newHandle", the last one at the end; without those that were taken.
  const std::vector<std::string>& handles() const { return handles_; }
  std::vector<std::string> TakeHandles() { return std::exchange(handles_, {}); }
  // Of either side: there was a message.
  bool Begun() const { return begun_; }

 private:
  // Which object the members belong to.
  enum class Level : std::uint8_t { kMessage, kSetup, kAsked, kUpdate, kContent, kUsage };
  // What a value that is kept is.
  enum class Value : std::uint8_t {
    kModel,
    kHandle,
    kNewHandle,
    kTurnComplete,
    // Counts of tokens.
    kPrompt,
    kToolUse,
    kCached,
    kResponse,
    kThoughts,
  };
  static constexpr std::size_t kCounts = 5;
  struct Member;
  static const Member kMembers[];
  static constexpr Value kFirstCount = Value::kPrompt;

  void OnEvent(JsonStream::Event event);
  void OnName(std::string_view name);
  void OnText();
  void OnScalar(std::string_view scalar);
  std::string LongText() const;
  void EndUsage();
  void EndTurn();

  JsonStream json_;
  Level entering_ = Level::kMessage;
  Value keeping_ = Value::kModel;
  std::array<Level, JsonStream::kDepthMax + 1> levels_{};  // by JsonStream::Depth
  bool begun_ = false;
  bool keeps_raw_ = false;
  bool turn_ends_ = false;
  std::uint8_t model_size_ = 0;
  std::array<char, JsonStream::kKeptBytesMax> model_{};
  std::array<std::int64_t, kCounts> counts_{};
  std::optional<TokenUsage> turn_;
  std::optional<TokenUsage> turns_;  // that have ended
  std::string raw_;                  // a handle as it comes, with what stands around it
  std::string handle_;
  std::vector<std::string> handles_;
};

}  // namespace keypool::proxy
