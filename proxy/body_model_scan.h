// Finds the top-level "model" of a JSON body while it streams by, without building a document, in
// constant memory.
//
// Of several "model" members the last one counts: that is what Google's JSON reader does with a
// field that is repeated, and a first one would be a way to be charged for another model. So the
// whole object has to go by. What that reader accepts beyond JSON is accepted here for the same
// reason: names and texts in single quotes, names in none.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "keyd/base/lease.h"

namespace keypool::proxy {

class BodyModelScan {
 public:
  // The next bytes of the body, in any pieces. Never fails: what is not a JSON object has no model.
  void Feed(std::string_view piece);
  // True when more bytes cannot change the answer.
  bool Done() const { return at_ == At::kDone; }
  // Without "models/" in front; empty when there is none (yet), or it is no model name: see
  // IsModelName.
  std::string_view Model() const;

 private:
  // What the next byte belongs to.
  enum class At : std::uint8_t {
    kStart,     // in front of the object
    kMember,    // in front of a name, or at the end of the object
    kName,      // in a quoted name
    kBareName,  // in a name without quotes
    kColon,
    kValue,       // in front of a value
    kScalar,      // in a number or word, or behind any value
    kText,        // in a text of the object's own
    kNested,      // in an object or array inside
    kNestedText,  // in a text in there
    kDone,
  };
  // Each takes bytes from `p` on, at least one, and returns where it stopped.
  const char* FeedText(const char* p, const char* end);
  const char* FeedNested(const char* p, const char* end);
  void FeedStructure(char c);
  void FeedName(char c);
  void FeedScalar(char c);
  void FeedEscaped(char c);

  void StartText(At at, char quote);
  void StartName(At at, char quote);
  void EndName();
  void EndText();
  // A byte of the name or text, escapes resolved; what is not ASCII is 0xff.
  void TakeChar(char c);

  static constexpr std::size_t kValueBytesMax = 7 + kModelBytesMax;  // "models/" in front

  std::uint64_t depth_ = 0;  // of what is open inside the object
  std::array<char, kValueBytesMax> value_{};
  std::uint16_t value_size_ = 0;  // kValueBytesMax + 1: too long
  std::uint16_t code_ = 0;        // of \uXXXX so far
  At at_ = At::kStart;
  char quote_ = 0;                 // that ends the present text
  std::uint8_t escape_ = 0;        // 0 none, 1 behind a backslash, 2 to 5 in \uXXXX
  std::uint8_t name_matched_ = 0;  // bytes of the name that are those of "model"
  bool is_model_ = false;          // the present value is the model's
  bool has_value_ = false;         // value_ is complete
};

}  // namespace keypool::proxy
