#include "tests/fakes/gemini/websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <boost/asio.hpp>
#include <utility>

namespace keypool::fake {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kMessageBytesMax = 64 * 1024 * 1024;
constexpr int kFin = 0x80, kRsv1 = 0x40, kOpcodes = 0x0f;
constexpr int kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;
constexpr std::string_view kLeftOut("\0\0\xff\xff", 4);

std::string Accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> base64;
  EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return reinterpret_cast<const char*>(base64.data());
}

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string_view FirstOf(std::string_view list) {
  list = list.substr(0, list.find(','));
  while (!list.empty() && list.back() == ' ') list.remove_suffix(1);
  return list;
}

}  // namespace

bool AsksForWebSocket(const RequestHead& head) {
  return head.method == "GET" && EqualsIgnoreCase(head.Find("upgrade").value_or(""), "websocket") &&
         EqualsIgnoreCase(head.Find("connection").value_or(""), "upgrade") &&
         head.Find("sec-websocket-version").value_or("") == "13" &&
         head.Find("sec-websocket-key").has_value();
}

Handshake AcceptWebSocket(const RequestHead& head) {
  Handshake handshake;
  handshake.wire =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: " +
      Accept(*head.Find("sec-websocket-key")) + "\r\n";
  if (const auto offered = head.Find("sec-websocket-protocol")) {
    handshake.wire += "Sec-WebSocket-Protocol: " + std::string(FirstOf(*offered)) + "\r\n";
  }
  for (const std::string_view offered : head.All("sec-websocket-extensions")) {
    handshake.deflates = handshake.deflates || Has(offered, "permessage-deflate");
  }
  if (handshake.deflates) handshake.wire += "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  handshake.wire += "\r\n";
  return handshake;
}

