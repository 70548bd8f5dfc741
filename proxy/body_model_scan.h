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
#include "proxy/json_stream.h"

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
  enum class At : std::uint8_t {
    kStart,   // in front of the object
    kInside,  // in it
    kDone,
  };

  static_assert(JsonStream::kKeptBytesMax > 7 + kModelBytesMax,
                "what is left of a name that was cut is still too long to be one");

  JsonStream json_;
  At at_ = At::kStart;
  bool has_value_ = false;  // value_ is complete
  std::uint8_t value_size_ = 0;
  std::array<char, JsonStream::kKeptBytesMax> value_{};
};

}  // namespace keypool::proxy
