// Keeps the pool's keys from those who must not see them: every occurrence of a key in what
// upstream says becomes as many '*', so that lengths stay what they are. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "keyd/base/secret.h"
#include "proxy/pieces.h"

namespace keypool::proxy {

// The keys that one request was sent with. What streams look for views into it: it stays where it
// is.
class Redactor {
 public:
  Redactor() = default;
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  // Another key. The same one may come again.
  void Add(SecretPtr key);

  // Masks the keys in a whole text: raw, and with any of their bytes percent-encoded or escaped as
  // JSON and HTML have it. True: there was one.
  bool Mask(std::string* text) const;

  // What a key may look like inside a stream: raw, or encoded as a whole in one of the usual ways.
  // Most keys look the same in all of them.
  const absl::InlinedVector<std::string_view, 2>& looks() const { return looks_; }

 private:
  void AddLook(std::string encoded);

  absl::InlinedVector<SecretPtr, 2> keys_;
  std::vector<Secret> encoded_;
  absl::InlinedVector<std::string_view, 2> looks_;
};

// Masks the keys in a text that comes in pieces, wherever it is cut.
class RedactStream {
 public:
  // `keys` must outlive it, and not change while there is something held back.
  explicit RedactStream(const Redactor& keys) : keys_(keys) {}

  // Masks in place: `pieces` are parts of a buffer that may be changed. When they end with what may
  // be the start of a key, that much is held back, at most one byte less than a key has, and goes
  // in front of what comes next. Nothing is held back behind the `last` pieces; half a key or more
  // at their end is masked too, because the rest of it could be guessed. What is in `pieces` then
  // stays valid until the next call.
  void Pass(Pieces* pieces, bool last);

  // What is held back, or was at the end, is half of a key or more.
  bool HoldsHalf() const { return half_; }
  // A key was found so far, or half of one at the end: for texts that cannot be masked.
  bool Shows() const { return found_ || half_; }

 private:
  // Masks one look of a key in all parts. The bytes at their end that may be the start of another.
  std::size_t MaskAll(std::string_view look, Pieces* pieces);

  const Redactor& keys_;
  std::string held_;
  std::string released_;  // what was held back, while it is in the pieces
  bool found_ = false;
  bool half_ = false;
};

}  // namespace keypool::proxy
