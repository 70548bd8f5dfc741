#include "proxy/transport.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace keypool::proxy {
namespace {

// The largest TLS record: more in one SSL_write would be cut anyway.
constexpr std::size_t kRecordBytes = 16 * 1024;

IoStatus TlsStatus(const SSL* ssl, int result) {
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
      return IoStatus::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return IoStatus::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return IoStatus::kEnd;
    default:  // also an end without close_notify: somebody may have cut the stream
      return IoStatus::kFailed;
  }
}

}  // namespace

IoStatus Transport::Handshake() {
  if (ssl_ == nullptr) return IoStatus::kDone;
  ERR_clear_error();
  return OfTls(SSL_do_handshake(ssl_.get()), 0).status;
}

IoResult Transport::Read(char* to, std::size_t size) {
  if (ssl_ == nullptr) return socket_.Read(to, size);
  ERR_clear_error();
  std::size_t bytes = 0;
  const int result = SSL_read_ex(ssl_.get(), to, size, &bytes);
  return OfTls(result, bytes);
}

IoResult Transport::OfTls(int result, std::size_t bytes) {
  if (result == 1) return {IoStatus::kDone, bytes};
  const IoStatus status = TlsStatus(ssl_.get(), result);
  socket_.Note(status);
  return {status, 0};
}

IoResult Transport::Write(std::span<const iovec> parts) {
  if (ssl_ == nullptr) return socket_.Write(parts);
  // Head and body in one record and one send: copying 16 KiB is cheaper than another send.
  std::array<char, kRecordBytes> record;
  std::size_t size = 0;
  for (const iovec& part : parts) {
    const std::size_t n = std::min(part.iov_len, record.size() - size);
    std::memcpy(record.data() + size, part.iov_base, n);
    size += n;
    if (size == record.size()) break;
  }
  ERR_clear_error();
  std::size_t bytes = 0;
  const int result = SSL_write_ex(ssl_.get(), record.data(), size, &bytes);
  OPENSSL_cleanse(record.data(), std::min<std::size_t>(size, 2048));  // a key may stand in the head
  return OfTls(result, bytes);
}

void Transport::Arm(IoStatus want) {
  if (want == IoStatus::kWantWrite) {
    socket_.ArmWrite();
  } else {
    socket_.ArmRead();
  }
}

bool Transport::Armed(IoStatus want) const {
  return want == IoStatus::kWantWrite ? socket_.WriteArmed() : socket_.ReadArmed();
}

bool Transport::HasBytes() {
  char byte = 0;
  if (ssl_ != nullptr) {
    if (!socket_.MayBeReadable() && SSL_has_pending(ssl_.get()) == 0) return false;
    // Session tickets and their like are no payload: OpenSSL has to look at them first.
    ERR_clear_error();
    std::size_t bytes = 0;
    const int result = SSL_peek_ex(ssl_.get(), &byte, 1, &bytes);
    return OfTls(result, bytes).status != IoStatus::kWantRead;
  }
  if (!socket_.MayBeReadable()) return false;
  const ssize_t n = ::recv(socket_.Descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return !(n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

char Transport::PeekFirst() const {
  char byte = 0;
  const ssize_t n = ::recv(socket_.Descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 1 ? byte : '\0';
}

void Transport::EndWriting() {
  // One try: who does not take it sees the end of the connection all the same.
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_.get()) == 1) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  socket_.EndWriting();
}

}  // namespace keypool::proxy
