#include "proxy/inflate.h"

#include <zlib.h>

#include "proxy/field_names.h"

namespace keypool::proxy {

bool CanInflate(std::string_view content_encoding) {
  return IsIgnoringCase(content_encoding, "gzip") || IsIgnoringCase(content_encoding, "x-gzip") ||
         IsIgnoringCase(content_encoding, "deflate");
}

std::string Inflate(std::string_view body, std::size_t bytes_max) {
  constexpr int kZlibOrGzip = 15 + 32;
  constexpr std::size_t kBytesMax = 1 << 30;  // zlib counts in 32 bits
  std::string out;
  if (body.size() > kBytesMax || bytes_max > kBytesMax) return out;
  z_stream stream{};
  if (inflateInit2(&stream, kZlibOrGzip) != Z_OK) return out;
  out.resize(bytes_max);
  // zlib does not write to its input; its type only lacks the const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  // Whatever it returns, what was written until then is good.
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(bytes_max - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace keypool::proxy
