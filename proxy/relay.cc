#include "proxy/relay.h"

#include <array>
#include <optional>
#include <string>

#include "proxy/answer_filter.h"
#include "proxy/chunked.h"
#include "proxy/inflate.h"

namespace keypool::proxy {
namespace {

using BodyStep = UpstreamAnswer::BodyStep;

// A packed answer that shows a key is unpacked to at most this much.
constexpr std::size_t kUnpackedBytesMax = 4 * 1024 * 1024;

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
  // The payload and what was held back of it, the head, and three for the frame.
  std::array<iovec, Pieces::kMax + 5> parts_;
  std::size_t count_ = 0;
  std::optional<ChunkHead> chunk_;
};

RelayEnd Ended(Interrupt interrupt) {
  return interrupt == Interrupt::kTimeout ? RelayEnd::kClientStalled : RelayEnd::kClientGone;
}

// Masks `keys` in what was kept. True: it was packed, and is unpacked now.
bool RedactKept(UpstreamAnswer& answer, const Redactor& keys) {
  if (answer.complete && CanInflate(answer.head().content_encoding)) {
    std::optional<std::string> text = InflateWhole(answer.kept, kUnpackedBytesMax);
    if (text.has_value() && keys.Mask(&*text)) {
      answer.ReplaceBody(*std::move(text));
      return true;
    }
  }
  keys.Mask(&answer.kept);
  return false;
}

// The same for an answer that is there as a whole, but was not kept.
bool RedactWhole(UpstreamAnswer& answer, const Pieces& pieces, const Redactor& keys) {
  answer.kept.clear();
  for (std::size_t i = 0; i < pieces.count; ++i) answer.kept.append(pieces.part[i]);
  answer.complete = true;
  return RedactKept(answer, keys);
}

void SetKept(const UpstreamAnswer& answer, Pieces* pieces) {
  pieces->Clear();
  pieces->Add(answer.kept);
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

Task<RelayResult> Relay(ClientConnection& client, Exchange& exchange, ClientHeadOptions options,
                        const Redactor& keys, AnswerScan* scan) {
  UpstreamAnswer& answer = exchange.answer();
  RelayResult result;
  Pieces pieces;
  bool last = answer.complete;
  if (!answer.kept.empty() || last) {
    SetKept(answer, &pieces);
  } else {
    BodyStep step = answer.Decode(&pieces);
    // Head and payload often come in two packets right behind each other.
    if (step == BodyStep::kMore && pieces.bytes == 0 && exchange.TryPayload() == IoStatus::kDone) {
      step = answer.Decode(&pieces);
    }
    last = step == BodyStep::kDone;
    if (step == BodyStep::kInvalid) result.end = RelayEnd::kUpstreamCut;
  }
  AnswerFilter filter(keys, answer.head().content_encoding, scan);
  bool clean = filter.Pass(&pieces, last || result.end != RelayEnd::kComplete);
  if (!clean && last && RedactWhole(answer, pieces, keys)) {
    SetKept(answer, &pieces);
    options.body = ClientFraming(answer.head(), options.client_minor_version);
    clean = true;
  }
  const bool chunked = options.body.framing == Framing::kChunked;
  std::string head;
  AppendClientHead(answer.head(), options, &head);
  keys.Mask(&head);
  for (;;) {
    if (!clean) {
      result.end = RelayEnd::kKeyShows;
      co_return result;
    }
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
    result.begun = true;
    head.clear();
    filter.Scan(pieces);
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
    clean = filter.Pass(&pieces, last || result.end != RelayEnd::kComplete);
  }
}

Task<Interrupt> KeepPayload(ClientConnection& client, Exchange& exchange, const Redactor& keys,
                            KeepLimits limits) {
  UpstreamAnswer& answer = exchange.answer();
  if (answer.complete) co_return Interrupt::kNone;
  client.SetDeadline(limits.time);
  Pieces pieces;
  Interrupt end = Interrupt::kNone;
  while (answer.kept.size() < limits.bytes) {
    const BodyStep step = answer.Decode(&pieces);
    for (std::size_t i = 0; i < pieces.count; ++i) answer.kept.append(pieces.part[i]);
    answer.complete = step == BodyStep::kDone;
    if (answer.complete || step == BodyStep::kInvalid) break;
    if (step == BodyStep::kFull) continue;
    const Exchange::More more = co_await exchange.AwaitPayload();
    if (more.interrupt == Interrupt::kGone) end = Interrupt::kGone;
    if (more.interrupt != Interrupt::kNone) break;
    if (more.status == IoStatus::kDone) continue;
    answer.complete = more.status == IoStatus::kEnd && answer.EndsHere();
    break;
  }
  client.ClearDeadline();
  RedactKept(answer, keys);
  co_return end;
}

}  // namespace keypool::proxy
