// Walks all of a JSON text as it streams by, in pieces of any size, in bounded memory and without
// building a document: unlike JsonStream, which sees a few objects, it goes through arrays and
// whatever lies below them. Private to the pure part.
//
// Nothing fails: what is not JSON has no members. What Google's reader accepts beyond JSON is
// accepted here too: names and texts in single quotes, names in none.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/json_text.h"

namespace keypool::proxy {

// A Sink tells what is looked for. Places and wishes are numbers of its own, of which 0 is for what
// it does not care about:
//
//   Member OnName(std::uint8_t place, std::string_view name);  // in an object that is at `place`
//   void OnText(std::uint8_t wish, std::string_view text);     // one that was wished for
//   void OnOpen(std::uint8_t place);                           // an object, places but 0
//   void OnClose(std::uint8_t place);
class JsonWalk {
 public:
  struct Member {
    std::uint8_t place = 0;  // of objects in its value, also of those in an array
    std::uint8_t wish = 0;   // for its value when that is a text, and for texts in an array
  };
  // The place of an object at the top.
  static constexpr std::uint8_t kTop = 1;
  // Deeper than any reader goes; below, nothing has a name.
  static constexpr std::uint32_t kDepthMax = 100;
  // Longer texts are not told of. Names are cut, to what is no name that anybody looks for.
  static constexpr std::size_t kTextBytesMax = 4096;
  static constexpr std::size_t kNameBytesMax = 64;

  template <class Sink>
  void Feed(std::string_view piece, Sink& sink) {
    const char* p = piece.data();
    const char* const end = p + piece.size();
    while (p != end) {
      if (text_.Open()) {
        p = FeedText(p, end, sink);
      } else {
        p = FeedStructure(p, end, sink);
      }
    }
  }

 private:
  struct Level {
    Member inside;  // of what is in it
    bool is_array = false;
  };
  enum class Keep : std::uint8_t { kNothing, kName, kText };

  // Called by JsonText.
  struct Keeper {
    void Run(const char* begin, const char* end) {
      const std::size_t room = bytes_max - std::min(to.size(), bytes_max);
      const auto size = static_cast<std::size_t>(end - begin);
      to.append(begin, std::min(size, room));
      cut |= size > room;
    }
    void Escape(int code) {
      // What stands for no ASCII is in no name and no address.
      const char c = code >= 0 && code < 0x80 ? static_cast<char>(code) : '\xff';
      if (to.size() < bytes_max) {
        to.push_back(c);
      } else {
        cut = true;
      }
    }
    std::string& to;
    std::size_t bytes_max;
    bool& cut;
  };
  struct Skipper {
    void Run(const char*, const char*) {}
    void Escape(int) {}
  };

  bool InObject() const {
    return depth_ > 0 && depth_ <= kDepthMax && !levels_[depth_ - 1].is_array;
  }
  // Of the value that comes next.
  Member Next() const {
    if (depth_ == 0) return {kTop, 0};
    if (depth_ > kDepthMax) return {};
    if (levels_[depth_ - 1].is_array) return levels_[depth_ - 1].inside;
    return behind_colon_ ? member_ : Member();
  }

  template <class Sink>
  const char* FeedText(const char* p, const char* end, Sink& sink) {
    if (keep_ == Keep::kNothing) {
      Skipper skipper;
      return text_.Feed(p, end, skipper);
    }
    const bool is_name = keep_ == Keep::kName;
    Keeper keeper{is_name ? name_ : value_, is_name ? kNameBytesMax : kTextBytesMax, cut_};
    p = text_.Feed(p, end, keeper);
    if (!text_.Open() && keep_ == Keep::kText && !cut_) sink.OnText(Next().wish, value_);
    return p;
  }

  // Outside of texts, up to the start of one.
  template <class Sink>
  const char* FeedStructure(const char* p, const char* end, Sink& sink) {
    while (p != end) {
      const char c = *p++;
      switch (c) {
        case '"':
        case '\'':
          StartText(c);
          return p;
        case '{':
        case '[':
          Open(c == '[', sink);
          break;
        case '}':
        case ']':
          Close(sink);
          break;
        case ',':
          EndMember();
          break;
        case ':':
          if (!InObject() || behind_colon_) break;
          behind_colon_ = true;
          member_ = sink.OnName(levels_[depth_ - 1].inside.place, name_);
          break;
        default:
          // A name without quotes.
          if (!IsJsonBlank(c) && InObject() && !behind_colon_ && name_.size() < kNameBytesMax) {
            name_.push_back(c);
          }
      }
    }
    return p;
  }

  void StartText(char quote) {
    text_.Start(quote);
    cut_ = false;
    keep_ = Keep::kNothing;
    if (InObject() && !behind_colon_) {
      keep_ = Keep::kName;
      name_.clear();
    } else if (Next().wish != 0) {
      keep_ = Keep::kText;
      value_.clear();
    }
  }

  template <class Sink>
  void Open(bool is_array, Sink& sink) {
    const Member inside = Next();
    if (depth_ < kDepthMax) levels_[depth_] = {inside, is_array};
    ++depth_;
    EndMember();
    if (!is_array && inside.place != 0 && depth_ <= kDepthMax) sink.OnOpen(inside.place);
  }

  template <class Sink>
  void Close(Sink& sink) {
    if (depth_ == 0) return;
    --depth_;
    EndMember();
    if (depth_ >= kDepthMax) return;
    const Level& level = levels_[depth_];
    if (!level.is_array && level.inside.place != 0) sink.OnClose(level.inside.place);
  }

  void EndMember() {
    name_.clear();
    member_ = {};
    behind_colon_ = false;
  }

  JsonText text_;
  Keep keep_ = Keep::kNothing;
  bool cut_ = false;
  bool behind_colon_ = false;  // in an object: of the present member
  Member member_;
  std::uint32_t depth_ = 0;
  std::array<Level, kDepthMax> levels_{};
  std::string name_;
  std::string value_;
};

}  // namespace keypool::proxy
