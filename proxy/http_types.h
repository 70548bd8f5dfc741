// Heads of HTTP/1.1 messages as they lie in the buffer: views into it, nothing copied.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/container/inlined_vector.h"

namespace keypool::proxy {

inline constexpr std::size_t kHeadBytesMax = 32 * 1024;
inline constexpr std::size_t kFieldsMax = 100;
inline constexpr std::size_t kTargetBytesMax = 8 * 1024;

struct Field {
  std::string_view name;
  std::string_view value;  // without white space around it
};
using Fields = absl::InlinedVector<Field, 32>;

enum class Framing {
  kNone,     // no body
  kSized,    // Content-Length
  kChunked,  // Transfer-Encoding: chunked
  kToClose,  // responses only: until the connection ends
};

// Filled by ParseRequestHead; valid as long as the buffer is.
struct RequestHead {
  std::string_view method;
  std::string_view target;  // origin form, or "*" with OPTIONS
  int minor_version = 1;    // HTTP/1.0 or 1.1
  Fields fields;
  std::string_view host;
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;  // with kSized
  bool keep_alive = true;
  bool expects_continue = false;
  std::size_t size = 0;  // of the head in bytes, empty line included
};

// Filled by ParseResponseHead.
struct ResponseHead {
  int status = 0;
  std::string_view reason;
  int minor_version = 1;
  Fields fields;
  Framing framing = Framing::kNone;
  // With kSized; in answers without a body to HEAD and in 304, what they say of the body not sent.
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  std::string_view content_type;
  std::string_view content_encoding;
  std::size_t size = 0;
};

}  // namespace keypool::proxy