WebSocket::WebSocket(Transport& transport, std::string unread, bool deflates)
    : transport_(transport), unread_(std::move(unread)), deflates_(deflates) {
  deflateInit2(&packer_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  inflateInit2(&unpacker_, -15);
}

WebSocket::~WebSocket() {
  deflateEnd(&packer_);
  inflateEnd(&unpacker_);
}

asio::awaitable<bool> WebSocket::Await(std::size_t bytes) {
  while (unread_.size() < bytes) {
    const std::size_t had = unread_.size();
    unread_.resize(had + kReadBytes);
    const std::size_t n = co_await transport_.ReadSome(unread_.data() + had, kReadBytes);
    unread_.resize(had + n);
    if (n == 0) co_return false;
  }
  co_return true;
}

asio::awaitable<std::optional<WebSocket::Frame>> WebSocket::ReadFrame() {
  const bool begun = co_await Await(2);
  if (!begun) co_return std::nullopt;
  const auto byte = [this](std::size_t i) { return static_cast<unsigned char>(unread_[i]); };
  Frame frame;
  frame.opcode = byte(0) & kOpcodes;
  frame.fin = (byte(0) & kFin) != 0;
  frame.rsv1 = (byte(0) & kRsv1) != 0;
  std::uint64_t size = byte(1) & 0x7f;
  if ((byte(1) & 0x80) == 0) co_return std::nullopt;  // a client masks
  const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
  const std::size_t head = 2 + more + 4;
  const bool has_head = co_await Await(head);
  if (!has_head) co_return std::nullopt;
  if (more > 0) size = 0;
  for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(2 + i);
  if (size > kMessageBytesMax) co_return std::nullopt;
  const bool whole = co_await Await(head + size);
  if (!whole) co_return std::nullopt;
  const std::string mask = unread_.substr(head - 4, 4);
  frame.payload = unread_.substr(head, size);
  unread_.erase(0, head + size);
  for (std::size_t i = 0; i < size; ++i) {
    frame.payload[i] = static_cast<char>(frame.payload[i] ^ mask[i % 4]);
  }
  co_return frame;
}

asio::awaitable<std::optional<WebSocket::Message>> WebSocket::Read() {
  Message message;
  for (bool begun = false;;) {
    std::optional<Frame> frame = co_await ReadFrame();
    if (!frame) co_return std::nullopt;
    if (frame->opcode >= kClose) {
      message.kind = frame->opcode == kClose  ? Message::Kind::kClose
                     : frame->opcode == kPing ? Message::Kind::kPing
                                              : Message::Kind::kPong;
      message.payload = std::move(frame->payload);
      // Only a test that wants to see nothing else sends one into a message.
      co_return message;
    }
    if (begun != (frame->opcode == kContinuation)) co_return std::nullopt;
    if (!begun) message.packed = frame->rsv1;
    begun = true;
    message.payload += frame->payload;
    if (frame->fin) break;
  }
  if (!message.packed) co_return message;
  std::optional<std::string> text =
      deflates_ ? Unpack(std::move(message.payload)) : std::optional<std::string>();
  if (!text) co_return std::nullopt;
  message.payload = *std::move(text);
  co_return message;
}

std::optional<std::string> WebSocket::Unpack(std::string packed) {
  packed += kLeftOut;
  unpacker_.next_in = reinterpret_cast<Bytef*>(packed.data());
  unpacker_.avail_in = static_cast<uInt>(packed.size());
  std::string text;
  do {
    const std::size_t had = text.size();
    text.resize(had + kReadBytes);
    unpacker_.next_out = reinterpret_cast<Bytef*>(text.data() + had);
    unpacker_.avail_out = kReadBytes;
    const int result = inflate(&unpacker_, Z_SYNC_FLUSH);
    text.resize(had + kReadBytes - unpacker_.avail_out);
    if (result != Z_OK && result != Z_BUF_ERROR) return std::nullopt;
  } while (unpacker_.avail_out == 0);
  return text;
}

std::string WebSocket::Pack(std::string_view text) {
  std::string packed(deflateBound(&packer_, text.size()) + 64, '\0');
  packer_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  packer_.avail_in = static_cast<uInt>(text.size());
  packer_.next_out = reinterpret_cast<Bytef*>(packed.data());
  packer_.avail_out = static_cast<uInt>(packed.size());
  deflate(&packer_, Z_SYNC_FLUSH);
  packed.resize(packed.size() - packer_.avail_out - kLeftOut.size());
  return packed;
}

asio::awaitable<bool> WebSocket::Write(int first_byte, std::string payload) {
  std::string frame(1, static_cast<char>(first_byte));
  const std::uint64_t size = payload.size();
  const int more = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  frame.push_back(static_cast<char>(more == 0 ? size : more == 2 ? 126 : 127));
  for (int i = more - 1; i >= 0; --i) frame.push_back(static_cast<char>(size >> (8 * i)));
  frame += payload;
  co_return co_await transport_.Write(frame);
}

// As Google does: JSON in binary frames.
asio::awaitable<bool> WebSocket::WriteBinary(std::string text) {
  if (deflates_) co_return co_await Write(kFin | kRsv1 | kBinary, Pack(text));
  co_return co_await Write(kFin | kBinary, std::move(text));
}

asio::awaitable<bool> WebSocket::WriteTextInPieces(std::string text, std::size_t bytes, bool ping) {
  bool written = true;
  for (std::size_t at = 0; written && at < text.size();) {
    std::string piece = text.substr(at, bytes);
    const int opcode = at == 0 ? kText : kContinuation;
    at += piece.size();
    written = co_await Write((at == text.size() ? kFin : 0) | opcode, std::move(piece));
    if (written && std::exchange(ping, false)) {
      written = co_await WriteControl(Message::Kind::kPing, "in between");
    }
  }
  co_return written;
}

asio::awaitable<bool> WebSocket::WriteControl(Message::Kind kind, std::string payload) {
  const int opcode = kind == Message::Kind::kPing   ? kPing
                     : kind == Message::Kind::kPong ? kPong
                                                    : kClose;
  co_return co_await Write(kFin | opcode, std::move(payload));
}

asio::awaitable<bool> WebSocket::WriteClose(int code, std::string reason) {
  constexpr std::size_t kReasonBytesMax = 123;
  std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  payload += reason.substr(0, kReasonBytesMax);
  co_return co_await WriteControl(Message::Kind::kClose, std::move(payload));
}

}  // namespace keypool::fake
