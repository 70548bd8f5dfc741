// An answer as it comes from upstream: the head, then the payload without its framing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/buffer_pool.h"
#include "proxy/chunked.h"
#include "proxy/http_types.h"
#include "proxy/upstream_connection.h"

namespace keypool::proxy {

// Used by one thread. One buffer, whatever the size of the answer.
class UpstreamAnswer {
 public:
  explicit UpstreamAnswer(BufferPool& buffers) : buffers_(buffers) {}
  UpstreamAnswer(const UpstreamAnswer&) = delete;
  UpstreamAnswer& operator=(const UpstreamAnswer&) = delete;

  // Reads once. What was decoded before must have been used.
  IoStatus Fill(UpstreamConnection& connection);
  // True when any byte has come.
  bool Begun() const { return begun_; }

  enum class HeadStep { kMore, kComplete, kInvalid };
  // Looks for the final head in what was read; interim answers (1xx) are passed over, a few.
  HeadStep ParseHead(std::string_view request_method);
  // After kComplete; its views stay valid.
  const ResponseHead& head() const { return head_; }

  // Payload of what was read, as it lies in the buffer.
  struct Pieces {
    static constexpr std::size_t kMax = 60;
    std::array<std::string_view, kMax> part;
    std::size_t count = 0;
    std::size_t bytes = 0;
  };
  enum class BodyStep {
    kMore,     // everything that was read is decoded
    kFull,     // the list is full: use it and call again
    kDone,     // the body is complete
    kInvalid,  // the framing is broken
  };
  BodyStep Decode(Pieces* pieces);
  // The connection has ended. True when that is a whole body: where the end is the framing.
  bool EndsHere() const { return head_.framing == Framing::kToClose; }

  // The payload so far, kept for a second look; see KeepPayload.
  std::string kept;
  bool complete = false;  // kept is all of it

  // After kDone: the connection may be used for another request.
  bool Reusable() const {
    return done_ && head_.keep_alive && begin_ == end_ && head_.framing != Framing::kToClose;
  }

 private:
  static constexpr int kInterimMax = 8;

  BufferPool& buffers_;
  BufferPool::Block block_;
  std::size_t pinned_ = 0, begin_ = 0, end_ = 0, scanned_ = 0;
  ResponseHead head_;
  ChunkedDecoder decoder_;
  std::uint64_t left_ = 0;
  int interims_ = 0;
  bool begun_ = false;
  bool done_ = false;
};

}  // namespace keypool::proxy
