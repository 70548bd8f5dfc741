// The part of an exchange that passes a body on while it comes: uploads.
#include <algorithm>
#include <array>
#include <optional>

#include "keyd/base/assert.h"
#include "proxy/chunked.h"
#include "proxy/exchange.h"
#include "proxy/read_body.h"

namespace keypool::proxy {
namespace {

iovec Part(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

// Takes a body from the client's bytes, piece by piece.
class BodyTaker {
 public:
  explicit BodyTaker(const RequestHead& head)
      : chunked_(head.framing == Framing::kChunked), left_(head.content_length) {}

  bool Done() const { return done_; }
  bool chunked() const { return chunked_; }

  // The next run of payload at the start of `unread`, and how much of it is dealt with. Nothing
  // when the chunks are none.
  std::optional<ChunkedDecoder::Step> Take(std::string_view unread) {
    if (chunked_) {
      const ChunkedDecoder::Step step = decoder_.Feed(unread);
      if (step.state == ChunkedDecoder::State::kInvalid) return std::nullopt;
      done_ = step.state == ChunkedDecoder::State::kDone;
      return step;
    }
    ChunkedDecoder::Step step;
    step.consumed = static_cast<std::size_t>(std::min<std::uint64_t>(unread.size(), left_));
    step.data = unread.substr(0, step.consumed);
    left_ -= step.consumed;
    done_ = left_ == 0;
    return step;
  }

 private:
  bool chunked_;
  std::uint64_t left_;
  ChunkedDecoder decoder_;
  bool done_ = false;
};

}  // namespace

Task<Exchange::SendEnd> Exchange::SendStreamed(const Outgoing& out, std::string_view head) {
  ClientConnection& client = around_.client;
  const Interrupt invited = co_await InviteBody(client, out.head);
  if (invited != Interrupt::kNone) co_return SendEnd::kClientGone;
  BodyTaker taker(out.head);
  BodyPace pace(client.patience());
  body_left_unread_ = true;
  while (!taker.Done()) {
    // A length of 0 has nothing to wait for.
    if (client.Unread().empty() && (taker.chunked() || out.head.content_length > 0)) {
      // The head goes first: the client may need a while for the first byte of the body.
      if (!head.empty()) {
        std::array<iovec, 1> part = {Part(head)};
        const SendEnd sent = co_await SendParts(part);
        if (sent != SendEnd::kSent) co_return sent;
        head = {};
      }
      const SendEnd came = co_await AwaitClientBytes(&pace);
      if (came != SendEnd::kSent) co_return came;
    }
    const std::optional<ChunkedDecoder::Step> step = taker.Take(client.Unread());
    if (!step.has_value()) co_return SendEnd::kBadBody;
    const ChunkHead chunk(std::max<std::size_t>(step->data.size(), 1));
    const bool framed = taker.chunked() && !step->data.empty();
    std::array<iovec, 5> parts = {
        Part(head), Part(framed ? chunk.view() : std::string_view()), Part(step->data),
        Part(framed ? "\r\n" : std::string_view()),
        Part(taker.chunked() && taker.Done() ? "0\r\n\r\n" : std::string_view())};
    const SendEnd sent = co_await SendParts(parts);
    if (sent != SendEnd::kSent) co_return sent;
    head = {};
    client.Consume(step->consumed);
    streamed_bytes_ += step->data.size();
  }
  body_left_unread_ = false;
  client.Watch();
  co_return SendEnd::kSent;
}

Task<Exchange::SendEnd> Exchange::AwaitClientBytes(BodyPace* pace) {
  around_.client.SetDeadline(pace->BeginWait(streamed_bytes_, around_.clock.MonoNow()));
  const SendEnd came = co_await AwaitEither();
  pace->EndWait(around_.clock.MonoNow());
  co_return came;
}

Task<Exchange::SendEnd> Exchange::AwaitEither() {
  ClientConnection& client = around_.client;
  for (;;) {
    if (!client.ReadArmed()) {
      const IoStatus status = client.TryRead();
      if (status == IoStatus::kDone) co_return SendEnd::kSent;
      if (status != IoStatus::kWantRead) co_return SendEnd::kClientGone;
      client.ArmRead();
    }
    connection_->Arm(IoStatus::kWantRead);
    while (client.ReadArmed() && connection_->Armed(IoStatus::kWantRead)) {
      if (client.Interrupted() == Interrupt::kTimeout) co_return SendEnd::kBodyTimeout;
      co_await client.wakeup().Wait();
    }
    if (connection_->Armed(IoStatus::kWantRead)) continue;
    switch (ReadHead()) {
      case Step::kMore:
        break;
      case Step::kAnswered:
        co_return SendEnd::kAnswered;
      case Step::kBadAnswer:
        co_return SendEnd::kBadAnswer;
      case Step::kBroken:
        co_return SendEnd::kBroken;
    }
  }
}

}  // namespace keypool::proxy
