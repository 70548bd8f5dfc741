#include "proxy/live_scan.h"

#include <utility>

#include "proxy/json_reader.h"
#include "proxy/request_plan.h"

namespace keypool::proxy {
namespace {

using Event = JsonStream::Event;

TokenUsage Sum(const std::optional<TokenUsage>& a, const std::optional<TokenUsage>& b) {
  const TokenUsage x = a.value_or(TokenUsage()), y = b.value_or(TokenUsage());
  return {.input = x.input + y.input,
          .cached = x.cached + y.cached,
          .output = x.output + y.output,
          .thoughts = x.thoughts + y.thoughts};
}

}  // namespace

struct LiveScan::Member {
  Level level;
  std::string_view name;
  std::optional<Level> enter;  // else a value is kept
  Value keep = Value::kModel;
};

// As JSON of protobuf may spell them: https://ai.google.dev/api/live, and gemini-wire.md §3, §7.
const LiveScan::Member LiveScan::kMembers[] = {
    {Level::kMessage, "setup", Level::kSetup},
    {Level::kMessage, "serverContent", Level::kContent},
    {Level::kMessage, "server_content", Level::kContent},
    {Level::kMessage, "usageMetadata", Level::kUsage},
    {Level::kMessage, "usage_metadata", Level::kUsage},
    {Level::kMessage, "sessionResumptionUpdate", Level::kUpdate},
    {Level::kMessage, "session_resumption_update", Level::kUpdate},
    {Level::kSetup, "model", std::nullopt, Value::kModel},
    {Level::kSetup, "sessionResumption", Level::kAsked},
    {Level::kSetup, "session_resumption", Level::kAsked},
    {Level::kAsked, "handle", std::nullopt, Value::kHandle},
    {Level::kUpdate, "newHandle", std::nullopt, Value::kNewHandle},
    {Level::kUpdate, "new_handle", std::nullopt, Value::kNewHandle},
    {Level::kContent, "turnComplete", std::nullopt, Value::kTurnComplete},
    {Level::kContent, "turn_complete", std::nullopt, Value::kTurnComplete},
    {Level::kUsage, "promptTokenCount", std::nullopt, Value::kPrompt},
    {Level::kUsage, "toolUsePromptTokenCount", std::nullopt, Value::kToolUse},
    {Level::kUsage, "cachedContentTokenCount", std::nullopt, Value::kCached},
    {Level::kUsage, "responseTokenCount", std::nullopt, Value::kResponse},
    {Level::kUsage, "candidatesTokenCount", std::nullopt, Value::kResponse},
    {Level::kUsage, "thoughtsTokenCount", std::nullopt, Value::kThoughts},
};

std::string_view LiveScan::Model() const { return ModelNameIn({model_.data(), model_size_}); }

std::optional<TokenUsage> LiveScan::Usage() const {
  if (!turns_ && !turn_) return std::nullopt;
  return Sum(turns_, turn_);
}

void LiveScan::Feed(std::string_view piece) {
  begun_ = true;
  while (!piece.empty()) {
    const std::string_view before = piece;
    const Event event = json_.Next(&piece);
    if (keeps_raw_) {
      const std::string_view taken = before.substr(0, before.size() - piece.size());
      raw_.append(
          taken.substr(0, 2 * kHandleBytesMax - std::min(raw_.size(), 2 * kHandleBytesMax)));
    }
    if (event != Event::kMore) OnEvent(event);
  }
}

void LiveScan::EndMessage() {
  json_.Reset();
  keeps_raw_ = false;
  raw_ = std::string();
  if (std::exchange(turn_ends_, false)) EndTurn();
}

void LiveScan::OnEvent(Event event) {
  const auto depth = static_cast<std::size_t>(json_.Depth());
  switch (event) {
    case Event::kOpen:
      levels_[depth] = depth == 1 ? Level::kMessage : entering_;
      if (levels_[depth] == Level::kUsage) counts_.fill(0);
      break;
    case Event::kClose:
      if (levels_[depth + 1] == Level::kUsage) EndUsage();
      break;
    case Event::kName:
      OnName(json_.Kept());
      break;
    case Event::kText:
      OnText();
      break;
    case Event::kScalar:
      OnScalar(json_.Kept());
      break;
    case Event::kMore:
    case Event::kNested:
      break;
  }
  if (event != Event::kName) keeps_raw_ = false;
}

void LiveScan::OnName(std::string_view name) {
  const Level level = levels_[static_cast<std::size_t>(json_.Depth())];
  for (const Member& member : kMembers) {
    if (member.level != level || member.name != name) continue;
    if (member.enter) {
      entering_ = *member.enter;
      return json_.Want(JsonStream::Value::kMembers);
    }
    keeping_ = member.keep;
    keeps_raw_ = keeping_ == Value::kHandle || keeping_ == Value::kNewHandle;
    raw_.clear();
    return json_.Want(JsonStream::Value::kItself);
  }
}

void LiveScan::OnText() {
  switch (keeping_) {
    case Value::kModel:
      model_size_ = static_cast<std::uint8_t>(json_.Kept().copy(model_.data(), model_.size()));
      break;
    case Value::kHandle:
      handle_ = LongText();
      break;
    case Value::kNewHandle:
      if (std::string handle = LongText(); !handle.empty()) {
        if (!handles_.empty() && handles_.back() == handle) break;
        if (handles_.size() == kHandlesMax) handles_.erase(handles_.begin());
        handles_.push_back(std::move(handle));
      }
      break;
    default:
      OnScalar(json_.Kept());  // numbers may come as texts
  }
}

void LiveScan::OnScalar(std::string_view scalar) {
  if (keeping_ == Value::kTurnComplete) {
    turn_ends_ |= scalar == "true";
  } else if (keeping_ >= kFirstCount) {
    const auto count = static_cast<std::size_t>(keeping_) - static_cast<std::size_t>(kFirstCount);
    counts_[count] = WholeNumber(scalar).value_or(counts_[count]);
  }
}

// What was kept is cut where a handle may be longer.
std::string LiveScan::LongText() const {
  if (json_.Kept().size() < JsonStream::kKeptBytesMax) return std::string(json_.Kept());
  const std::size_t quote = raw_.find('"');
  if (quote == std::string::npos) return {};
  JsonReader json(std::string_view(raw_).substr(quote));
  std::string text = json.Text(kHandleBytesMax + 1).value_or("");
  return text.size() <= kHandleBytesMax ? text : std::string();
}

void LiveScan::EndUsage() {
  const auto count = [this](Value value) {
    return counts_[static_cast<std::size_t>(value) - static_cast<std::size_t>(kFirstCount)];
  };
  turn_ = {.input = count(Value::kPrompt) + count(Value::kToolUse),
           .cached = count(Value::kCached),
           .output = count(Value::kResponse),
           .thoughts = count(Value::kThoughts)};
}

void LiveScan::EndTurn() {
  if (!turn_) return;
  turns_ = Sum(turns_, turn_);
  turn_.reset();
}

}  // namespace keypool::proxy
