#include "proxy/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "proxy/field_names.h"

namespace keypool::proxy {
namespace {

constexpr int kZlibOrGzip = 15 + 32;
constexpr std::size_t kBytesMax = 1 << 30;  // zlib counts in 32 bits

// zlib does not write to its input; its type only lacks the const.
Bytef* Input(std::string_view bytes) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

}  // namespace

bool CanInflate(std::string_view content_encoding) {
  return IsIgnoringCase(content_encoding, "gzip") || IsIgnoringCase(content_encoding, "x-gzip") ||
         IsIgnoringCase(content_encoding, "deflate");
}

std::string Inflate(std::string_view body, std::size_t bytes_max) {
  std::string out;
  if (body.size() > kBytesMax || bytes_max > kBytesMax) return out;
  z_stream stream{};
  if (inflateInit2(&stream, kZlibOrGzip) != Z_OK) return out;
  out.resize(bytes_max);
  stream.next_in = Input(body);
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  // Whatever it returns, what was written until then is good.
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(bytes_max - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

struct InflateStream::State {
  ~State() { inflateEnd(&stream); }

  z_stream stream{};
  std::size_t unpacked = 0;
  std::array<char, 16 * 1024> out;
};

InflateStream::InflateStream() : state_(std::make_unique_for_overwrite<State>()) {
  if (inflateInit2(&state_->stream, kZlibOrGzip) != Z_OK) state_.reset();
}
InflateStream::~InflateStream() = default;
InflateStream::InflateStream(InflateStream&&) noexcept = default;
InflateStream& InflateStream::operator=(InflateStream&&) noexcept = default;

std::string_view InflateStream::Next(std::string_view* packed) {
  if (state_ == nullptr) return {};
  z_stream& stream = state_->stream;
  const std::size_t room = std::min(state_->out.size(), kUnpackedBytesMax - state_->unpacked);
  const std::string_view input = packed->substr(0, kBytesMax);
  stream.next_in = Input(input);
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(state_->out.data());
  stream.avail_out = static_cast<uInt>(room);
  // Whatever it returns, what was written until then is good; what is not good comes to nothing the
  // next time.
  inflate(&stream, Z_SYNC_FLUSH);
  const std::size_t size = room - stream.avail_out;
  packed->remove_prefix(input.size() - stream.avail_in);
  state_->unpacked += size;
  return {state_->out.data(), size};
}

}  // namespace keypool::proxy
