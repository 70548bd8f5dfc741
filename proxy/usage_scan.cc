#include "proxy/usage_scan.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "proxy/answer_facts.h"
#include "proxy/json_reader.h"
#include "proxy/request_plan.h"

namespace keypool::proxy {
namespace {

using Event = JsonStream::Event;

constexpr std::string_view kData = "data:";
constexpr std::string_view kErrorStart = "{\"error\"";

// A byte order mark may stand in front.
bool MayStandInFront(char c) { return IsJsonBlank(c) || c == '\xef' || c == '\xbb' || c == '\xbf'; }

// True when `error` has come so far that its value is an object.
bool IsError(std::string_view error) {
  if (!error.starts_with(kErrorStart)) return false;
  JsonReader json(error);
  std::string name;
  return json.EnterObject() && json.NextName(&name) && json.EnterObject();
}

}  // namespace

struct UsageScan::CountName {
  std::string_view name;
  Level level;
  Count count;
};

// gemini-wire.md §7.
const UsageScan::CountName UsageScan::kCountNames[] = {
    {"promptTokenCount", Level::kUsage, kPrompt},
    {"toolUsePromptTokenCount", Level::kUsage, kToolUse},
    {"cachedContentTokenCount", Level::kUsage, kCached},
    {"candidatesTokenCount", Level::kUsage, kOutput},
    {"responseTokenCount", Level::kUsage, kOutput},  // Live
    {"thoughtsTokenCount", Level::kUsage, kThoughts},
    {"prompt_tokens", Level::kUsage, kPrompt},
    {"cached_tokens", Level::kDetails, kCached},
    {"completion_tokens", Level::kUsage, kCompletion},
    {"reasoning_tokens", Level::kDetails, kThoughts},
    {"total_tokens", Level::kUsage, kTotal},
    {"total_input_tokens", Level::kUsage, kPrompt},
    {"total_tool_use_tokens", Level::kUsage, kToolUse},
    {"total_cached_tokens", Level::kUsage, kCached},
    {"total_output_tokens", Level::kUsage, kOutput},
    {"total_thought_tokens", Level::kUsage, kThoughts},
};

std::string_view UsageScan::ModelVersion() const {
  return ModelNameIn({model_.data(), model_size_});
}

std::optional<AnswerFacts> UsageScan::Error() const {
  if (!IsError(error_)) return std::nullopt;
  return DescribeInnerError(error_);
}

void UsageScan::Feed(std::string_view text) {
  while (!text.empty()) {
    switch (frame_) {
      case Frame::kStart: {
        const auto* const start = std::find_if_not(text.begin(), text.end(), MayStandInFront);
        text.remove_prefix(static_cast<std::size_t>(start - text.begin()));
        if (!text.empty()) frame_ = Frame::kLineStart;
        break;
      }
      case Frame::kJson:
        return FeedJson(text);
      case Frame::kLineStart:
        FeedLineStart(&text);
        break;
      case Frame::kData:
        FeedJson(TakeLine(&text));
        break;
      case Frame::kOtherLine:
        TakeLine(&text);
        break;
    }
  }
}

void UsageScan::FeedLineStart(std::string_view* text) {
  const char c = text->front();
  if (prefix_matched_ == 0 && (c == '\n' || c == '\r')) {
    if (c == '\n') EndEvent();
    text->remove_prefix(1);
  } else if (prefix_matched_ == 0 && (c == '{' || c == '[')) {
    EndEvent();
    frame_ = Frame::kJson;
  } else if (c == kData[prefix_matched_]) {
    text->remove_prefix(1);
    if (++prefix_matched_ < kData.size()) return;
    prefix_matched_ = 0;
    frame_ = Frame::kData;
  } else {
    prefix_matched_ = 0;
    frame_ = Frame::kOtherLine;
  }
}

std::string_view UsageScan::TakeLine(std::string_view* text) {
  const std::size_t end = text->find('\n');
  if (end != std::string_view::npos) frame_ = Frame::kLineStart;
  const std::string_view line = text->substr(0, end == std::string_view::npos ? end : end + 1);
  text->remove_prefix(line.size());
  return line;
}

void UsageScan::EndEvent() {
  if (in_error_) EndError();
  json_.Reset();
}

void UsageScan::FeedJson(std::string_view text) {
  while (!text.empty()) {
    const std::string_view before = text;
    const Event event = json_.Next(&text);
    if (in_error_) KeepError(before.substr(0, before.size() - text.size()), event);
    if (event != Event::kMore) OnEvent(event);
  }
}

void UsageScan::OnEvent(Event event) {
  const auto depth = static_cast<std::size_t>(json_.Depth());
  switch (event) {
    case Event::kOpen:
      levels_[depth] = depth == 1 ? Level::kAnswer : entering_;
      if (levels_[depth] != Level::kUsage) break;
      counts_.fill(0);
      counted_ = false;
      break;
    case Event::kClose:
      if (levels_[depth + 1] == Level::kUsage) EndUsage();
      break;
    case Event::kName:
      if (levels_[depth] == Level::kUsage || levels_[depth] == Level::kDetails) {
        OnUsageMember(json_.Kept());
      } else {
        OnAnswerMember(json_.Kept());
      }
      break;
    case Event::kText:
    case Event::kScalar:
      OnValue(event);
      break;
    default:
      break;
  }
}

void UsageScan::Enter(Level level) {
  entering_ = level;
  json_.Want(JsonStream::Value::kMembers);
}

void UsageScan::Keep(Value value) {
  keeping_ = value;
  json_.Want(JsonStream::Value::kItself);
}

void UsageScan::OnAnswerMember(std::string_view name) {
  const Level level = levels_[static_cast<std::size_t>(json_.Depth())];
  if (level == Level::kMetadata) {
    if (name == "total_usage" || name == "usage") Enter(Level::kUsage);
    return;
  }
  if (name == "usage") return Enter(Level::kUsage);
  if (name == "model" || name == "modelVersion") return Keep(Value::kModel);
  if (level == Level::kResponse) return;
  if (name == "usageMetadata") return Enter(Level::kUsage);
  if (name == "interaction" || name == "response") return Enter(Level::kResponse);
  if (name == "metadata") return Enter(Level::kMetadata);
  if (name != "error" || has_error_) return;
  in_error_ = true;
  error_ = kErrorStart;
  Keep(Value::kError);
}

void UsageScan::OnUsageMember(std::string_view name) {
  const Level level = levels_[static_cast<std::size_t>(json_.Depth())];
  if (level == Level::kUsage &&
      (name == "prompt_tokens_details" || name == "completion_tokens_details")) {
    return Enter(Level::kDetails);
  }
  for (const CountName& row : kCountNames) {
    if (row.name != name || row.level != level) continue;
    counting_ = row.count;
    return Keep(Value::kCount);
  }
}

void UsageScan::OnValue(Event event) {
  if (keeping_ == Value::kModel) {
    if (event != Event::kText) return;
    model_size_ = static_cast<std::uint8_t>(json_.Kept().copy(model_.data(), model_.size()));
  } else if (keeping_ == Value::kCount) {
    const std::optional<std::int64_t> number = WholeNumber(json_.Kept());
    if (!number) return;
    counts_[counting_] = *number;
    counted_ |= counting_ != kTotal;
  }
}

void UsageScan::EndUsage() {
  if (!counted_) return;
  // Gemini has thoughts beside what it puts out, OpenAI inside of what it completes, and it is not
  // known what Gemini does where it looks like OpenAI: the total tells.
  std::int64_t completion = counts_[kCompletion];
  const std::int64_t thoughts = counts_[kThoughts];
  const bool beside = counts_[kTotal] == counts_[kPrompt] + completion + thoughts;
  if (!beside && thoughts <= completion) completion -= thoughts;
  usage_ = {.input = counts_[kPrompt] + counts_[kToolUse],
            .cached = counts_[kCached],
            .output = counts_[kOutput] + completion,
            .thoughts = thoughts};
}

void UsageScan::KeepError(std::string_view bytes, Event event) {
  const std::size_t room = kErrorBytesMax - std::min(error_.size(), kErrorBytesMax);
  error_.append(bytes.substr(0, room));
  if (event == Event::kMore) return;
  if (event == Event::kNested && bytes.size() <= room) error_.push_back('}');
  EndError();
}

void UsageScan::EndError() {
  in_error_ = false;
  has_error_ = IsError(error_);
  if (!has_error_) error_.clear();
}

}  // namespace keypool::proxy
