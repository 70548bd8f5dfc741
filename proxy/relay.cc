#include "proxy/relay.h"

#include <array>
#include <optional>
#include <string>

#include "proxy/chunked.h"

namespace keypool::proxy {
namespace {

using BodyStep = UpstreamAnswer::BodyStep;
using Pieces = UpstreamAnswer::Pieces;

// One write to the client: head, frame, payload, frame.
class Batch {
 public:
  void Add(std::string_view text) {
    if (!text.empty()) parts_[count_++] = {const_cast<char*>(text.data()), text.size()};
  }
  std::span<iovec> parts() { return std::span(parts_).first(count_); }

  // `pieces` as one chunk if chunked, and the end of the body if `last`.
  void AddPayload(const Pieces& pieces, bool chunked, bool last) {
    if (chunked && pieces.bytes > 0) Add(chunk_.emplace(pieces.bytes).view());
    for (std::size_t i = 0; i < pieces.count; ++i) Add(pieces.part[i]);
    if (!chunked) return;
    if (last) {
      Add(pieces.bytes > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
    } else if (pieces.bytes > 0) {
      Add("\r\n");
    }
  }

 private:
  std::array<iovec, Pieces::kMax + 4> parts_;
  std::size_t count_ = 0;
  std::optional<ChunkHead> chunk_;
};

RelayEnd Ended(Interrupt interrupt) {
  return interrupt == Interrupt::kTimeout ? RelayEnd::kClientStalled : RelayEnd::kClientGone;
}

}  // namespace

OutBody ClientFraming(const ResponseHead& head, int minor_version) {
  switch (head.framing) {
    case Framing::kNone:
      return {};
    case Framing::kSized:
      return {Framing::kSized, head.content_length};
    case Framing::kChunked:
    case Framing::kToClose:
      break;
  }
  return {minor_version == 0 ? Framing::kToClose : Framing::kChunked, 0};
}

Task<RelayResult> Relay(ClientConnection& client, Exchange& exchange,
                        const ClientHeadOptions& options, UsageScan* scan) {
  UpstreamAnswer& answer = exchange.answer();
  const bool chunked = options.body.framing == Framing::kChunked;
  std::string head;
  AppendClientHead(answer.head(), options, &head);
  RelayResult result;
  Pieces pieces;
  bool last = answer.complete;
  if (!answer.kept.empty() || last) {
    pieces.part[0] = answer.kept;
    pieces.count = answer.kept.empty() ? 0 : 1;
    pieces.bytes = answer.kept.size();
  } else {
    BodyStep step = answer.Decode(&pieces);
    // Head and payload often come in two packets right behind each other.
    if (step == BodyStep::kMore && pieces.bytes == 0 && exchange.TryPayload() == IoStatus::kDone) {
      step = answer.Decode(&pieces);
    }
    last = step == BodyStep::kDone;
    if (step == BodyStep::kInvalid) result.end = RelayEnd::kUpstreamCut;
  }
  for (;;) {
    Batch batch;
    batch.Add(head);
    batch.AddPayload(pieces, chunked, last);
    if (!batch.parts().empty()) {
      const Interrupt interrupt = co_await client.Write(batch.parts());
      if (interrupt != Interrupt::kNone) {
        result.end = Ended(interrupt);
        co_return result;
      }
    }
    head.clear();
    // Behind the write: nobody has to wait for it.
    for (std::size_t i = 0; scan != nullptr && i < pieces.count; ++i) scan->Feed(pieces.part[i]);
    result.payload_bytes += pieces.bytes;
    if (last || result.end != RelayEnd::kComplete) co_return result;

    BodyStep step = answer.Decode(&pieces);
    while (step == BodyStep::kMore && pieces.bytes == 0) {
      client.SetDeadline(exchange.timeout());
      const Exchange::More more = co_await exchange.AwaitPayload();
      if (more.interrupt != Interrupt::kNone) {
        result.end = more.interrupt == Interrupt::kTimeout ? RelayEnd::kUpstreamSilent
                                                           : RelayEnd::kClientGone;
        co_return result;
      }
      if (more.status != IoStatus::kDone) {
        last = more.status == IoStatus::kEnd && answer.EndsHere();
        if (!last) result.end = RelayEnd::kUpstreamCut;
        break;
      }
      step = answer.Decode(&pieces);
    }
    if (step == BodyStep::kDone) last = true;
    if (step == BodyStep::kInvalid) result.end = RelayEnd::kUpstreamCut;
  }
}

Task<Interrupt> KeepPayload(ClientConnection& client, Exchange& exchange, KeepLimits limits) {
  UpstreamAnswer& answer = exchange.answer();
  client.SetDeadline(limits.time);
  Pieces pieces;
  while (answer.kept.size() < limits.bytes) {
    const BodyStep step = answer.Decode(&pieces);
    for (std::size_t i = 0; i < pieces.count; ++i) answer.kept.append(pieces.part[i]);
    answer.complete = step == BodyStep::kDone;
    if (answer.complete || step == BodyStep::kInvalid) break;
    if (step == BodyStep::kFull) continue;
    const Exchange::More more = co_await exchange.AwaitPayload();
    if (more.interrupt == Interrupt::kGone) co_return Interrupt::kGone;
    if (more.interrupt == Interrupt::kTimeout) break;
    if (more.status == IoStatus::kDone) continue;
    answer.complete = more.status == IoStatus::kEnd && answer.EndsHere();
    break;
  }
  client.ClearDeadline();
  co_return Interrupt::kNone;
}

}  // namespace keypool::proxy
