#include "proxy/json_stream.h"

#include <algorithm>
#include <cstring>

namespace keypool::proxy {
namespace {

constexpr char kNotAscii = '\xff';

bool IsBareNameChar(char c) {
  return Is(kDigitChar, c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '$';
}

struct Skip {
  void Run(const char*, const char*) {}
  void Escape(int) {}
};

}  // namespace

void JsonStream::Reset() {
  text_ = JsonText();
  at_ = At::kTop;
  in_array_ = false;
  depth_ = 0;
}

JsonStream::Event JsonStream::Next(std::string_view* rest) {
  const char* p = rest->data();
  const char* const end = p + rest->size();
  Event event = Event::kMore;
  while (p != end && event == Event::kMore) {
    // In the order of a member, so that most of it needs no further turn.
    switch (at_) {
      case At::kTop:
        FeedTop(*p++, &event);
        break;
      case At::kBehind:
        p = SkipJsonBlanks(p, end);
        if (p == end) break;
        FeedBehind(*p++, &event);
        if (at_ != At::kMember || p == end) break;
        [[fallthrough]];
      case At::kMember:
        p = FeedMember(p, end, &event);
        if (at_ != At::kName || p == end) break;
        [[fallthrough]];
      case At::kName:
      case At::kText:
        p = FeedKept(p, end, &event);
        break;
      case At::kBareName:
        p = FeedBareName(p, end, &event);
        break;
      case At::kColon:
        if (*p++ != ':') break;
        at_ = At::kValue;
        [[fallthrough]];
      case At::kValue:
        p = FeedValue(p, end, &event);
        if (at_ != At::kSkipped || p == end) break;
        [[fallthrough]];
      case At::kSkipped:
        p = FeedSkipped(p, end, &event);
        break;
      case At::kScalar:
        p = FeedScalar(p, end, &event);
        break;
    }
  }
  *rest = {p, static_cast<std::size_t>(end - p)};
  return event;
}

void JsonStream::Keep(const char* p, const char* end) {
  const std::size_t size = std::min(static_cast<std::size_t>(end - p), kept_.size() - kept_size_);
  std::memcpy(kept_.data() + kept_size_, p, size);
  kept_size_ = static_cast<std::uint8_t>(kept_size_ + size);
}

const char* JsonStream::FeedKept(const char* p, const char* end, Event* event) {
  struct Keeper {
    void Run(const char* begin, const char* end) { stream->Keep(begin, end); }
    void Escape(int code) {
      const char c = code >= 0 && code < 0x80 ? static_cast<char>(code) : kNotAscii;
      stream->Keep(&c, &c + 1);
    }
    JsonStream* stream;
  };
  Keeper keeper{this};
  p = text_.Feed(p, end, keeper);
  if (text_.Open()) return p;
  if (at_ == At::kName) {
    at_ = At::kColon;
    *event = Event::kName;
  } else {
    EndValue();
    *event = Event::kText;
  }
  return p;
}

const char* JsonStream::FeedBareName(const char* p, const char* end, Event* event) {
  const char* const stop = std::find_if_not(p, end, IsBareNameChar);
  Keep(p, stop);
  if (stop == end) return end;
  at_ = *stop == ':' ? At::kValue : At::kColon;
  *event = Event::kName;
  return stop + 1;
}

const char* JsonStream::FeedScalar(const char* p, const char* end, Event* event) {
  const auto stops = [](char c) { return c == ',' || c == '}' || IsJsonBlank(c); };
  const char* const stop = std::find_if(p, end, stops);
  Keep(p, stop);
  p = SkipJsonBlanks(stop, end);
  if (p == end || (*p != ',' && *p != '}')) return p;
  EndValue();
  *event = Event::kScalar;
  return p;
}

const char* JsonStream::FeedSkipped(const char* p, const char* end, Event* event) {
  while (p != end) {
    if (text_.Open()) {
      Skip skip;
      p = text_.Feed(p, end, skip);
      if (text_.Open()) return p;
    } else {
      p = FindJsonMark(p, end);
      if (p == end) return end;
      const char c = *p++;
      if (c == '"' || c == '\'') {
        text_.Start(c);
        continue;
      }
      if (c == '{' || c == '[') {
        ++nested_;
        continue;
      }
      --nested_;
    }
    if (nested_ == 0) {
      EndValue();
      if (wanted_ == Value::kItself) *event = Event::kNested;
      return p;
    }
  }
  return p;
}

void JsonStream::FeedTop(char c, Event* event) {
  wanted_ = Value::kNothing;
  if (c == '{') {
    Open(event);
  } else if (c == '"') {
    nested_ = 0;
    StartText(At::kSkipped, c);
  } else if (c == '[' && !in_array_) {
    in_array_ = true;
  } else if (c == '[') {
    nested_ = 1;
    at_ = At::kSkipped;
  } else if (c == ']') {
    in_array_ = false;
  }
}

const char* JsonStream::FeedMember(const char* p, const char* end, Event* event) {
  p = SkipJsonBlanks(p, end);
  if (p == end) return end;
  wanted_ = Value::kNothing;
  if (*p == '"' || *p == '\'') {
    StartText(At::kName, *p);
  } else if (*p == '}') {
    Close(event);
  } else if (IsBareNameChar(*p)) {
    kept_size_ = 0;
    at_ = At::kBareName;
    return p;
  }
  return p + 1;
}

const char* JsonStream::FeedValue(const char* p, const char* end, Event* event) {
  p = SkipJsonBlanks(p, end);
  if (p == end) return end;
  const char c = *p;
  nested_ = 0;
  if (c == '"' || c == '\'') {
    StartText(wanted_ == Value::kItself ? At::kText : At::kSkipped, c);
  } else if (c == '{' && wanted_ == Value::kMembers && depth_ < kDepthMax) {
    Open(event);
  } else if (c == '{' || c == '[') {
    nested_ = 1;
    at_ = At::kSkipped;
  } else if (wanted_ == Value::kItself) {
    kept_size_ = 0;
    at_ = At::kScalar;
    return p;
  } else {
    at_ = At::kBehind;
    FeedBehind(c, event);
  }
  return p + 1;
}

void JsonStream::FeedBehind(char c, Event* event) {
  if (c == ',') at_ = At::kMember;
  if (c == '}') Close(event);
}

void JsonStream::Open(Event* event) {
  ++depth_;
  at_ = At::kMember;
  *event = Event::kOpen;
}

void JsonStream::Close(Event* event) {
  --depth_;
  EndValue();
  *event = Event::kClose;
}

void JsonStream::StartText(At at, char quote) {
  at_ = at;
  text_.Start(quote);
  kept_size_ = 0;
}

}  // namespace keypool::proxy
