// Packs a text as an upstream would.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <string_view>

namespace keypool::proxy {

namespace internal {
inline std::string Pack(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 256, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}
}  // namespace internal

inline std::string Gzip(std::string_view text) { return internal::Pack(text, 15 + 16); }
// As "Content-Encoding: deflate" has it.
inline std::string Deflate(std::string_view text) { return internal::Pack(text, 15); }

// As permessage-deflate has it: each message with what the ones before have taught.
class MessagePacker {
 public:
  MessagePacker() {
    EXPECT_EQ(deflateInit2(&stream_, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  }
  ~MessagePacker() { deflateEnd(&stream_); }
  MessagePacker(const MessagePacker&) = delete;
  MessagePacker& operator=(const MessagePacker&) = delete;

  std::string Pack(std::string_view text) {
    std::string out(text.size() + 256, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream_, Z_SYNC_FLUSH), Z_OK);
    out.resize(out.size() - stream_.avail_out);
    out.resize(out.size() - 4);  // 00 00 ff ff, which is left out
    return out;
  }

 private:
  z_stream stream_{};
};

}  // namespace keypool::proxy
