// Undoes gzip for bodies that are looked at and never passed on. Private to the pure part.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace keypool::proxy {

// True for the Content-Encodings that Inflate undoes: gzip, x-gzip, deflate.
bool CanInflate(std::string_view content_encoding);

// The start of what `body` unpacks to, at most `bytes_max` of it. As much as there is, when `body`
// is cut or broken; empty when it is not compressed at all.
std::string Inflate(std::string_view body, std::size_t bytes_max);

// All that `body` unpacks to; nothing when that is more than `bytes_max`, or `body` is cut, broken
// or not compressed at all.
std::optional<std::string> InflateWhole(std::string_view body, std::size_t bytes_max);

// Undoes it piece by piece, for bodies that stream by: in constant memory, whatever their size.
class InflateStream {
 public:
  InflateStream();
  ~InflateStream();
  InflateStream(InflateStream&&) noexcept;
  InflateStream& operator=(InflateStream&&) noexcept;

  // Takes bytes from the front of `packed` and returns what they unpack to, valid until the next
  // call. To be called until it returns nothing: then all of `packed` is used up, or there is no
  // more to come, because the body is broken.
  std::string_view Next(std::string_view* packed);
  // From here on, or from the start, the body is not compressed.
  bool Broken() const;
  // The body is whole so far.
  bool AtEnd() const;

 private:
  struct State;
  std::unique_ptr<State> state_;  // null: there is no memory for it
};

// Undoes permessage-deflate (RFC 7692) for one direction of a WebSocket: messages that stream by,
// each packed with what the ones before have taught. Holds memory from the first message on.
class MessageInflate {
 public:
  // One message that unpacks to more is the last one that is looked at.
  static constexpr std::size_t kMessageBytesMax = 16 * 1024 * 1024;

  using Take = absl::FunctionRef<void(std::string_view unpacked)>;

  MessageInflate();
  ~MessageInflate();
  MessageInflate(MessageInflate&&) noexcept;
  MessageInflate& operator=(MessageInflate&&) noexcept;

  // The next bytes of a message; `take` is handed what they unpack to, in pieces.
  void Feed(std::string_view packed, Take take);
  void EndMessage(Take take);

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool over_ = false;  // broken, or too much
};

}  // namespace keypool::proxy
