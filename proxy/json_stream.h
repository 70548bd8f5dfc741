// Walks JSON as it streams by, in pieces of any size, in constant memory and without building a
// document: into the objects that its user wants, past everything else. Private to the pure part.
//
// Nothing fails: what is not JSON has no members. What Google's reader accepts beyond JSON is
// accepted here too: names and texts in single quotes, names in none.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/json_text.h"

namespace keypool::proxy {

class JsonStream {
 public:
  enum class Event : std::uint8_t {
    kMore,    // the bytes are used up
    kOpen,    // an object was entered: one at the top, one in an array at the top, or one wanted
    kClose,   // the object entered last was left
    kName,    // a member of it begins: Kept() is its name. To be followed by Want, or it is nothing
    kText,    // a wanted value: Kept() is the text
    kScalar,  // a wanted value: Kept() is the number or word
    kNested,  // a wanted value, which is an object or array, ends
  };
  enum class Value : std::uint8_t {
    kNothing,
    kItself,   // text and scalar are kept; of what is nested the end is told
    kMembers,  // an object is entered; of anything else nothing is told
  };

  // Of a name or value so many bytes are kept.
  static constexpr std::size_t kKeptBytesMax = 136;
  // Objects inside each other that can be entered.
  static constexpr int kDepthMax = 8;

  // Takes bytes from the front of `rest` up to the next event. To be called until it is kMore.
  Event Next(std::string_view* rest);
  // Behind kName: what the member's value is good for.
  void Want(Value wanted) { wanted_ = wanted; }

  // Escapes resolved; an escape that stands for no ASCII is one byte 0xff.
  std::string_view Kept() const { return {kept_.data(), kept_size_}; }
  // How many objects are entered: 1 in one at the top.
  int Depth() const { return depth_; }
  // Forgets what has begun: the next byte is at the top again.
  void Reset();

 private:
  // What the next byte belongs to.
  enum class At : std::uint8_t {
    kTop,       // outside of all objects
    kMember,    // in front of a name, or at the end of the object
    kName,      // in a quoted name
    kBareName,  // in a name without quotes
    kColon,
    kValue,    // in front of a value
    kText,     // in a wanted text
    kScalar,   // in a wanted number or word
    kSkipped,  // in a text, object or array that is stepped over
    kBehind,   // in a number or word that is not wanted, or behind any value
  };
  // Each takes bytes from `p` on, returns where it stopped and sets `event` if one happened.
  const char* FeedKept(const char* p, const char* end, Event* event);
  const char* FeedBareName(const char* p, const char* end, Event* event);
  const char* FeedScalar(const char* p, const char* end, Event* event);
  const char* FeedSkipped(const char* p, const char* end, Event* event);
  const char* FeedMember(const char* p, const char* end, Event* event);
  const char* FeedValue(const char* p, const char* end, Event* event);
  void FeedTop(char c, Event* event);
  void FeedBehind(char c, Event* event);

  void Open(Event* event);
  void Close(Event* event);
  // Behind a value.
  void EndValue() { at_ = depth_ == 0 ? At::kTop : At::kBehind; }
  void StartText(At at, char quote);
  void Keep(const char* p, const char* end);

  std::uint64_t nested_ = 0;  // of what is open inside what is stepped over
  JsonText text_;
  At at_ = At::kTop;
  Value wanted_ = Value::kNothing;
  bool in_array_ = false;  // at the top
  std::uint8_t depth_ = 0;
  std::uint8_t kept_size_ = 0;
  std::array<char, kKeptBytesMax> kept_;
};

}  // namespace keypool::proxy
