// Finds the top-level "model" of a JSON body while it streams by, without building a document, in
// constant memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keypool::proxy {

class BodyModelScan {
 public:
  // The next bytes of the body, in any pieces. Never fails: what is not a JSON object has no model.
  void Feed(std::string_view piece);
  // True when more bytes cannot change the answer.
  bool Done() const { return done_; }
  // Without "models/" in front; empty when there is none (yet), or it is longer than
  // kModelBytesMax.
  std::string_view Model() const;

 private:
  std::string key_, value_;
  std::uint32_t depth_ = 0;
  std::uint8_t state_ = 0;
  bool done_ = false;
};

}  // namespace keypool::proxy
