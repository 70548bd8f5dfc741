#include "proxy/read_body.h"

#include <algorithm>
#include <utility>

#include "keyd/base/assert.h"
#include "proxy/chunked.h"

namespace keypool::proxy {
namespace {

ReadBodyResult Ended(Interrupt interrupt) {
  return {interrupt == Interrupt::kTimeout ? BodyEnd::kTimeout : BodyEnd::kGone, {}};
}

ReadBodyResult Ended(const absl::Status& status) {
  const std::string problem(status.message());
  switch (status.code()) {
    case absl::StatusCode::kOutOfRange:
      return {BodyEnd::kTooLarge, problem};
    case absl::StatusCode::kResourceExhausted:
      return {BodyEnd::kNoRoom, problem};
    case absl::StatusCode::kUnavailable:
      return {BodyEnd::kNoDescriptor, problem};
    default:
      return {BodyEnd::kFailed, problem};
  }
}

// The client's bytes, at its pace.
class Reader {
 public:
  Reader(ClientConnection& client, const Clock& clock)
      : client_(client), clock_(clock), pace_(client.patience()) {}

  // Waits for more bytes, after so many of payload.
  Task<Interrupt> ReadMore(std::uint64_t payload_bytes) {
    client_.SetDeadline(pace_.BeginWait(payload_bytes, clock_.MonoNow()));
    const Interrupt interrupt = co_await client_.ReadMore();
    pace_.EndWait(clock_.MonoNow());
    co_return interrupt;
  }

 private:
  ClientConnection& client_;
  const Clock& clock_;
  BodyPace pace_;
};

Task<ReadBodyResult> ReadSized(ClientConnection& client, const Clock& clock, std::uint64_t size,
                               BodyScan* scan, Body* body) {
  Reader reader(client, clock);
  if (size <= client.Room()) {
    while (client.Unread().size() < size) {
      const Interrupt interrupt = co_await reader.ReadMore(client.Unread().size());
      if (interrupt != Interrupt::kNone) co_return Ended(interrupt);
    }
    const std::string_view all = client.Unread().substr(0, static_cast<std::size_t>(size));
    if (scan != nullptr) scan->Feed(all);
    body->Borrow(all);
    client.Consume(all.size());
    client.Pin();
    co_return ReadBodyResult{};
  }
  body->Expect(size);
  for (std::uint64_t left = size;;) {
    const std::string_view unread = client.Unread();
    const std::string_view piece =
        unread.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(unread.size(), left)));
    if (scan != nullptr) scan->Feed(piece);
    const absl::Status status = body->Append(piece);
    if (!status.ok()) co_return Ended(status);
    client.Consume(piece.size());
    left -= piece.size();
    if (left == 0) co_return ReadBodyResult{};
    const Interrupt interrupt = co_await reader.ReadMore(size - left);
    if (interrupt != Interrupt::kNone) co_return Ended(interrupt);
  }
}

Task<ReadBodyResult> ReadChunked(ClientConnection& client, const Clock& clock, BodyScan* scan,
                                 Body* body) {
  Reader reader(client, clock);
  ChunkedDecoder decoder;
  for (;;) {
    while (!client.Unread().empty()) {
      const ChunkedDecoder::Step step = decoder.Feed(client.Unread());
      if (step.state == ChunkedDecoder::State::kInvalid) {
        co_return ReadBodyResult{BodyEnd::kInvalid, {}};
      }
      if (scan != nullptr) scan->Feed(step.data);
      const absl::Status status = body->Append(step.data);
      if (!status.ok()) co_return Ended(status);
      client.Consume(step.consumed);
      if (step.state == ChunkedDecoder::State::kDone) co_return ReadBodyResult{};
      KP_ASSERT(step.consumed > 0);
    }
    const Interrupt interrupt = co_await reader.ReadMore(body->size());
    if (interrupt != Interrupt::kNone) co_return Ended(interrupt);
  }
}

}  // namespace

Task<Interrupt> InviteBody(ClientConnection& client, const RequestHead& head) {
  if (!head.expects_continue || !client.Unread().empty()) co_return Interrupt::kNone;
  co_return co_await client.Write(std::string_view("HTTP/1.1 100 Continue\r\n\r\n"));
}

Task<ReadBodyResult> ReadBody(ClientConnection& client, const Clock& clock, const RequestHead& head,
                              const BodyLimits& limits, BodyScan* scan, Body* body) {
  if (head.framing == Framing::kNone) co_return ReadBodyResult{};
  if (head.framing == Framing::kSized && head.content_length > limits.bytes_max) {
    co_return ReadBodyResult{BodyEnd::kTooLarge, {}};
  }
  const Interrupt interrupt = co_await InviteBody(client, head);
  if (interrupt != Interrupt::kNone) co_return Ended(interrupt);
  if (head.framing == Framing::kSized) {
    co_return co_await ReadSized(client, clock, head.content_length, scan, body);
  }
  co_return co_await ReadChunked(client, clock, scan, body);
}

}  // namespace keypool::proxy
