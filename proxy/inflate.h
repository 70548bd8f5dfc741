// Undoes gzip for bodies that are looked at and never passed on. Private to the pure part.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace keypool::proxy {

// True for the Content-Encodings that Inflate undoes: gzip, x-gzip, deflate.
bool CanInflate(std::string_view content_encoding);

// The start of what `body` unpacks to, at most `bytes_max` of it. As much as there is, when `body`
// is cut or broken; empty when it is not compressed at all.
std::string Inflate(std::string_view body, std::size_t bytes_max);

// Undoes it piece by piece, for bodies that stream by: in constant memory, and of no body more than
// kUnpackedBytesMax, so that one that unpacks to a thousand times its size costs little.
class InflateStream {
 public:
  static constexpr std::size_t kUnpackedBytesMax = 64 * 1024 * 1024;

  InflateStream();
  ~InflateStream();
  InflateStream(InflateStream&&) noexcept;
  InflateStream& operator=(InflateStream&&) noexcept;

  // Takes bytes from the front of `packed` and returns what they unpack to, valid until the next
  // call. To be called until it returns nothing: then all of `packed` is used up, or there is no
  // more to come, because the body has ended or is broken.
  std::string_view Next(std::string_view* packed);

 private:
  struct State;
  std::unique_ptr<State> state_;  // null: there is no more to come
};

}  // namespace keypool::proxy
