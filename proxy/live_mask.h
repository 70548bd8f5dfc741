// Keeps the pool's keys out of what upstream says in a Live session: masks them where they lie, in
// a buffer whose bytes go on to the client, so that every frame stays as long as it was. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/pieces.h"
#include "proxy/redact.h"

namespace keypool::proxy {

// Of the bytes of one direction, each of which has a place: how many came before it. Holds memory
// only inside of a message.
class LiveMask {
 public:
  // `keys` outlives it, and does not change inside of a message. Null: there are none.
  explicit LiveMask(const Redactor* keys) : keys_(keys) {}

  bool HasKeys() const { return keys_ != nullptr && !keys_->looks().empty(); }

  // From now on the bytes from place `begin` on lie in `bytes`, which may be changed: at least from
  // held() on. What stood in front of them has been passed on.
  void See(std::string_view bytes, std::uint64_t begin);
  std::uint64_t PlaceOf(std::string_view part) const;

  // The next of a message's text, a part of `bytes`. What may be the start of a key at its end is
  // held back until it is known.
  void Text(std::string_view part);
  // The message is over: half a key or more at its end is masked too, and nothing is held back.
  void EndMessage();
  // Something else comes inside of the message, which must not wait: nothing is held back any more.
  // Half a key is masked; of less, what comes behind it is masked all the same, and so is what has
  // not been passed on by then.
  void LetGo();
  // A text that is there whole, unpacked from `place` on.
  void Whole(std::string* text, std::uint64_t place);

  // The place of the first byte that is held back.
  std::optional<std::uint64_t> held() const;

 private:
  void Put(std::uint64_t place, char c);
  void TakeBack(const Pieces& passed);

  const Redactor* keys_;
  std::unique_ptr<RedactStream> stream_;  // of the message under way
  std::vector<std::uint64_t> places_;     // of what stream_ holds back
  std::size_t let_go_ = 0;                // of them, the first ones
  char* bytes_ = nullptr;
  std::uint64_t begin_ = 0;
};

}  // namespace keypool::proxy
