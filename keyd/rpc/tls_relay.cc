#include "keyd/rpc/tls_relay.h"

#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace keypool::rpc {
namespace {

constexpr std::size_t kBytes = 16 * 1024;  // as much as a TLS record holds

// What came from one side and the other has not taken yet.
class Pipe {
 public:
  bool empty() const { return at_ == end_; }
  char* room() { return bytes_.data(); }
  void Put(std::size_t size) { at_ = 0, end_ = size; }
  std::string_view rest() const { return {bytes_.data() + at_, end_ - at_}; }
  void Take(std::size_t size) { at_ += size; }

 private:
  std::array<char, kBytes> bytes_;
  std::size_t at_ = 0, end_ = 0;
};

enum class Step { kMoved, kWaits, kOver };

class Relay {
 public:
  Relay(SSL* tls, int tls_fd, int plain_fd) : tls_(tls), tls_fd_(tls_fd), plain_fd_(plain_fd) {}

  void Run() {
    for (;;) {
      tls_events_ = plain_events_ = 0;
      const Step steps[] = {FromTls(), ToPlain(), FromPlain(), ToTls()};
      bool moved = false;
      for (const Step step : steps) {
        if (step == Step::kOver) return;
        moved |= step == Step::kMoved;
      }
      if (!moved && !Wait()) return;
    }
  }

 private:
  Step OfTls(int result) {
    switch (SSL_get_error(tls_, result)) {
      case SSL_ERROR_WANT_READ:
        tls_events_ |= POLLIN;
        return Step::kWaits;
      case SSL_ERROR_WANT_WRITE:
        tls_events_ |= POLLOUT;
        return Step::kWaits;
      default:
        return Step::kOver;
    }
  }
  Step OfPlain(short event) {
    if (errno == EINTR) return Step::kMoved;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Step::kOver;
    plain_events_ = static_cast<short>(plain_events_ | event);
    return Step::kWaits;
  }

  Step FromTls() {
    if (!inbound_.empty()) return Step::kWaits;
    ERR_clear_error();
    const int n = SSL_read(tls_, inbound_.room(), kBytes);
    if (n <= 0) return OfTls(n);
    inbound_.Put(static_cast<std::size_t>(n));
    return Step::kMoved;
  }
  Step ToPlain() {
    if (inbound_.empty()) return Step::kWaits;
    const std::string_view rest = inbound_.rest();
    const ssize_t n = send(plain_fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0) return OfPlain(POLLOUT);
    inbound_.Take(static_cast<std::size_t>(n));
    return Step::kMoved;
  }
  Step FromPlain() {
    if (!outbound_.empty()) return Step::kWaits;
    const ssize_t n = recv(plain_fd_, outbound_.room(), kBytes, 0);
    if (n == 0) return Step::kOver;
    if (n < 0) return OfPlain(POLLIN);
    outbound_.Put(static_cast<std::size_t>(n));
    return Step::kMoved;
  }
  Step ToTls() {
    if (outbound_.empty()) return Step::kWaits;
    ERR_clear_error();
    const std::string_view rest = outbound_.rest();
    const int n = SSL_write(tls_, rest.data(), static_cast<int>(rest.size()));
    if (n <= 0) return OfTls(n);
    outbound_.Take(static_cast<std::size_t>(n));
    return Step::kMoved;
  }

  bool Wait() const {
    pollfd sockets[] = {{tls_fd_, tls_events_, 0}, {plain_fd_, plain_events_, 0}};
    int ready = 0;
    do {
      ready = poll(sockets, 2, -1);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
  }

  SSL* const tls_;
  const int tls_fd_, plain_fd_;
  Pipe inbound_, outbound_;
  short tls_events_ = 0, plain_events_ = 0;
};

}  // namespace

void RelayTls(SSL* tls, int tls_fd, int plain_fd) { Relay(tls, tls_fd, plain_fd).Run(); }

}  // namespace keypool::rpc
