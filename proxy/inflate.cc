#include "proxy/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "proxy/field_names.h"

namespace keypool::proxy {
namespace {

constexpr int kZlibOrGzip = 15 + 32;
constexpr int kRaw = -15;
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

std::optional<std::string> InflateWhole(std::string_view body, std::size_t bytes_max) {
  std::string out;
  InflateStream stream;
  for (;;) {
    const std::string_view text = stream.Next(&body);
    if (text.empty()) break;
    if (text.size() > bytes_max - out.size()) return std::nullopt;
    out.append(text);
  }
  if (!stream.AtEnd()) return std::nullopt;
  return out;
}

struct InflateStream::State {
  ~State() { inflateEnd(&stream); }

  z_stream stream{};
  int result = Z_OK;
  bool full = false;  // there may be more without more input
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
  std::size_t size = 0;
  while (size == 0 && (state_->full || !packed->empty()) && !Broken()) {
    // One packed body may stand behind another.
    if (state_->result == Z_STREAM_END) inflateReset(&stream);
    const std::string_view input = packed->substr(0, kBytesMax);
    stream.next_in = Input(input);
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(state_->out.data());
    stream.avail_out = static_cast<uInt>(state_->out.size());
    // Whatever it returns, what was written until then is good.
    state_->result = inflate(&stream, Z_SYNC_FLUSH);
    state_->full = stream.avail_out == 0 && state_->result == Z_OK;
    size = state_->out.size() - stream.avail_out;
    packed->remove_prefix(input.size() - stream.avail_in);
  }
  return {state_->out.data(), size};
}

bool InflateStream::Broken() const {
  return state_ == nullptr || (state_->result != Z_OK && state_->result != Z_STREAM_END &&
                               state_->result != Z_BUF_ERROR);
}

bool InflateStream::AtEnd() const { return state_ != nullptr && state_->result == Z_STREAM_END; }
struct MessageInflate::State {
  ~State() { inflateEnd(&stream); }

  z_stream stream{};
  std::size_t unpacked = 0;  // of this message
};

MessageInflate::MessageInflate() = default;
MessageInflate::~MessageInflate() = default;
MessageInflate::MessageInflate(MessageInflate&&) noexcept = default;
MessageInflate& MessageInflate::operator=(MessageInflate&&) noexcept = default;

void MessageInflate::Feed(std::string_view packed, Take take) {
  if (over_) return;
  if (state_ == nullptr) {
    state_ = std::make_unique<State>();
    over_ = inflateInit2(&state_->stream, kRaw) != Z_OK;
  }
  z_stream& stream = state_->stream;
  std::array<char, 4096> out;
  stream.next_in = Input(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  bool full = true;  // then there may be more
  while (!over_ && (stream.avail_in > 0 || full)) {
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_SYNC_FLUSH);
    const std::size_t size = out.size() - stream.avail_out;
    full = stream.avail_out == 0;
    state_->unpacked += size;
    if (size > 0) take({out.data(), size});
    over_ = (result != Z_OK && result != Z_BUF_ERROR) || state_->unpacked > kMessageBytesMax;
    if (result == Z_BUF_ERROR) break;
  }
  if (over_) state_.reset();
}

void MessageInflate::EndMessage(Take take) {
  // What the sender has left out.
  Feed({"\0\0\xff\xff", 4}, take);
  if (state_ != nullptr) state_->unpacked = 0;
}

}  // namespace keypool::proxy
