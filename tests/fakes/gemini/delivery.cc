#include "tests/fakes/gemini/delivery.h"

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <utility>

#include "absl/time/time.h"

namespace keypool::fake {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPieceBytes = 64 * 1024;

asio::awaitable<void> Wait(Shared& shared, absl::Duration d) {
  asio::steady_timer timer(shared.io, absl::ToChronoNanoseconds(d));
  boost::system::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
}

asio::awaitable<void> TakeStep(Shared& shared) {
  while (shared.steps == 0) {
    boost::system::error_code error;
    co_await shared.stepped.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  --shared.steps;
}

Delivered After(bool written, Ending ending) {
  return {written ? ending : Ending::kPeerClosed, !written || ending == Ending::kCut};
}

bool Is(const Delivery& d, FaultKind kind) { return d.fault && d.fault->kind == kind; }

// The answer in one block, for faults that cut it in places that have no meaning.
std::string WholeWire(const Reply& reply) {
  std::string wire = reply.WireHead();
  for (const std::string& piece : reply.pieces) {
    wire += reply.framing == Framing::kChunked ? Chunk(piece) : piece;
  }
  if (reply.framing == Framing::kChunked) wire += Chunk("");
  return wire;
}

// Sends what a fault leaves of the answer. Nothing for faults that let it go piece by piece.
std::optional<std::string> BrokenWire(const Delivery& d) {
  if (!d.fault) return std::nullopt;
  Reply reply = d.reply;
  switch (d.fault->kind) {
    case FaultKind::kRaw:
      return d.fault->raw;
    case FaultKind::kCutHead: {
      const std::string head = reply.WireHead();
      return head.substr(0, head.size() / 2);
    }
    case FaultKind::kCutBody: {
      reply.framing = Framing::kSized;
      const std::size_t bytes = static_cast<std::size_t>(d.fault->bytes);
      return reply.WireHead() + reply.Body().substr(0, bytes);
    }
    case FaultKind::kBadChunk:
      reply.framing = Framing::kChunked;
      return reply.WireHead() + "zz\r\n" + reply.Body() + "\r\n0\r\n\r\n";
    case FaultKind::kBothLengths: {
      reply.framing = Framing::kChunked;
      reply.headers.push_back({"Content-Length", std::to_string(reply.Body().size())});
      return WholeWire(reply);
    }
    default:
      return std::nullopt;
  }
}

asio::awaitable<Delivered> DeliverSlowly(Delivery& d) {
  const bool raw = Is(d, FaultKind::kRawSlow);
  const std::string wire = raw ? d.fault->raw : WholeWire(d.reply);
  for (const char& byte : wire) {
    const bool written = co_await d.transport.Write({&byte, 1});
    if (!written) co_return After(false, Ending::kAnswered);
    co_await Wait(d.shared, d.fault->delay);
  }
  if (raw) co_return After(true, d.fault->close ? Ending::kCut : Ending::kAnswered);
  co_return Delivered{};
}

asio::awaitable<Delivered> DeliverHugeBody(Delivery& d) {
  d.reply.framing = Framing::kChunked;
  const std::string head = d.reply.WireHead();
  bool written = co_await d.transport.Write(head);
  const std::string piece(kPieceBytes, 'x');
  for (std::int64_t left = d.fault->bytes; written && left > 0;) {
    const std::size_t n = std::min<std::size_t>(kPieceBytes, static_cast<std::size_t>(left));
    const std::string chunk = Chunk(std::string_view(piece).substr(0, n));
    written = co_await d.transport.Write(chunk);
    left -= static_cast<std::int64_t>(n);
  }
  if (written) {
    const std::string last = Chunk("");
    written = co_await d.transport.Write(last);
  }
  co_return After(written, Ending::kAnswered);
}

// Piece by piece; a fault may stop it between two.
asio::awaitable<Delivered> DeliverPieces(Delivery& d) {
  const bool streams = Is(d, FaultKind::kCutStream) || Is(d, FaultKind::kHangStream) ||
                       Is(d, FaultKind::kStepStream) || Is(d, FaultKind::kErrorInside);
  if (streams) d.reply.framing = Framing::kChunked;
  const bool chunked = d.reply.framing == Framing::kChunked;
  std::string wire = d.reply.WireHead();
  // A short answer leaves in one write.
  if (!chunked && !d.head_only) wire += d.reply.Body();
  bool written = co_await d.transport.Write(wire);
  if (!chunked || d.head_only) co_return After(written, Ending::kAnswered);

  int sent = 0;
  for (const std::string& piece : d.reply.pieces) {
    if (streams && d.fault->kind != FaultKind::kStepStream && sent == d.fault->events) break;
    if (Is(d, FaultKind::kStepStream)) co_await TakeStep(d.shared);
    const std::string chunk = Chunk(piece);
    if (written) written = co_await d.transport.Write(chunk);
    ++sent;
  }
  if (Is(d, FaultKind::kCutStream)) co_return After(written, Ending::kCut);
  if (Is(d, FaultKind::kHangStream)) {
    co_await WaitUntilPeerCloses(d.transport);
    co_return After(false, Ending::kPeerClosed);
  }
  if (Is(d, FaultKind::kErrorInside) && written) {
    const std::string chunk = Chunk(d.fault->raw);
    written = co_await d.transport.Write(chunk);
  }
  const std::string last = Chunk("");
  if (written) written = co_await d.transport.Write(last);
  co_return After(written, Ending::kAnswered);
}

}  // namespace

asio::awaitable<void> WaitUntilPeerCloses(Transport& transport) {
  std::array<char, 4096> scratch;
  std::size_t n = 1;
  while (n > 0) n = co_await transport.ReadSome(scratch.data(), scratch.size());
}

asio::awaitable<Delivered> Deliver(Delivery& d) {
  if (d.shared.latency > absl::ZeroDuration()) co_await Wait(d.shared, d.shared.latency);
  if (Is(d, FaultKind::kHang)) {
    co_await WaitUntilPeerCloses(d.transport);
    co_return After(false, Ending::kPeerClosed);
  }
  if (Is(d, FaultKind::kCloseUnsent)) co_return After(true, Ending::kCut);
  if (Is(d, FaultKind::kSlow) || Is(d, FaultKind::kRawSlow)) co_return co_await DeliverSlowly(d);
  if (Is(d, FaultKind::kHugeBody)) co_return co_await DeliverHugeBody(d);
  if (const std::optional<std::string> broken = BrokenWire(d)) {
    const bool written = co_await d.transport.Write(*broken);
    const bool keep = Is(d, FaultKind::kRaw) && !d.fault->close;
    co_return After(written, keep ? Ending::kAnswered : Ending::kCut);
  }
  if (Is(d, FaultKind::kInterim)) {
    const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
    co_await d.transport.Write(hints);
  }
  if (Is(d, FaultKind::kHugeHead)) {
    const std::size_t bytes = static_cast<std::size_t>(d.fault->bytes);
    d.reply.headers.push_back({"X-Huge", std::string(bytes, 'h')});
  }
  Delivered delivered = co_await DeliverPieces(d);
  if (Is(d, FaultKind::kCloseIdle)) delivered.close = true;
  co_return delivered;
}

}  // namespace keypool::fake
