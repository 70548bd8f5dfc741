// An answer as it comes from upstream: the head, then the payload without its framing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/buffer_pool.h"
#include "proxy/chunked.h"
#include "proxy/http_types.h"
#include "proxy/pieces.h"
#include "proxy/upstream_connection.h"

namespace keypool::proxy {

// Used by one thread. One buffer, whatever the size of the answer.
class UpstreamAnswer {
 public:
  explicit UpstreamAnswer(BufferPool& buffers) : buffers_(buffers) {}
  UpstreamAnswer(const UpstreamAnswer&) = delete;
  UpstreamAnswer& operator=(const UpstreamAnswer&) = delete;

  // Reads once, behind what is unread, which may move. What was decoded before must have been used.
  IoStatus Fill(UpstreamConnection& connection);
  // True when any byte has come.
  bool Begun() const { return begun_; }

  // 101 is a final head; what comes behind it is another protocol's: see Unread.
  void ExpectUpgrade() { upgrade_expected_ = true; }
  enum class HeadStep { kMore, kComplete, kInvalid };
  // Looks for the final head in what was read; interim answers (1xx) are passed over, a few.
  HeadStep ParseHead(std::string_view request_method);
  // After kComplete; its views stay valid.
  const ResponseHead& head() const { return head_; }

  // Payload of what was read, as it lies in the buffer, which may be changed there.
  enum class BodyStep {
    kMore,     // everything that was read is decoded
    kFull,     // the list is full: use it and call again
    kDone,     // the body is complete
    kInvalid,  // the framing is broken
  };
  BodyStep Decode(Pieces* pieces);
  // The connection has ended. True when that is a whole body: where the end is the framing.
  bool EndsHere() const { return head_.framing == Framing::kToClose; }

  // Behind a head of 101: what was read and not consumed. Valid until the next Fill.
  std::string_view Unread() const { return {block_.get() + begin_, end_ - begin_}; }
  void Consume(std::size_t bytes) { begin_ += bytes; }
  // Gives the buffer back when there is nothing unread; the head is gone then.
  void LetGo();

  // The payload so far, kept for a second look; see KeepPayload.
  std::string kept;
  bool complete = false;  // kept is all of it
  // Makes a complete answer one that was never packed, with `body`; kept is `body` then.
  void ReplaceBody(std::string body);

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
  bool upgrade_expected_ = false;
  bool begun_ = false;
  bool done_ = false;
};

}  // namespace keypool::proxy
